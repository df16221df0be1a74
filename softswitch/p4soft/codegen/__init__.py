"""From BMv2 JSON to one C file: :func:`p4soft.codegen.unit.generate` is the entry point."""

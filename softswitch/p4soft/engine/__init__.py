"""The forwarding engine: compiles a BMv2 JSON to native code and runs it on a thread of its own."""

from p4soft.engine.native import NativeEngine, TableUpdate, UpdateKind

__all__ = ["NativeEngine", "TableUpdate", "UpdateKind"]

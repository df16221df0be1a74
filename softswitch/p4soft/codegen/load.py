"""BMv2 JSON to :class:`p4soft.codegen.model.ProgramDef`: types, headers, state, calculations."""

from __future__ import annotations

from p4soft.api import PipelineError
from p4soft.codegen import model as m
from p4soft.codegen.cells import cell_bytes
from p4soft.codegen.flow import arrange_registers
from p4soft.codegen.jsonread import Node, parse
from p4soft.codegen.load_flow import load_actions, load_parser, load_pipeline
from p4soft.codegen.load_inputs import calculation_inputs
from p4soft.codegen.scope import Scope
from p4soft.codegen.value_sets import load_value_sets

_CORE_ERRORS = (
    "NoError",
    "PacketTooShort",
    "NoMatch",
    "StackOutOfBounds",
    "HeaderTooShort",
    "ParserTimeout",
    "ParserInvalidArgument",
)
_STANDARD = {
    "ingress_port": "standard_metadata",
    "egress_spec": "standard_metadata",
    "egress_port": "standard_metadata",
    "instance_type": "standard_metadata",
    "packet_length": "standard_metadata",
    "parser_error": "standard_metadata",
    "checksum_error": "standard_metadata",
    "ingress_global_timestamp": "intrinsic_metadata",
    "egress_global_timestamp": "intrinsic_metadata",
    "mcast_grp": "intrinsic_metadata",
    "egress_rid": "intrinsic_metadata",
    "priority": "intrinsic_metadata",
    "enq_timestamp": "queueing_metadata",
    "enq_qdepth": "queueing_metadata",
    "deq_timedelta": "queueing_metadata",
    "deq_qdepth": "queueing_metadata",
    "qid": "queueing_metadata",
}
_REQUIRED = ("ingress_port", "egress_spec", "egress_port", "instance_type", "packet_length")
_MAX_FIELD_BITS = 1 << 14


def load_program(config: bytes) -> m.ProgramDef:
    """Read and check a BMv2 JSON document. Raises PipelineError."""
    try:
        return _load(parse(config))
    except RecursionError:
        raise PipelineError("the BMv2 JSON is nested too deeply") from None


def _load(root: Node) -> m.ProgramDef:
    if root.has("__meta__"):
        version = root["__meta__"]["version"]
        if version[0].integer() != 2:
            raise version.fail(f"format version {version.raw} is not supported; version 2 is")
    program = m.ProgramDef()
    scope = Scope()
    _load_types(root, scope)
    _load_headers(root, scope, program)
    _load_state(root, scope, program)
    _load_calculations(root, scope, program)
    program.errors = _load_errors(root)
    for item in root.list_of("field_lists"):
        fields = [scope.plain_field(e["value"]) for e in item["elements"].items() if e["type"].raw == "field"]
        program.field_lists.append(m.FieldList(item["id"].integer(0, 0xFFFF), fields))
    for item in root.list_of("learn_lists"):
        refs = [scope.field(e["value"]) for e in item["elements"].items()]
        program.learn_lists.append(m.LearnList(item["name"].text(), item["id"].integer(1, 0xFFFF), refs))
    actions = load_actions(root, scope, program)
    load_value_sets(root, program)
    program.parser = load_parser(root, scope, program)
    for node in root.list_of("pipelines"):
        pipeline = load_pipeline(node, scope, program, actions)
        if pipeline.name == "ingress":
            program.ingress = pipeline
        elif pipeline.name == "egress":
            program.egress = pipeline
        else:
            raise node.fail("the pipelines of v1model are called ingress and egress")
    _load_checksums(root, scope, program)
    _load_deparser(root, scope, program)
    _resolve_standard(root, scope, program)
    arrange_registers(program)
    return program


def _load_types(root: Node, scope: Scope) -> None:
    for node in root.list_of("header_types"):
        name = node["name"].text()
        fields: list[m.FieldDef] = []
        varbit: m.FieldDef | None = None
        offset = 0
        for item in node["fields"].items():
            label = item[0].text()
            signed = len(item.raw) > 2 and bool(item.raw[2])
            if len(item.raw) > 3 and item.raw[3]:
                raise item.fail("saturating fields (P4_14) are not supported")
            if item[1].raw == "*":
                if varbit is not None:
                    raise item.fail("a header type can have one variable-length field")
                varbit = m.FieldDef(label, 0, signed, len(fields), offset, True)
                fields.append(varbit)
                if offset % 8:
                    raise item.fail("a variable-length field has to start on a byte boundary")
                continue
            bits = item[1].integer(1, _MAX_FIELD_BITS)
            fields.append(m.FieldDef(label, bits, signed, len(fields), offset))
            offset += bits
        maximum = (offset + 7) // 8
        if varbit is not None:
            maximum = max(maximum, node["max_length"].integer(0, 1 << 14) if node.has("max_length") else maximum)
        by_name = {f.name: f for f in fields}
        scope.types[name] = m.HeaderType(name, fields, by_name, (offset + 7) // 8, varbit, maximum)


def _load_headers(root: Node, scope: Scope, program: m.ProgramDef) -> None:
    labels = _union_labels(root)
    for node in root.list_of("headers"):
        if node["header_type"].text() in labels:
            _load_bare_union(node, labels[node["header_type"].text()], scope, program)
            continue
        type_ = scope.types.get(node["header_type"].text())
        if type_ is None:
            raise node.fail(f"there is no header type {node['header_type'].raw!r}")
        header = m.Header(
            node["name"].text(), node["id"].integer(), len(program.headers), type_, node["metadata"].boolean()
        )
        if not header.metadata and sum(f.bits for f in type_.fields) % 8:
            raise node.fail(f"the fields of {type_.name} do not fill whole bytes")
        if header.metadata and type_.varbit is not None:
            header.metadata, header.scratch = False, True
        _add_header(node, header, scope, program)
    for node in root.list_of("header_stacks"):
        stack = m.Stack(node["name"].text(), len(program.stacks), [_by_id(i, scope) for i in _ids(node, "header_ids")])
        if not stack.headers:
            raise node.fail("an empty stack")
        for i, header in enumerate(stack.headers):
            if header.type is not stack.headers[0].type or header.stack is not None or header.metadata:
                raise node.fail(f"{header.name} cannot be an element")
            header.stack, header.position = stack, i
        program.stacks.append(stack)
        scope.stacks[stack.name] = stack
    for node in root.list_of("header_unions"):
        union = m.Union(node["name"].text(), [_by_id(i, scope) for i in _ids(node, "header_ids")])
        for i, header in enumerate(union.members):
            if header.union is not None or header.stack is not None or header.metadata:
                raise node.fail(f"{header.name} cannot be a member")
            header.union, header.position = union, i
        program.unions.append(union)
        scope.unions[union.name] = union
    union_ids = {n["id"].integer(): scope.unions[n["name"].text()] for n in root.list_of("header_unions")}
    for node in root.list_of("header_union_stacks"):
        unions = [union_ids.get(i.integer()) for i in node["header_union_ids"].items()]
        members = labels.get(node["union_type"].text())
        if not unions or any(u is None for u in unions) or members is None:
            raise node.fail("its unions or union type do not exist")
        ustack = m.UnionStack(node["name"].text(), len(program.union_stacks), [u for u in unions if u], {})
        ustack.members = {label: i for i, label in enumerate(members)}
        for i, union in enumerate(ustack.unions):
            if len(union.members) != len(members) or union.stack is not None:
                raise node.fail(f"{union.name} cannot be an element")
            union.stack, union.position = ustack, i
        program.union_stacks.append(ustack)
        scope.union_stacks[ustack.name] = ustack


def _union_labels(root: Node) -> dict[str, dict[str, Node]]:
    """By type of header union, its members and the names of their types."""
    return {
        node["name"].text(): {item[0].text(): item[1] for item in node["headers"].items()}
        for node in root.list_of("header_union_types")
    }


def _add_header(node: Node, header: m.Header, scope: Scope, program: m.ProgramDef) -> None:
    if header.name in scope.headers:
        raise node.fail("a second header of this name")
    program.headers.append(header)
    scope.headers[header.name] = scope.by_id[header.id] = header


def _load_bare_union(node: Node, labels: dict[str, Node], scope: Scope, program: m.ProgramDef) -> None:
    """A header union in a struct of nothing but unions: p4c lists it as a header of the union's type, and its members,
    to which it refers by name, nowhere."""
    union = m.Union(node["name"].text(), [])
    for at, (label, name) in enumerate(labels.items()):
        type_ = scope.types.get(name.text())
        if type_ is None:
            raise name.fail(f"there is no header type {name.raw!r}")
        member = m.Header(f"{union.name}.{label}", -1 - len(program.headers), len(program.headers), type_, False)
        member.union, member.position = union, at
        _add_header(node, member, scope, program)
        union.members.append(member)
    program.unions.append(union)
    scope.unions[union.name] = union


def _ids(node: Node, key: str) -> list[Node]:
    return list(node[key].items())


def _by_id(node: Node, scope: Scope) -> m.Header:
    header = scope.by_id.get(node.integer())
    if header is None:
        raise node.fail(f"there is no header with id {node.raw}")
    return header


def _load_state(root: Node, scope: Scope, program: m.ProgramDef) -> None:
    for node in root.list_of("counter_arrays"):
        if node.flag("is_direct"):
            continue
        counter = m.CounterArray(node["name"].text(), len(program.counters), node["size"].integer(0, 1 << 28))
        program.counters.append(counter)
        scope.counters[counter.name] = counter
    for node in root.list_of("meter_arrays"):
        if node.has("rate_count") and node["rate_count"].integer() != 2:
            raise node.fail("only meters with two rates are supported")
        direct = node.flag("is_direct")
        size = 0 if direct else node["size"].integer(0, 1 << 26)
        target = scope.plain_field(node["result_target"]) if direct else None
        index = -1 if direct else len(program.meters)
        meter = m.MeterArray(node["name"].text(), index, size, node["type"].text() == "bytes", target)
        if not direct:
            program.meters.append(meter)
        scope.meters[meter.name] = meter
    for node in root.list_of("register_arrays"):
        bits = node["bitwidth"].integer(1, _MAX_FIELD_BITS)
        size, number = node["size"].integer(0, 1 << 28), len(program.registers)
        register = m.RegisterArray(node["name"].text(), number, size, bits, number, 0, cell_bytes(bits))
        program.registers.append(register)
        scope.registers[register.name] = register


def _load_calculations(root: Node, scope: Scope, program: m.ProgramDef) -> None:
    for node in root.list_of("calculations"):
        calculation = m.Calculation(node["name"].text(), node["algo"].text(), calculation_inputs(node, scope))
        program.calculations.append(calculation)
        scope.calculations[calculation.name] = calculation


def _load_checksums(root: Node, scope: Scope, program: m.ProgramDef) -> None:
    for node in root.list_of("checksums"):
        if node["type"].text() != "generic":
            raise node.fail(f"a checksum of type {node['type'].raw!r} is not supported")
        calculation = scope.calculations.get(node["calculation"].text())
        if calculation is None:
            raise node.fail(f"there is no calculation {node['calculation'].raw!r}")
        condition = scope.value(node["if_cond"], []) if node.has("if_cond") else None
        program.checksums.append(
            m.Checksum(
                node["name"].text(),
                scope.plain_field(node["target"]),
                calculation,
                node.flag("update", True),
                node.flag("verify", True),
                condition,
            )
        )


def _load_errors(root: Node) -> dict[str, int]:
    errors = {item[0].text(): item[1].integer(0, (1 << 31) - 2) for item in root.list_of("errors")}
    for name in _CORE_ERRORS:
        if name not in errors:
            errors[name] = next(i for i in range(1 << 16) if i not in errors.values())
    return errors


def _load_deparser(root: Node, scope: Scope, program: m.ProgramDef) -> None:
    deparsers = list(root.list_of("deparsers"))
    if len(deparsers) > 1:
        raise deparsers[1].fail("v1model has one deparser")
    if not deparsers:
        return
    if deparsers[0].has("primitives") and deparsers[0]["primitives"].raw:
        raise deparsers[0].fail("statements other than emit in the deparser are not supported")
    program.deparser = [scope.header(item) for item in deparsers[0]["order"].items()]


def _resolve_standard(root: Node, scope: Scope, program: m.ProgramDef) -> None:
    aliases = {item[0].text(): item[1] for item in root.list_of("field_aliases")}
    for name, home in _STANDARD.items():
        alias = aliases.get(f"{home}.{name}") or aliases.get(f"standard_metadata.{name}")
        if alias is not None:
            program.standard[name] = scope.plain_field(alias)
            continue
        header = scope.headers.get(home) or scope.headers.get("standard_metadata")
        if home != "standard_metadata" and home not in scope.headers:
            continue
        if header is not None and name in header.type.by_name:
            program.standard[name] = m.FieldRef(m.HeaderRef(header), header.type.by_name[name])
    for name in _REQUIRED:
        if name not in program.standard:
            raise root.fail(f"standard_metadata.{name} is missing: only programs for v1model can be run")

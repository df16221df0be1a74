"""BMv2 JSON to the model: actions, parser, pipelines, tables."""

from __future__ import annotations

from p4soft.codegen import model as m
from p4soft.codegen import value_sets
from p4soft.codegen.cells import cell_bytes
from p4soft.codegen.jsonread import Node
from p4soft.codegen.load_entries import load_entries
from p4soft.codegen.profiles import attach, load_profile
from p4soft.codegen.scope import Scope

_MAX_KEY = 512
_MAX_LPM = 512
_MAX_PARAMS = 1024
_KINDS = {"exact", "lpm", "ternary", "range", "valid", "optional"}


def _argument(node: Node, scope: Scope, params: list[int]) -> m.Argument:
    kind = node["type"].text()
    value = node["value"]
    if kind == "string":
        return value.text()
    if kind == "parameters_vector":
        # For a text without values, p4c writes an empty object.
        return () if value.raw == {} else tuple(scope.value(item, params) for item in value.items())
    if kind == "calculation":
        if value.text() not in scope.calculations:
            raise node.fail(f"there is no calculation {value.raw!r}")
        return scope.calculations[value.text()]
    if kind == "counter_array":
        if value.text() not in scope.counters:
            raise node.fail(f"there is no indirect counter {value.raw!r}")
        return scope.counters[value.text()]
    if kind == "meter_array":
        if value.text() not in scope.meters:
            raise node.fail(f"there is no meter {value.raw!r}")
        return scope.meters[value.text()]
    if kind == "register_array":
        return scope.register(value)
    if kind == "extern":
        raise node.fail(f"extern instance {value.raw!r}: user externs are not supported")
    return scope.value(node, params)


def _primitive(node: Node, scope: Scope, params: list[int]) -> m.Primitive:
    op = node["op"].text()
    where = node.path
    if isinstance(node.raw.get("source_info"), dict):
        info = node.raw["source_info"]
        where = f"{info.get('filename', '?')}:{info.get('line', '?')}"
    source = _source(node)
    args = [_argument(a, scope, params) for a in node.list_of("parameters")]
    headers = [a.header for a in args if isinstance(a, m.HeaderRef)]
    if op == "mark_to_drop" or (op in ("assign_header", "copy_header") and all(h.metadata for h in headers)):
        return m.Primitive(op, args, where, source)
    for arg in args:
        # Metadata are variables, but everything else needs a header.
        if isinstance(arg, m.HeaderRef) and arg.header.metadata:
            if arg.header.name == "standard_metadata":
                raise node.fail("standard_metadata cannot be used as a header")
            arg.header.metadata, arg.header.scratch = False, True
    return m.Primitive(op, args, where, source)


def _source(node: Node) -> str:
    """The fragment of P4 that a primitive or condition was compiled from; empty when the compiler did not say."""
    info = node.raw.get("source_info") if isinstance(node.raw, dict) else None
    fragment = info.get("source_fragment") if isinstance(info, dict) else None
    return fragment if isinstance(fragment, str) else ""


def load_actions(root: Node, scope: Scope, program: m.ProgramDef) -> dict[int, m.ActionDef]:
    actions: dict[int, m.ActionDef] = {}
    for node in root.list_of("actions"):
        params = [p["bitwidth"].integer(1, 1 << 14) for p in node.list_of("runtime_data")]
        primitives = [_primitive(p, scope, params) for p in node.list_of("primitives")]
        action = m.ActionDef(node["name"].text(), node["id"].integer(), params, primitives)
        if action.id in actions:
            raise node.fail(f"a second action with id {action.id}")
        actions[action.id] = action
        program.actions.append(action)
    return actions


# parser


def _extract_target(node: Node, scope: Scope) -> m.Header | m.Stack | tuple[m.UnionStack, int]:
    kind, value = node["type"].text(), node["value"]
    if kind == "regular":
        return scope.header(value)
    if kind == "stack":
        return scope.stack(value)
    if kind == "union_stack":
        stack = scope.union_stack(value[0])
        return stack, scope.member(stack, value[1])
    raise node.fail(f"extraction into a {kind!r} is not supported")


def _parser_op(node: Node, scope: Scope) -> m.ParserOp:
    op, args = node["op"].text(), node["parameters"]
    if op == "extract":
        return m.Extract(_extract_target(args[0], scope), None)
    if op == "extract_VL":
        return m.Extract(_extract_target(args[0], scope), scope.value(args[1], []))
    if op == "set":
        target = scope.plain_field(args[0]["value"])
        return m.Call(m.Primitive("assign", [target, scope.value(args[1], [])], node.path))
    if op == "verify":
        return m.Verify(scope.value(args[0], []), scope.value(args[1], []))
    if op == "advance":
        return m.Advance(scope.value(args[0], []))
    if op == "shift":
        return m.Advance(m.Const(8 * args[0].integer(0, 1 << 16)))
    if op == "primitive":
        return m.Call(_primitive(args[0], scope, []))
    raise node.fail(f"parser operation {op!r} is not supported")


def _key_bits(expr: m.Expr, node: Node) -> int:
    if isinstance(expr, m.FieldRef) and not expr.field.varbit:
        return expr.field.bits
    if isinstance(expr, m.Lookahead):
        return expr.bits
    if isinstance(expr, m.ValidBit):
        return 1
    raise node.fail("a select key has to be a field or a lookahead")


def _split(value: int, widths: list[int]) -> list[int]:
    """One number in which every field is padded to whole bytes, apart again."""
    parts: list[int] = []
    for bits in reversed(widths):
        size = (bits + 7) // 8 * 8
        parts.append(value & ((1 << size) - 1))
        value >>= size
    return parts[::-1]


def _transition(node: Node, widths: list[int], names: set[str], program: m.ProgramDef) -> m.Transition:
    following = node["next_state"].optional_text()
    if following is not None and following not in names:
        raise node.fail(f"there is no parser state {following!r}")
    kind = node["type"].text() if node.has("type") else ("default" if node["value"].raw == "default" else "hexstr")
    if kind == "default":
        return m.Transition(None, None, following)
    if kind == "parse_vset":
        return value_sets.transition(node, widths, program)
    if kind != "hexstr":
        raise node.fail(f"a transition of type {kind!r} is not supported")
    masks = _split(node["mask"].hex(), widths) if node.has("mask") else None
    return m.Transition(_split(node["value"].hex(), widths), masks, following)


def load_parser(root: Node, scope: Scope, program: m.ProgramDef) -> m.ParserDef:
    parsers = list(root.list_of("parsers"))
    if len(parsers) > 1:
        raise parsers[1].fail("v1model has one parser")
    if not parsers:
        return m.ParserDef(None, {})
    nodes = list(parsers[0]["parse_states"].items())
    names = {n["name"].text() for n in nodes}
    states: dict[str, m.ParserState] = {}
    for i, node in enumerate(nodes):
        ops = [_parser_op(o, scope) for o in node["parser_ops"].items()]
        key: list[tuple[m.Expr, int]] = []
        for item in node["transition_key"].items():
            expr = scope.value(item, [])
            key.append((expr, _key_bits(expr, item)))
        widths = [bits for _, bits in key]
        transitions = [_transition(n, widths, names, program) for n in node["transitions"].items()]
        states[node["name"].text()] = m.ParserState(node["name"].text(), i, ops, key, transitions)
    init = parsers[0]["init_state"].optional_text()
    if init is not None and init not in states:
        raise parsers[0].fail(f"there is no parser state {init!r}")
    return m.ParserDef(init, states)


# pipelines


def _key_field(node: Node, scope: Scope) -> m.KeyField:
    kind = node["match_type"].text()
    if kind not in _KINDS:
        raise node.fail(f"match kind {kind!r} is not supported")
    target: m.Expr
    if kind == "valid":
        target = m.ValidBit(m.HeaderRef(scope.header(node["target"])))
        bits, kind = 1, "exact"
    else:
        raw = node["target"]
        found = scope.value(raw, []) if isinstance(raw.raw, dict) else scope.field(raw)
        if not isinstance(found, m.FieldRef | m.ValidBit):
            raise raw.fail("a field was expected")
        target = found
        bits = 1 if isinstance(target, m.ValidBit) else target.field.bits
        if bits == 0:
            raise node.fail("a variable-length field cannot be a table key")
    mask = node["mask"].hex() & ((1 << bits) - 1) if node.has("mask") else None
    if mask == (1 << bits) - 1:
        mask = None
    name = node["name"].text() if node.has("name") else ".".join(map(str, node["target"].raw or ["?"]))
    return m.KeyField(name, kind, target, bits, mask)


def _default_entry(node: Node, table_actions: list[m.ActionDef]) -> tuple[int | None, list[int], bool]:
    if not node.has("default_entry"):
        return None, [], False
    entry = node["default_entry"]
    wanted = entry["action_id"].integer()
    at = next((i for i, a in enumerate(table_actions) if a.id == wanted), None)
    if at is None:
        raise entry.fail(f"action {wanted} is not one of the table's actions")
    params = [p.hex() for p in entry.list_of("action_data")]
    if len(params) != len(table_actions[at].params):
        raise entry.fail(f"{table_actions[at].name} takes {len(table_actions[at].params)} parameters")
    return at, params, entry.flag("action_entry_const") or entry.flag("action_const")


def _table_actions(node: Node, actions: dict[int, m.ActionDef]) -> list[m.ActionDef]:
    """Old compilers give names only; newer ones ids, since names need not be unique."""
    out: list[m.ActionDef] = []
    by_name = {a.name: a for a in actions.values()}
    for item in node["action_ids" if node.has("action_ids") else "actions"].items():
        found = actions.get(item.integer()) if node.has("action_ids") else by_name.get(item.text())
        if found is None:
            raise item.fail(f"there is no action {item.raw!r}")
        out.append(found)
    return out


def _following(node: Node, actions: set[str]) -> dict[str, str | None]:
    """What comes next, by action or by whether an entry was hit."""
    following: dict[str, str | None] = {}
    for name, value in node["next_tables"].pairs():
        if name not in ("__HIT__", "__MISS__") and name not in actions:
            raise node.fail(f"next_tables names {name!r}, which is not one of the actions")
        following[name] = value.optional_text()
    return following


def _match_type(node: Node, key: list[m.KeyField]) -> str:
    kinds = {k.kind for k in key}
    if kinds & {"ternary", "range", "optional"}:
        match_type = "range" if "range" in kinds else "ternary"
    else:
        match_type = "lpm" if "lpm" in kinds else "exact"
    if match_type == "lpm" and sum(k.kind == "lpm" for k in key) > 1:
        raise node.fail("a table can have one lpm field")
    if any(k.kind == "lpm" and k.bits > _MAX_LPM for k in key):
        raise node.fail(f"lpm fields of more than {_MAX_LPM} bits are not supported")
    if sum((k.bits + 7) // 8 for k in key) > _MAX_KEY:
        raise node.fail(f"keys of more than {_MAX_KEY} bytes are not supported")
    return match_type


def _table(node: Node, scope: Scope, program: m.ProgramDef, actions: dict[int, m.ActionDef]) -> m.TableDef:
    key = [_key_field(k, scope) for k in node["key"].items()]
    table_actions = _table_actions(node, actions)
    following = _following(node, {action.name for action in table_actions})
    match_type = _match_type(node, key)
    if any(sum(cell_bytes(b) + 8 for b in a.params) > _MAX_PARAMS for a in table_actions):
        raise node.fail(f"actions with parameters of more than about {_MAX_PARAMS} bytes are not supported")
    default, params, const_default = _default_entry(node, table_actions)
    table = m.TableDef(
        name=node["name"].text(),
        index=len(program.tables),
        match_type=match_type,
        key=key,
        actions=table_actions,
        size=node["max_size"].integer(0, 1 << 26) if node.has("max_size") else 1024,
        with_counters=node.flag("with_counters"),
        support_timeout=node.flag("support_timeout"),
        direct_meter=None,
        next_by_action=following,
        next_hit=following.get("__HIT__"),
        next_miss=following.get("__MISS__"),
        has_hit="__HIT__" in following,
        has_miss="__MISS__" in following,
        base_next=node["base_default_next"].optional_text() if node.has("base_default_next") else None,
        default_action=default,
        default_params=params,
        const_default=const_default,
        entries=[],
    )
    if node.has("direct_meters"):
        name = node["direct_meters"].text()
        table.direct_meter = scope.meters.get(name)
        if table.direct_meter is None or table.direct_meter.target is None:
            raise node.fail(f"there is no direct meter {name!r}")
    if node.has("type") and node["type"].text() != "simple":
        attach(node, table, program)
    table.entries = load_entries(node, table.name, key, table_actions)
    program.tables.append(table)
    return table


def load_pipeline(node: Node, scope: Scope, program: m.ProgramDef, actions: dict[int, m.ActionDef]) -> m.PipelineDef:
    nodes: dict[str, m.Node] = {}
    for item in node.list_of("action_profiles"):
        load_profile(item, scope, program)
    for item in node.list_of("tables"):
        nodes[item["name"].text()] = _table(item, scope, program, actions)
    for item in node.list_of("conditionals"):
        cond = scope.value(item["expression"], [])
        name = item["name"].text()
        met, missed = item["true_next"].optional_text(), item["false_next"].optional_text()
        nodes[name] = m.Conditional(name, cond, met, missed, _source(item))
    for item in node.list_of("action_calls"):
        called = actions.get(item["action_id"].integer())
        if called is None or called.params:
            raise item.fail("it has to call an action without parameters")
        name = item["name"].text()
        nodes[name] = m.ActionCall(name, called, item["next_node"].optional_text())
    pipeline = m.PipelineDef(node["name"].text(), node["init_table"].optional_text(), nodes)
    _check_links(node, pipeline)
    return pipeline


def _links(item: m.Node) -> list[str | None]:
    if isinstance(item, m.Conditional):
        return [item.true_next, item.false_next]
    if isinstance(item, m.ActionCall):
        return [item.next_node]
    return [*item.next_by_action.values(), item.base_next]


def _check_links(node: Node, pipeline: m.PipelineDef) -> None:
    for link in [pipeline.init, *(x for item in pipeline.nodes.values() for x in _links(item))]:
        if link is not None and link not in pipeline.nodes:
            raise node.fail(f"there is no table, conditional or action call {link!r}")
    done: set[str] = set()
    active: set[str] = set()
    todo: list[tuple[str | None, bool]] = [(name, False) for name in pipeline.nodes]
    while todo:
        name, leave = todo.pop()
        if name is None or name in done:
            continue
        if leave:
            active.discard(name)
            done.add(name)
            continue
        if name in active:
            raise node.fail(f"{name!r} leads back to itself")
        active.add(name)
        todo.append((name, True))
        todo += [(link, False) for link in _links(pipeline.nodes[name])]

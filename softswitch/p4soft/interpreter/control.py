"""Ingress and egress, as functions of a packet."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from p4soft.api import PipelineError
from p4soft.codegen import model as m
from p4soft.interpreter import events
from p4soft.interpreter.expressions import Expressions
from p4soft.interpreter.frame import Frame, PacketLost
from p4soft.interpreter.primitives import Primitives
from p4soft.interpreter.tables import Lookup, pack_exact, unpack_params

Node = Callable[[Frame], str | None]
_Operation = Callable[[Frame], int | None]
"""Where in the action to go on; None: behind it."""
_MAX_LOOPS = 1 << 16
"""Times that one packet may jump back in actions, as in the native code."""


class Pipeline:
    """Runs a packet through one pipeline."""

    def __init__(self, program: m.ProgramDef, pipeline: m.PipelineDef, ex: Expressions, prims: Primitives) -> None:
        self._pipeline = pipeline
        self._ex = ex
        self._prims = prims
        self._actions = {id(a): self._action(a) for a in program.actions}
        self._begin = events.Stage(f"Pipeline '{pipeline.name}': start")
        self._end = events.Stage(f"Pipeline '{pipeline.name}': end")
        self._nodes = {name: self._node(node) for name, node in pipeline.nodes.items()}

    def run(self, frame: Frame) -> None:
        frame.tell(self._begin)
        frame.exited = False
        at = self._pipeline.init
        while at is not None and not frame.exited:
            at = self._nodes[at](frame)
        frame.tell(self._end)

    def _node(self, node: m.Node) -> Node:
        if isinstance(node, m.Conditional):
            met = self._ex.number(node.condition)

            def decide(frame: Frame) -> str | None:
                result = bool(met(frame))
                frame.tell(events.Decided(node, result))
                return node.true_next if result else node.false_next

            return decide
        if isinstance(node, m.ActionCall):

            def call(frame: Frame) -> str | None:
                self._act(frame, node.action, ())
                return node.next_node

            return call
        return self._table(node)

    # tables

    def _table(self, table: m.TableDef) -> Node:
        if table.direct_meter is not None or (table.profile is not None and table.profile.groups is not None):
            raise PipelineError(f"table {table.name}: a trace does not follow direct meters and action selectors")
        if not table.key and table.default_action is not None and table.const_default and not table.with_counters:
            action, params = table.actions[table.default_action], tuple(table.default_params)
            following = _after_miss(table, action)

            def only(frame: Frame) -> str | None:
                frame.tell(events.Applied(table, (), None))
                self._act(frame, action, params)
                return following

            return only
        lookup = Lookup(table, self._ex)

        def apply(frame: Frame) -> str | None:
            key = lookup.key(frame)
            entry = lookup.entry(frame, key)
            frame.tell(events.Applied(table, key, entry is not None))
            if table.profile is not None:
                return self._indirect(frame, table, table.profile, None if entry is None else entry.params)
            if entry is not None:
                found: tuple[int, bytes] | None = entry.action, entry.params
            else:
                found = frame.overlay.state.default(table)
            if found is None:
                return _after_miss(table, None)
            action = table.actions[found[0]]
            self._act(frame, action, unpack_params(action, found[1]))
            return _after_hit(table, action) if entry is not None else _after_miss(table, action)

        return apply

    def _indirect(self, frame: Frame, table: m.TableDef, profile: m.ProfileDef, reference: bytes | None) -> str | None:
        """The rest of a table with an action profile: an entry of nothing is a hit without action."""
        if reference is None:
            return _after_miss(table, None)
        member = frame.overlay.state.entry(profile.members, pack_exact(profile.members, (int.from_bytes(reference),)))
        own = {action.name: action for action in table.actions}
        action = own.get(profile.members.actions[member.action].name) if member is not None else None
        if member is None or action is None:
            return table.next_hit if table.has_hit else table.next_by_action.get("NoAction", table.base_next)
        self._act(frame, action, unpack_params(action, member.params))
        return _after_hit(table, action)

    # actions

    def _act(self, frame: Frame, action: m.ActionDef, params: tuple[int, ...]) -> None:
        frame.tell(events.Acted(action, params))
        frame.params = params
        operations = self._actions[id(action)]
        at = 0
        while at < len(operations):
            then = operations[at](frame)
            at = at + 1 if then is None else then

    def _action(self, action: m.ActionDef) -> Sequence[_Operation]:
        return [self._operation(prim, at) for at, prim in enumerate(action.primitives)]

    def _operation(self, prim: m.Primitive, at: int) -> _Operation:
        event = events.Primitive(prim) if prim.source else None
        if prim.op == "_jump":
            return _jump(event, _offset(prim), at)
        if prim.op == "_jump_if_zero":
            value, target = self._ex.number(prim.args[0]), _offset(prim)

            def jump_if_zero(frame: Frame) -> int | None:
                if event is not None:
                    frame.tell(event)
                return None if value(frame) else target

            return jump_if_zero
        step = self._prims.step(prim)
        if event is None:
            return step

        def operate(frame: Frame) -> None:
            frame.tell(event)
            step(frame)

        return operate


def _jump(event: events.Primitive | None, target: int, at: int) -> _Operation:
    def jump(frame: Frame) -> int:
        if event is not None:
            frame.tell(event)
        if target <= at:
            frame.steps += 1
            if frame.steps > _MAX_LOOPS:
                raise PacketLost("an action jumps back without end: dropping packet")
        return target

    return jump


def _offset(prim: m.Primitive) -> int:
    target = prim.args[-1] if prim.args else None
    if not isinstance(target, m.Const):
        raise PipelineError(f"{prim.where}: the target of {prim.op} has to be a constant")
    return target.value


def _after_hit(table: m.TableDef, action: m.ActionDef) -> str | None:
    return table.next_hit if table.has_hit else table.next_by_action.get(action.name, table.base_next)


def _after_miss(table: m.TableDef, action: m.ActionDef | None) -> str | None:
    if table.has_miss:
        return table.next_miss
    return table.base_next if action is None else table.next_by_action.get(action.name, table.base_next)

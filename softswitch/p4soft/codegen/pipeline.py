"""Ingress and egress: one label per table, condition and action call; actions are expanded where they are called."""

from __future__ import annotations

from p4soft.api import PipelineError
from p4soft.codegen import model as m
from p4soft.codegen.expr import Expressions
from p4soft.codegen.parser import comment
from p4soft.codegen.prims import Primitives
from p4soft.codegen.profiles import member_actions, resolve
from p4soft.codegen.tables import key_shape, lookup, params_code
from p4soft.codegen.trace import escaped
from p4soft.codegen.wide import container, literal

_MAX_LOOPS = 1 << 16
"""Times that one packet may jump back in actions: a loop whose counter overflows would never end otherwise."""


class PipelineWriter:
    """Emits one pipeline; it ends at the label ``<name>_end``."""

    def __init__(self, program: m.ProgramDef, pipeline: m.PipelineDef, ex: Expressions, prims: Primitives) -> None:
        self.program = program
        self.pipeline = pipeline
        self.ex = ex
        self.prims = prims
        self.end = f"{pipeline.name}_end"
        self.number = {name: i for i, name in enumerate(pipeline.nodes)}
        self.expansions = 0
        self.trace = prims.trace

    def write(self) -> list[str]:
        out = [*self.trace.line(f"Pipeline '{self.pipeline.name}': start"), self._jump(self.pipeline.init)]
        for node in self._reachable():
            out.append(f"{self._label(node.name)}: P4_LABEL; /* {comment(node.name)} */")
            if isinstance(node, m.Conditional):
                cond = self.ex.truth(node.condition)
                out.append(f"{{ const bool met = {cond};")
                out += self.trace.condition(node)
                out.append(f"if (met) {self._jump(node.true_next)} }}")
                out.append(self._jump(node.false_next))
            elif isinstance(node, m.ActionCall):
                out += ["{", *self._action(node.action, []), "}", self._jump(node.next_node)]
            else:
                out += self._table(node)
        return out

    def _reachable(self) -> list[m.Node]:
        """Nodes in the order in which they are run, so that the code falls through."""
        seen: dict[str, m.Node] = {}
        todo = [self.pipeline.init]
        while todo:
            name = todo.pop()
            if name is None or name in seen:
                continue
            node = self.pipeline.nodes[name]
            seen[name] = node
            if isinstance(node, m.Conditional):
                todo += [node.false_next, node.true_next]
            elif isinstance(node, m.ActionCall):
                todo.append(node.next_node)
            else:
                todo += [*reversed(node.next_by_action.values()), node.base_next]
        return list(seen.values())

    def _label(self, name: str) -> str:
        return f"{self.pipeline.name[0].upper()}{self.number[name]}"

    def _jump(self, name: str | None) -> str:
        return f"goto {self.end if name is None else self._label(name)};"

    # tables

    @staticmethod
    def _after_nothing(table: m.TableDef) -> str | None:
        """Where an entry leads whose group is empty: it is a hit, of NoAction."""
        return table.next_hit if table.has_hit else table.next_by_action.get("NoAction", table.base_next)

    def _after_hit(self, table: m.TableDef, action: m.ActionDef) -> str | None:
        return table.next_hit if table.has_hit else table.next_by_action.get(action.name, table.base_next)

    def _after_miss(self, table: m.TableDef, action: m.ActionDef | None) -> str | None:
        if table.has_miss:
            return table.next_miss
        return table.base_next if action is None else table.next_by_action.get(action.name, table.base_next)

    def _table(self, table: m.TableDef) -> list[str]:
        return self.trace.line(f"Applying table '{table.name}'") + self._applied(table)

    def _applied(self, table: m.TableDef) -> list[str]:
        if not table.key and table.default_action is not None and table.const_default and not self._counts(table):
            action = table.actions[table.default_action]
            params = [
                literal(v, self.ex.note(container(0, (1 << b) - 1)))
                for b, v in zip(action.params, table.default_params, strict=True)
            ]
            return ["{", *self._action(action, params), "}", self._jump(self._after_miss(table, action))]
        out = ["{", f"struct p4s_table *t = &c->objects.tables[{table.index}];", *lookup(table, self.ex)]
        out += self.trace.lookup(table, key_shape(table).offsets)
        out += self.trace.line(f"Table '{escaped(table.name)}': %s", 'e ? "hit" : "miss"')
        if table.profile is not None:
            return [*out, *self._indirect(table, table.profile), "}"]
        out.append("const bool hit = e != NULL; (void)hit;")
        if table.key:
            out += ["if (hit) {", *self._count(table), "} else {"]
        out += ["e = t->fallback;", *self._count_miss(table), "}" if table.key else "", "switch (p4s_action(e)) {"]
        for j, action in enumerate(table.actions):
            out.append(f"case {j}: {{ /* {comment(action.name)} */")
            out += self._action(action, params_code(table, action))
            hit, miss = self._after_hit(table, action), self._after_miss(table, action)
            out.append("}")
            out.append(self._jump(hit) if hit == miss else f"if (hit) {self._jump(hit)} else {self._jump(miss)}")
        return [*out, f"default: {self._jump(self._after_miss(table, None))}", "}", "}"]

    def _count(self, table: m.TableDef) -> list[str]:
        """What a hit does to the entry ``e``, whatever its action."""
        out = [f"p4s_hit(e, c, p->ingress_len, {str(table.with_counters).lower()});"]
        meter = table.direct_meter
        if meter is not None and meter.target is not None:
            amount = "p->ingress_len" if meter.bytes else "1"
            at = "((size_t)((uint8_t *)e - t->entries) / t->stride)"
            color = f"(uint64_t)p4s_meter_run(&t->meters[{at}], c->now, {amount})"
            out += self.prims.assign(meter.target, color, 64, meter.target.field.bits >= 2)
        return out

    @staticmethod
    def _counts(table: m.TableDef) -> bool:
        """Whether the default entry has a counter or a meter."""
        return table.with_counters or table.direct_meter is not None

    def _count_miss(self, table: m.TableDef) -> list[str]:
        """What a miss does to the default entry ``e``. Its meter, which BMv2 does not have, runs once it is set."""
        out = ["p4s_add(&e->packets, 1);", "p4s_add(&e->bytes, p->ingress_len);"] if table.with_counters else []
        meter = table.direct_meter
        if meter is not None and meter.target is not None:
            amount = "p->ingress_len" if meter.bytes else "1"
            color = f"(uint64_t)p4s_meter_run(&t->meters[t->desc->size], c->now, {amount})"
            out.append("if (t->meters[t->desc->size].configured) {")
            out += [*self.prims.assign(meter.target, color, 64, meter.target.field.bits >= 2), "}"]
        return out

    def _indirect(self, table: m.TableDef, profile: m.ProfileDef) -> list[str]:
        """The rest of a table with an action profile; it has no default action."""
        absent = self._jump(self._after_miss(table, None))
        missed = ["if (e == NULL) {", "e = t->fallback;", *self._count_miss(table), absent, "}"]
        out = [*(missed if self._counts(table) else [f"if (e == NULL) {absent}"]), *self._count(table)]
        out += resolve(profile, params_code(table, table.stored[0]), self.ex, self._jump(self._after_nothing(table)))
        out.append("switch (p4s_action(e)) {")
        for number, action in member_actions(table, profile):
            out.append(f"case {number}: {{ /* {comment(action.name)} */")
            out += self._action(action, params_code(profile.members, action))
            out += ["}", self._jump(self._after_hit(table, action))]
        return [*out, f"default: {absent}", "}"]

    # actions

    def _action(self, action: m.ActionDef, params: list[str]) -> list[str]:
        self.expansions += 1
        tag = f"{self.pipeline.name[0]}{self.expansions}"
        targets: set[int] = set()
        for prim in action.primitives:
            if prim.op in ("_jump", "_jump_if_zero"):
                targets.add(self._offset(prim))
        self.ex.params = params
        self.prims.exits = False
        out: list[str] = self.trace.action(action, params)
        for at, prim in enumerate(action.primitives):
            if at in targets:
                out.append(f"{tag}_{at}: P4_LABEL;")
            if prim.source:
                out += self.trace.primitive(prim)
            if prim.op == "_jump":
                if self._offset(prim) <= at:
                    out.append(f"if (P4_UNLIKELY(++steps > {_MAX_LOOPS})) {{ c->runaways++; return P4S_DROP; }}")
                out.append(f"goto {tag}_{self._offset(prim)};")
            elif prim.op == "_jump_if_zero":
                cond = prim.args[0]
                if isinstance(cond, str | tuple | m.Calculation | m.CounterArray | m.MeterArray):
                    raise PipelineError(f"{prim.where}: _jump_if_zero of something that is not a number")
                if isinstance(cond, m.RegisterArray):
                    raise PipelineError(f"{prim.where}: _jump_if_zero of a register array")
                out.append(f"if (!{self.ex.truth(cond)}) goto {tag}_{self._offset(prim)};")
            else:
                out += self.prims.statement(prim)
        if any(t >= len(action.primitives) for t in targets):
            out += [f"{tag}_{t}: P4_LABEL;" for t in sorted(targets) if t >= len(action.primitives)]
        out = self.prims.held(action.primitives, out)
        if self.prims.exits:
            out.append(f"if (left) goto {self.end};")
            return ["{ bool left = false;", *out, "}"]
        return out

    @staticmethod
    def _offset(prim: m.Primitive) -> int:
        target = prim.args[-1] if prim.args else None
        if not isinstance(target, m.Const) or not 0 <= target.value <= 1 << 20:
            raise PipelineError(f"{prim.where}: the target of {prim.op} has to be a constant")
        return target.value

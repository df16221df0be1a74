"""What a program is going to look up, told before it runs: a second, shorter function, whose results are only hints.

A lookup can be told ahead when its key consists of fields of received headers, or of metadata that the parser copies
from them. The function runs the parser as far as those headers go, hashes the keys and asks for the index; from there
the runtime (native/engine/ahead.c) goes on with the entry and the registers that its action is going to use.
"""

from __future__ import annotations

from collections import Counter

from p4soft.codegen import model as m
from p4soft.codegen.expr import Expressions
from p4soft.codegen.flow import Copies, register_index
from p4soft.codegen.layout import Layout
from p4soft.codegen.parser import ParserWriter, sets_metadata
from p4soft.codegen.prims import Primitives
from p4soft.codegen.tables import key_shape, key_words, param_layout
from p4soft.codegen.variables import header_variables, metadata_variables

_LEAST = 4096
"""As P4S_FEW: entries that stay in the caches by themselves."""
_MOST = 4
"""As P4S_HINTS."""


class AheadWriter:
    """Generates ``look_ahead`` and its description. ``tables`` are those it tells about."""

    def __init__(self, program: m.ProgramDef, layout: Layout) -> None:
        self.program = program
        self.layout = layout
        self.ex = Expressions(layout)
        extracted = {index for state in program.parser.states.values() for index in _extracted(state)}
        self._copied = _copied(program.parser)
        nodes = [n for n in program.ingress.nodes.values() if isinstance(n, m.TableDef)]
        sources = {t.name: set().union(*self._key_headers(t)) for t in nodes if t.size > _LEAST}
        found = [t for t in nodes if sources.get(t.name) and sources[t.name] <= extracted]
        self.tables = sorted(found, key=lambda t: -t.size)[:_MOST]

    def text(self) -> str:
        """The function, or what stands for it when there is nothing to tell."""
        if not self.tables:
            return "#define look_ahead NULL\n"
        wanted = {index for table in self.tables for each in self._key_headers(table) for index in each}
        prims = Primitives(self.ex, self.program)
        begin = [*prims.standard("ingress_port", "f->port"), *prims.standard("packet_length", "f->len")]
        front = ParserWriter(self.program, self.ex, prims, useful=self._useful(wanted)).write()
        lookups = [line for number, table in enumerate(self.tables) for line in self._lookup(number, table)]
        body = [
            "uint8_t *const own = c->scratch, *const pk = (uint8_t *)f->data;",
            "const uint32_t plen = f->len;",
            "uint32_t cur = 0, steps = 0, perr = 0;",
            f"uint64_t V[{self.layout.words}] = {{0}};",
            "(void)own; (void)pk; (void)plen; (void)cur; (void)steps; (void)perr;",
            *header_variables(self.layout),
            *metadata_variables(self.ex),
            *begin,
            *front,
            "parsed: P4_LABEL;",
            *lookups,
        ]
        head = "static void look_ahead(struct p4s_ctx *c, const struct p4s_frame *f, struct p4s_ahead *a) {\n"
        return head + "".join(f"  {line}\n" for line in body) + "}\n\n"

    def _lookup(self, number: int, table: m.TableDef) -> list[str]:
        words = key_shape(table).words
        headers = {h.index: h for h in self.program.headers}
        valid = " && ".join(
            sorted(
                f"({' || '.join(f'p4s_bget(V, {self.layout.header(headers[i]).bit})' for i in sorted(each))})"
                for each in self._key_headers(table)
            )
        )
        return [
            f"{{ const struct p4s_table *t = &c->objects.tables[{table.index}];",
            f"if (t->count > P4S_FEW && {valid}) {{",
            f"const uint64_t k[{words}] = {{{', '.join(key_words(table, self.ex))}}};",
            f"const uint32_t h = p4s_hash(k, {words}, t->seed);",
            f"a->hash[{number}] = h; a->known |= {1 << number}u;",
            "} }" if self._unless(table) else "__builtin_prefetch(&t->slots[h & t->mask]); } }",
        ]

    def _key_headers(self, table: m.TableDef) -> set[frozenset[int]]:
        """The headers of which each part of the key has its value, from one or another; empty when there is anything
        else in it."""
        if table.match_type != "exact":
            return set()
        out = {frozenset(self._sources(field.target)) for field in table.key}
        return set() if frozenset() in out else out

    def _sources(self, value: m.Expr) -> set[int]:
        """The headers that a field of a header or of metadata has its value from, as far as the parser goes."""
        if not isinstance(value, m.FieldRef) or not isinstance(value.header, m.HeaderRef):
            return set()
        header = value.header.header
        if header.metadata:
            return self._copied.get((header.index, value.field.index), set())
        return _received(value)

    def _useful(self, wanted: set[int]) -> set[str]:
        """Parser states from which on a wanted header may still be extracted."""
        states = self.program.parser.states
        useful = {name for name, state in states.items() if _extracted(state) & wanted}
        while True:
            more = {n for n, s in states.items() if any(t.next_state in useful for t in s.transitions)}
            if more <= useful:
                return useful
            useful |= more

    def _unless(self, table: m.TableDef) -> int:
        """Which of the tables, by bit, are looked up before this one, and keep it from being looked up by a hit."""
        mask = 0
        for number, other in enumerate(self.tables):
            if other is table:
                continue
            hit = [other.next_hit] if other.has_hit else [*other.next_by_action.values(), other.base_next]
            miss = [other.next_miss] if other.has_miss else hit
            if table.name in self._reachable(miss) and table.name not in self._reachable(hit):
                mask |= 1 << number
        return mask

    def _reachable(self, names: list[str | None]) -> set[str]:
        nodes, seen, todo = self.program.ingress.nodes, set[str](), list(names)
        while todo:
            name = todo.pop()
            if name is None or name in seen:
                continue
            seen.add(name)
            node = nodes[name]
            if isinstance(node, m.Conditional):
                todo += [node.true_next, node.false_next]
            elif isinstance(node, m.ActionCall):
                todo.append(node.next_node)
            else:
                todo += [*node.next_by_action.values(), node.base_next, node.next_hit, node.next_miss]
        return seen

    def description(self) -> list[str]:
        """The C definition of ``hints``."""
        if not self.tables:
            return ["#define hints NULL"]
        copies = Copies(self.program)
        index = register_index(self.program, copies)
        out, hints = [], []
        for number, table in enumerate(self.tables):
            reaches = []
            for j, action in enumerate(table.stored):
                for at, (bits, size, offset) in enumerate(param_layout(action.params)[0]):
                    class_ = copies.of(("parameter", id(action), at))
                    homes = Counter(r.home for r in self.program.registers if index.get(r.index) == class_)
                    # Where several lie apart, that of the most arrays: the others are for few packets.
                    if bits <= 64:
                        reaches += [f"{{{j}, {offset}, {size}, {home}}}" for home, _ in homes.most_common(1)]
            out.append(f"static const struct p4s_reach reaches{number}[] = {{{', '.join(reaches) or '{0, 0, 0, 0}'}}};")
            hints.append(f"{{{table.index}, {self._unless(table)}, {len(reaches)}, reaches{number}}}")
        return [*out, f"static const struct p4s_hint_desc hints[] = {{{', '.join(hints)}}};"]


def _extracted(state: m.ParserState) -> set[int]:
    targets = (op.target for op in state.ops if isinstance(op, m.Extract))
    return {target.index for target in targets if isinstance(target, m.Header)}


def _received(value: m.Argument | None) -> set[int]:
    """The header of a field that is received at a fixed place; none for anything else."""
    if not isinstance(value, m.FieldRef) or not isinstance(value.header, m.HeaderRef) or value.field.varbit:
        return set()
    header = value.header.header
    apart = header.metadata or header.scratch or header.stack is not None or header.union is not None
    return set() if apart else {header.index}


def _copied(parser: m.ParserDef) -> dict[tuple[int, int], set[int]]:
    """The fields of metadata that the parser copies from headers, with those headers. Constants that it sets beside are
    not told ahead: such a packet has other headers."""
    found: dict[tuple[int, int], set[int]] = {}
    mixed: set[tuple[int, int]] = set()
    for op in (op for state in parser.states.values() for op in state.ops):
        if isinstance(op, m.Call) and sets_metadata(op.primitive):
            target, value = op.primitive.args[:2]
            assert isinstance(target, m.FieldRef)
            assert isinstance(target.header, m.HeaderRef)
            place = (target.header.header.index, target.field.index)
            sources = _received(value)
            found.setdefault(place, set()).update(sources)
            if not sources and not isinstance(value, m.Const):
                mixed.add(place)
    return {place: headers for place, headers in found.items() if headers and place not in mixed}

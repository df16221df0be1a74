"""The generated C file as a whole.

One function runs a packet through parser, ingress, egress and deparser, with every header pointer and metadata field a
local variable: the C compiler sees all of it, keeps what is used in registers and drops the many copies that p4c makes.
Packets that are replicated leave the function between ingress and egress (``P4S_REPLICATE``), with their variables
saved in the packet's state, and enter it again in the middle.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from p4soft.api import PipelineError
from p4soft.codegen import model as m
from p4soft.codegen.ahead import AheadWriter
from p4soft.codegen.cells import cell_bytes
from p4soft.codegen.deparser import deparse, update_checksums, verify_checksums
from p4soft.codegen.expr import Expressions
from p4soft.codegen.flow import register_locks
from p4soft.codegen.layout import Layout
from p4soft.codegen.load import load_program
from p4soft.codegen.parser import ParserWriter
from p4soft.codegen.pipeline import PipelineWriter
from p4soft.codegen.prims import Primitives
from p4soft.codegen.tables import describe
from p4soft.codegen.trace import Tracer
from p4soft.codegen.variables import header_variables, metadata_variables
from p4soft.codegen.wide import c_type, container, conversions, helpers, literal

_RECURSION = 20_000
_MAX_HEADERS = 4096
_MAX_BOTH = 6016
"""What is left of a packet's buffer (P4S_BUFFER) beside the largest frame and 64 bytes."""
_ORIGINAL = ("clone_ingress_pkt_to_egress", "resubmit")


class _Pieces(NamedTuple):
    """Lines of C, by what they do."""

    begin: list[str]
    parser: list[str]
    verify: list[str]
    parsed: list[str]
    ingress: list[str]
    digest: list[str]
    verdict: list[str]
    start: list[str]
    egress: list[str]
    update: list[str]
    emit: list[str]
    spec: str
    """An expression: where egress sends the packet."""


class UnitWriter:
    """Generates the C text of one program."""

    def __init__(self, program: m.ProgramDef, trace: Tracer, shared: bool) -> None:
        self.program = program
        self.trace = trace
        self.locks = register_locks(program) if shared else {}
        self.shared = shared
        self.layout = Layout(program)
        self.ex = Expressions(self.layout)
        self.ahead = AheadWriter(program, self.layout)
        own, sent = self.layout.own_bytes, self.layout.emit_bytes
        if max(own, sent) > _MAX_HEADERS:
            raise PipelineError(f"headers of more than {_MAX_HEADERS} bytes together are not supported")
        if own + sent > _MAX_BOTH:
            raise PipelineError(
                f"the program's headers take {own} bytes and its deparser's {sent}, together more than {_MAX_BOTH}, "
                "which is not supported"
            )

    def text(self) -> str:
        pieces = self._pieces()
        for listed in self.program.field_lists:
            for ref in listed.fields:
                if self.ex.is_metadata(ref):
                    self.ex.variable(ref)
        kept = sorted(self.ex.used)
        body = [*self._until_replication(pieces, kept), *self._after_replication(pieces, kept)]
        ahead = self.ahead.text()
        limbs = sorted(self.ex.limbs | self.ahead.ex.limbs)
        head = ["#define P4S_SHARED\n" if self.shared else ""]
        head.append('#include "p4s_trace.h"\n\n' if self.trace.on else '#include "p4s.h"\n\n')
        head.append("#define P4_LABEL ((void)0)\n")
        head += [helpers(n) for n in limbs]
        head.append(conversions(limbs))
        function = "static enum p4s_verdict run(struct p4s_ctx *c, struct p4s_pkt *p, enum p4s_mode mode) {\n"
        return "".join(
            [*head, self._state(kept), function, _indent(body), "}\n\n", ahead, self._description()],
        )

    def _pieces(self) -> _Pieces:
        """In the order of the packet's way: what a piece uses is noted while it is written, and what egress uses has
        to be kept."""
        prims = Primitives(self.ex, self.program, self.trace, self.locks)
        parser = ParserWriter(self.program, self.ex, prims, trace=self.trace).write()
        verify = verify_checksums(self.program, self.ex)
        ingress = PipelineWriter(self.program, self.program.ingress, self.ex, prims).write()
        digest = self._digest()
        begin = self._begin_ingress(prims)
        parsed = [*prims.standard("parser_error", "perr"), *prims.standard("checksum_error", "bad_checksum")]
        verdict = self._end_ingress(prims)
        self.ex.used = set()
        return _Pieces(
            begin=begin,
            parser=parser,
            verify=verify,
            parsed=parsed,
            ingress=ingress,
            digest=digest,
            verdict=verdict,
            start=self._begin_egress(prims),
            egress=PipelineWriter(self.program, self.program.egress, self.ex, prims).write(),
            update=update_checksums(self.program, self.ex, prims),
            emit=deparse(self.program, self.ex, self.trace),
            spec=self._std("egress_spec"),
        )

    def _until_replication(self, pieces: _Pieces, kept: list[str]) -> list[str]:
        """From the start to the end of ingress, where packets that are replicated leave."""
        trace = self.trace
        return [
            *self._declarations(),
            "if (mode == P4S_EGRESS) {",
            *self._load(kept),
            "goto egress_start;",
            "}",
            f"memset(own, 0, {self.layout.own_bytes});",
            *(f"p4s_bset(V, {self.layout.header(h).bit});" for h in self.program.headers if h.scratch),
            *pieces.begin,
            *trace.line("Parser 'parser': start"),
            *pieces.parser,
            "parsed: P4_LABEL;",
            *trace.parser_error(self.program.errors),
            *trace.line("Parser 'parser': end, %u bytes parsed", "cur"),
            "p->payload = p->off + cur;",
            *pieces.verify,
            "if (mode == P4S_CLONE) {",
            *self._reset(),
            *self._preserve("p->preserve"),
            *self._store(kept),
            "return P4S_REPLICATE;",
            "}",
            *pieces.parsed,
            *pieces.ingress,
            "ingress_end: P4_LABEL;",
            *trace.line("Pipeline 'ingress': end"),
            *pieces.digest,
            *pieces.verdict,
            "{",
            *self._store(kept),
            "p->length = pktlen;",
            "return P4S_REPLICATE;",
            "}",
        ]

    def _after_replication(self, pieces: _Pieces, kept: list[str]) -> list[str]:
        """The rest, for a packet that goes on, and for one that enters again."""
        trace = self.trace
        return [
            "if (p->spec == P4S_DROP_PORT) {",
            *trace.line("Dropping packet at the end of ingress"),
            "return P4S_DROP;",
            "}",
            "p->port = p->spec; p->rid = 0; p->instance = P4S_NORMAL;",
            "egress_start: P4_LABEL;",
            *pieces.start,
            *trace.line("Egress port is %u", "p->port"),
            *pieces.egress,
            "egress_end: P4_LABEL;",
            *trace.line("Pipeline 'egress': end"),
            "if (P4_UNLIKELY(p->clone)) {",
            *self._store(kept),
            "p->length = pktlen; c->clone_egress(c, p); p->clone = 0;",
            "}",
            f"if ({pieces.spec} == P4S_DROP_PORT) {{",
            *trace.line("Dropping packet at the end of egress"),
            "return P4S_DROP;",
            "}",
            *pieces.update,
            *pieces.emit,
            "if (P4_UNLIKELY(p->recirculate)) {",
            *self._store(kept),
            "}",
            "if (p->truncate < p->len) p->len = p->truncate;",
            "return P4S_OUTPUT;",
        ]

    # variables

    def _std(self, name: str) -> str:
        return self.ex.at(self.program.standard[name], 64)

    def _metadata(self) -> list[tuple[str, m.FieldDef]]:
        return sorted(self.ex.variables.items())

    def _declarations(self) -> list[str]:
        out = [
            "uint8_t *const own = p->base;",
            "uint8_t *const pk = p->base + p->off;",
            "const uint32_t plen = p->len;",
            "struct state *const st = p->state;",
            f"uint32_t cur = 0, steps = 0, perr = {self.program.errors['NoError']}, digest = 0, pktlen = p->length;",
            "bool bad_checksum = false;",
            f"uint64_t V[{self.layout.words}] = {{0}};",
            "(void)pk; (void)plen; (void)steps; (void)perr; (void)digest; (void)bad_checksum; (void)st;",
        ]
        return [*out, *header_variables(self.layout), *metadata_variables(self.ex)]

    def _state(self, kept: list[str]) -> str:
        lines = [f"uint64_t V[{self.layout.words}];"]
        for name, count, type_, _ in self.layout.pointers():
            suffix = f"[{count}]" if count else ""
            lines.append(f"uint32_t {name}{suffix};")
            if type_.varbit:
                lines.append(f"uint32_t {name}l{suffix};")
        lines += [f"uint32_t {name};" for name in self.layout.cursors()]
        for name, field in self._metadata():
            if name in kept:
                lines.append(f"{c_type(container(0, (1 << field.bits) - 1))} {name};")
        return "struct state {\n" + _indent(lines) + "};\n\n"

    def _pointers(self, store: bool) -> list[str]:
        out = ["memcpy(st->V, V, sizeof V);" if store else "memcpy(V, st->V, sizeof V);"]
        for name, count, type_, _ in self.layout.pointers():
            for at in [f"[{i}]" for i in range(count)] or [""]:
                if store:
                    out.append(f"st->{name}{at} = (uint32_t)({name}{at} - p->base);")
                else:
                    out.append(f"{name}{at} = p->base + st->{name}{at};")
                if type_.varbit:
                    out.append(f"st->{name}l{at} = {name}l{at};" if store else f"{name}l{at} = st->{name}l{at};")
        out += [f"st->{n} = {n};" if store else f"{n} = st->{n};" for n in self.layout.cursors()]
        return out

    def _store(self, kept: list[str]) -> list[str]:
        return [*self._pointers(True), *(f"st->{name} = {name};" for name in kept)]

    def _load(self, kept: list[str]) -> list[str]:
        out = self._pointers(False)
        out += ["if (p->fresh) {", *self._preserve("p->preserve"), "} else {"]
        return [*out, *(f"{name} = st->{name};" for name in kept), "}"]

    def _reset(self) -> list[str]:
        return [f"{name} = {literal(0, container(0, (1 << f.bits) - 1))};" for name, f in self._metadata()]

    def _preserve(self, which: str) -> list[str]:
        """Bring the metadata of a field list back from the state."""
        out = [f"switch ({which}) {{"]
        for listed in self.program.field_lists:
            out.append(f"case {listed.id}:")
            out += [f"{n} = st->{n};" for n in (self.ex.variable(f) for f in listed.fields if self.ex.is_metadata(f))]
            out.append("break;")
        return [*out, "default: break;", "}"]

    # stages

    def _begin_ingress(self, prims: Primitives) -> list[str]:
        return [
            "p->group = p->clone = p->clone_list = p->resubmit = p->recirculate = 0;",
            "p->truncate = UINT32_MAX; pktlen = p->length = p->ingress_len;",
            "if (mode == P4S_INGRESS) {",
            *self._preserve("p->preserve"),
            "}",
            # As in BMv2, a packet that starts again has no ingress port and no time stamp, and an ingress clone is
            # parsed again with nothing but the port.
            "if (mode == P4S_INGRESS) {",
            *prims.standard("instance_type", "p->instance"),
            *prims.standard("packet_length", "p->ingress_len"),
            "}",
            "if (mode == P4S_CLONE || p->instance == P4S_NORMAL) {",
            *prims.standard("ingress_port", "p->in_port"),
            *prims.standard("ingress_global_timestamp", "((c->now - c->start) / 1000)"),
            "}",
        ]

    def _end_ingress(self, prims: Primitives) -> list[str]:
        group = self._std("mcast_grp") if "mcast_grp" in self.program.standard else "0"
        return [
            f"p->spec = (uint32_t){self._std('egress_spec')};",
            f"p->group = (uint32_t)({group});",
            "if (P4_UNLIKELY(p->clone | p->resubmit | p->group))",
        ]

    def _begin_egress(self, prims: Primitives) -> list[str]:
        now = "((c->now - c->start) / 1000)"
        return [
            *prims.standard("egress_port", "p->port"),
            *prims.standard("egress_spec", str(m.DROP_PORT + 1)),
            *prims.standard("instance_type", "p->instance"),
            *prims.standard("egress_rid", "p->rid"),
            *prims.standard("packet_length", "pktlen"),
            *prims.standard("egress_global_timestamp", now),
            *prims.standard("enq_timestamp", now),
            *prims.standard("enq_qdepth", "0"),
            *prims.standard("deq_timedelta", "0"),
            *prims.standard("deq_qdepth", "0"),
        ]

    def _digest(self) -> list[str]:
        if not self.program.learn_lists:
            return []
        out = ["switch (digest) {"]
        for at, listed in enumerate(self.program.learn_lists):
            out.append(f"case {listed.id}: {{ uint8_t *w = c->scratch;")
            total = 0
            for ref in listed.fields:
                bits = 1 if isinstance(ref, m.ValidBit) else ref.field.bits
                if bits == 0:
                    raise PipelineError(f"digest {listed.name}: a variable-length field cannot be sent")
                size = (bits + 7) // 8
                value: m.Expr = m.Op("&", ref, m.Const((1 << bits) - 1))
                for low in range(0, size, 8):
                    n = min(8, size - low)
                    piece = m.Op(">>", value, m.Const(8 * low)) if low else value
                    out.append(f"p4s_put_be(w + {total + size - low - n}, {n}, {self.ex.at(piece, 64)});")
                total += size
            out.append(f"c->digest(c, {at}, c->scratch, {total}); break; }}")
        return [*out, "default: break;", "}"]

    # description

    def _description(self) -> str:
        program = self.program
        lines: list[str] = []
        tables = []
        for table in program.tables:
            definitions, initialiser = describe(table)
            lines += definitions
            tables.append(initialiser)

        def array(name: str, items: list[str], kind: str) -> str:
            return f"static const struct {kind} {name}[] = {{{', '.join(items) or '{0}'}}};"

        lines.append(array("tables", tables, "p4s_table_desc"))
        lines.append(array("counters", [f"{{{x.size}, 0, 16, 0, 0, 0}}" for x in program.counters], "p4s_array_desc"))
        lines.append(
            array("meters", [f"{{{x.size}, {int(x.bytes)}, 0, 0, 0, 0}}" for x in program.meters], "p4s_array_desc")
        )
        cells = [
            f"{{{x.size}, {x.bits}, {cell_bytes(x.bits)}, {x.home}, {x.offset}, {x.stride}}}" for x in program.registers
        ]
        lines.append(array("registers", cells, "p4s_array_desc"))
        lines += self.ahead.description()
        original = any(p.op in _ORIGINAL for a in program.actions for p in a.primitives)
        lines.append(
            '__attribute__((visibility("default"))) const struct p4s_prog p4s_program = {P4S_ABI, '
            f"{len(tables)}, {len(program.counters)}, {len(program.meters)}, {len(program.registers)}, "
            f"{self.layout.own_bytes}, {self.layout.emit_bytes + 64}, sizeof(struct state), {int(original)}, "
            f"{int(self.shared)}, {len(set(self.locks.values()))}, "
            "tables, counters, meters, registers, run, "
            f"{len(self.ahead.tables)}, hints, look_ahead}};"
        )
        return "\n".join(lines) + "\n"


def _indent(lines: list[str]) -> str:
    return "".join(f"  {line}\n" for line in lines if line)


def generate(config: bytes, *, trace: bool = False, shared: bool = False) -> tuple[m.ProgramDef, str]:
    """The checked program and its C text, which logs what it does to packets if ``trace``, and may be run by several
    workers at a time if ``shared``. Raises PipelineError."""
    # Nested expressions are walked by recursion, some frames a level; the frames are Python's own, not the C stack's.
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _RECURSION))
    try:
        program = load_program(config)
        return program, UnitWriter(program, Tracer(trace), shared).text()
    except RecursionError:
        raise PipelineError("the program's expressions are nested too deeply") from None
    finally:
        sys.setrecursionlimit(limit)

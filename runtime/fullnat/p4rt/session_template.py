"""Both updates of a new session in two steps: what many have in common is made once, the rest is put in between.

Sessions of one real server and one local address differ in the client, the ports, the session id and the delta, which
nearly always take the same number of bytes. So a template is a few constant pieces, and a Struct that knows where the
others go. What is shorter than usual (one delta in 256) is left to :mod:`fullnat.p4rt.sessions`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct, calcsize
from typing import Any, NamedTuple

from fullnat.p4rt.wire import BytesField
from fullnat.tables.session import SessionEntry

TEMPLATES = 4096
"""Remembered. There is one for each real server, local address and length of ids."""

Pieces = tuple[bytes, ...]
Pack = Callable[..., bytes]


class Form(NamedTuple):
    """How one direction's entries are written."""

    head: bytes
    key: Sequence[BytesField[Any]]
    action: Callable[[int], bytes]
    """All that is in front of the parameters, which are so many bytes."""
    params: Sequence[BytesField[Any]]
    update: Callable[[int], bytes]
    """All that is in front of an entry of so many bytes in its Update."""


class _Template(NamedTuple):
    common: tuple[object, ...]
    """What the sessions have in common."""
    inward: tuple[Pack, Pieces]
    outward: tuple[Pack, Pieces]


class SessionTemplates:
    """Serialised p4.v1.Updates of one kind."""

    def __init__(self, inward: Form, outward: Form) -> None:
        self._in = inward
        self._out = outward
        self._templates: dict[tuple[int, bytes, int, int], _Template] = {}

    def encode(self, entry: SessionEntry, tail: bytes) -> tuple[bytes, bytes] | None:
        """Both directions' updates, with ``tail`` at the end of the entries; None for one with a short field, or a
        value too wide."""
        ident, server_id, protocol, client, port, vip, vport, local, local_port, server, server_port, delta, _, _, _ = (
            entry
        )
        if not (client[0] and 0xFF < port < 0x10000 and 0xFF < local_port < 0x10000 and 0xFFFFFF < delta < 1 << 32):
            return None
        size = (ident.bit_length() + 7) >> 3 or 1
        common = protocol, vip, vport, server, server_port, len(client)
        template = self._templates.get((server_id, local, size, len(tail)))
        if template is None or template.common != common:
            template = self._make(entry, size, common, len(tail))
        number = ident.to_bytes(size, "big")
        pack, (a, b, c, d, e) = template.inward
        inward = pack(a, client, b, port, c, number, d, local_port, e, delta, tail)
        pack, (a, b, c, d, e) = template.outward
        return inward, pack(a, local_port, b, number, c, client, d, port, e, delta, tail)

    def _make(self, entry: SessionEntry, size: int, common: tuple[object, ...], tail: int) -> _Template:
        """``size``: bytes of the session id; ``tail``: of what is behind the action."""
        width = len(entry.client)
        client, number, port, delta = f"{width}s", f"{size}s", "H", "I"
        key, params = self._in.key, self._in.params
        inward = _half(
            self._in,
            ((key[0][entry.protocol] + key[1].before(width), client), (key[2].before(2), port)),
            key[3][entry.vip] + key[4][entry.vport],
            (
                (params[0].before(size), number),
                (params[1][entry.server_id] + params[2][entry.local] + params[3].before(2), port),
                (params[4].before(4), delta),
            ),
            tail,
        )
        key, params = self._out.key, self._out.params
        outward = _half(
            self._out,
            (
                (
                    key[0][entry.protocol]
                    + key[1][entry.server]
                    + key[2][entry.server_port]
                    + key[3][entry.local]
                    + key[4].before(2),
                    port,
                ),
            ),
            b"",
            (
                (params[0].before(size), number),
                (params[1][entry.server_id] + params[2].before(width), client),
                (params[3].before(2), port),
                (params[4].before(4), delta),
            ),
            tail,
        )
        if len(self._templates) >= TEMPLATES:
            self._templates.clear()
        made = self._templates[entry.server_id, entry.local, size, tail] = _Template(common, inward, outward)
        return made


_Holes = tuple[tuple[bytes, str], ...]
"""Constant bytes, and the format of what follows."""


def _half(form: Form, key: _Holes, rest: bytes, params: _Holes, tail: int) -> tuple[Pack, Pieces]:
    """``rest``: the end of the key."""
    front = form.action(_length(params))
    size = len(form.head) + _length(key) + len(rest) + len(front) + _length(params) + tail
    (first, hole), *others = key
    holes = [(form.update(size) + form.head + first, hole), *others]
    (first, hole), *others = params
    holes += [(rest + front + first, hole), *others]
    layout = "".join(f"{len(const)}s{hole}" for const, hole in holes)
    return Struct(f"!{layout}{tail}s").pack, tuple(const for const, _ in holes)


def _length(holes: _Holes) -> int:
    return sum(len(const) + calcsize(f"!{hole}") for const, hole in holes)

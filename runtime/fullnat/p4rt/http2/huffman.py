"""The Huffman code of header strings (RFC 7541, appendix B). For decoding only: nothing that we send is worth it."""

from __future__ import annotations

from functools import cache

_BITS = bytes.fromhex(
    "0d171c1c1c1c1c1c1c181e1c1c1e1c1c1c1c1c1c1c1c1e1c1c1c1c1c1c1c1c1c060a0a0c0d06080b0a0a080b080606060505"
    "050606060606060607080f060c0a0d06070707070707070707070707070707070707070707070807080d130d0e060f050605"
    "06050606060507070606060506070605050607070707070f0b0e0d1c14161414161616171617171717171817181816171817"
    "1717171516171617171816151416161717151716161815161717151516151716171714161616171616171a1a141316171619"
    "1a1a1a1b1b1a181913151a1b1b1a1b1815151a1a1c1b1b1b14181415161515171616191918181a171a1b1a1a1b1b1b1b1b1c"
    "1b1b1b1b1b1a1e"
)
"""Of each symbol's code, the last being the end of a string. The code is canonical: codes of one length follow each
other in the order of the symbols, and longer ones come after shorter ones."""
_END = 256

_Node = int
"""The place in the tree of codes: 0 is its root."""


def _tree() -> list[tuple[int, int]]:
    """Of each inner node, what a 0 and a 1 lead to: another one, or a symbol as its complement."""
    nodes = [[0, 0]]
    code, length = 0, 0
    for bits, symbol in sorted((bits, symbol) for symbol, bits in enumerate(_BITS)):
        code, length = code << bits - length, bits
        at = 0
        for shift in range(bits - 1, 0, -1):
            bit = code >> shift & 1
            if not nodes[at][bit]:
                nodes[at][bit] = len(nodes)
                nodes.append([0, 0])
            at = nodes[at][bit]
        nodes[at][code & 1] = ~symbol
        code += 1
    return [(zero, one) for zero, one in nodes]


_NODES = _tree()


def _padding() -> frozenset[_Node]:
    """Where a string may end: behind fewer than eight ones, with which the end of a string begins."""
    found = [0]
    while len(found) < 8:
        found.append(_NODES[found[-1]][1])
    return frozenset(found)


_PADDING = _padding()


@cache
def _step(at: _Node, byte: int) -> tuple[bytes, _Node]:
    """The symbols that end in ``byte``, and where it leads from ``at``. Raises ValueError for the end of a string."""
    symbols = bytearray()
    for shift in range(7, -1, -1):
        at = _NODES[at][byte >> shift & 1]
        if at < 0:
            if ~at == _END:
                raise ValueError("the end of a string in its middle")
            symbols.append(~at)
            at = 0
    return bytes(symbols), at


def decode(data: bytes) -> bytes:
    """Raises ValueError for what no encoder makes."""
    pieces = []
    at = 0
    for byte in data:
        piece, at = _step(at, byte)
        pieces.append(piece)
    if at not in _PADDING:
        raise ValueError("a string that ends within a symbol")
    return b"".join(pieces)

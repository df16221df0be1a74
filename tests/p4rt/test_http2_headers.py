"""Header fields: the examples of RFC 7541, and what no encoder makes."""

from __future__ import annotations

import pytest
from fullnat.p4rt.http2.headers import Decoder, HeadersError, literal
from hypothesis import given
from hypothesis import strategies as st

OF_256_BYTES = bytes.fromhex("3fe101")
"""Another size of the table, as the examples of C.5 and C.6 have it."""
DATE = b"Mon, 21 Oct 2013 20:13:21 GMT"
FIRST = (
    (b":status", b"302"),
    (b"cache-control", b"private"),
    (b"date", DATE),
    (b"location", b"https://www.example.com"),
)
SECOND = ((b":status", b"307"), *FIRST[1:])
THIRD = (
    (b":status", b"200"),
    (b"cache-control", b"private"),
    (b"date", b"Mon, 21 Oct 2013 20:13:22 GMT"),
    (b"location", b"https://www.example.com"),
    (b"content-encoding", b"gzip"),
    (b"set-cookie", b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
)
PLAIN = (
    "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f"
    "7777772e6578616d706c652e636f6d",
    "4803333037c1c0bf",
    "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a58"
    "4f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
)
"""C.5.1 to C.5.3, during which entries are evicted."""
CODED = (
    "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
    "4883640effc1c0bf",
    "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672"
    "c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
)
"""C.6.1 to C.6.3, the same with Huffman's code."""


@pytest.mark.parametrize("blocks", [PLAIN, CODED])
def test_the_examples_of_rfc_7541(blocks: tuple[str, ...]) -> None:
    decoder = Decoder()
    first, second, third = (bytes.fromhex(block) for block in blocks)
    assert decoder.decode(OF_256_BYTES + first) == FIRST
    assert decoder.decode(second) == SECOND
    assert decoder.decode(third) == THIRD


def test_a_block_means_something_else_when_the_table_has_changed() -> None:
    decoder = Decoder()
    newest = b"\xbe"
    decoder.decode(b"\x40\x01a\x01b")
    assert [decoder.decode(newest), decoder.decode(newest)] == [((b"a", b"b"),)] * 2
    decoder.decode(b"\x40\x01c\x01d")
    assert decoder.decode(newest) == ((b"c", b"d"),)


def test_an_entry_larger_than_the_table_empties_it() -> None:
    decoder = Decoder()
    decoder.decode(b"\x40\x01a\x01b")
    assert decoder.decode(b"\x40\x01c\x7f\xe9\x1f" + bytes(4200)) == ((b"c", bytes(4200)),)
    with pytest.raises(HeadersError):
        decoder.decode(b"\xbe")


@pytest.mark.parametrize(
    "block",
    [
        "80",
        "be",
        "ff",
        "00",
        "0001",
        "000161",
        "00016105",
        "3fe21f",
        "ffffffffffffff7f",
        "0001618100",
        "00016184ffffffff",
    ],
    ids=[
        "index 0",
        "an entry that is not there",
        "a number without end",
        "no name",
        "a name cut off",
        "no value",
        "a value cut off",
        "a table larger than allowed",
        "a number too large",
        "padding of zeros",
        "the end of a string",
    ],
)
def test_what_no_encoder_makes_is_refused(block: str) -> None:
    with pytest.raises(HeadersError):
        Decoder().decode(bytes.fromhex(block))


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=100), st.binary(max_size=70_000)), max_size=5))
def test_what_is_written_is_read(fields: list[tuple[bytes, bytes]]) -> None:
    assert Decoder().decode(b"".join([literal(*field) for field in fields])) == tuple(fields)


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_whatever_comes_is_read_or_refused(blocks: list[bytes]) -> None:
    decoder = Decoder()
    for block in blocks:
        try:
            decoder.decode(block)
        except HeadersError:
            return

"""Neighbor discovery against scapy, which builds and reads it independently."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fullnat.net import nd
from fullnat.net.flow import address
from fullnat.net.headers import icmpv6
from fullnat.net.parse import parse
from scapy.layers.inet6 import (
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    ICMPv6NDOptUnknown,
    IPv6,
)
from scapy.layers.l2 import Ether
from scapy.packet import Packet

MAC, OTHER = 0x02AA00000001, 0x020000000009
MAC_TEXT, OTHER_TEXT = "02:aa:00:00:00:01", "02:00:00:00:00:09"
OURS, THEIRS = "2001:db8::1", "2001:db8::ab:cdef"


def same(frame: bytes, wanted: Packet) -> bool:
    """Whether ``frame`` is what scapy makes, checksum included."""
    return frame == bytes(wanted)


def test_a_question_goes_to_the_group_of_its_target() -> None:
    wanted = (
        Ether(dst="33:33:ff:ab:cd:ef", src=MAC_TEXT)
        / IPv6(src=OURS, dst="ff02::1:ffab:cdef", hlim=255)
        / ICMPv6ND_NS(tgt=THEIRS)
        / ICMPv6NDOptSrcLLAddr(lladdr=MAC_TEXT)
    )
    assert same(nd.solicitation(MAC, address(OURS), address(THEIRS)), wanted)


def test_a_known_neighbor_is_asked_alone() -> None:
    wanted = (
        Ether(dst=OTHER_TEXT, src=MAC_TEXT)
        / IPv6(src=OURS, dst=THEIRS, hlim=255)
        / ICMPv6ND_NS(tgt=THEIRS)
        / ICMPv6NDOptSrcLLAddr(lladdr=MAC_TEXT)
    )
    assert same(nd.solicitation(MAC, address(OURS), address(THEIRS), OTHER), wanted)


def test_a_probe_for_an_own_address_comes_from_nowhere() -> None:
    wanted = (
        Ether(dst="33:33:ff:00:00:01", src=MAC_TEXT)
        / IPv6(src="::", dst="ff02::1:ff00:1", hlim=255)
        / ICMPv6ND_NS(tgt=OURS)
    )
    assert same(nd.probe(MAC, address(OURS)), wanted)


@pytest.mark.parametrize("asked", [True, False])
def test_an_advertisement_always_has_its_link_layer_address(asked: bool) -> None:
    """iqiyi/dpvs#963."""
    to = (OTHER_TEXT, THEIRS) if asked else ("33:33:00:00:00:01", "ff02::1")
    wanted = (
        Ether(dst=to[0], src=MAC_TEXT)
        / IPv6(src=OURS, dst=to[1], hlim=255)
        / ICMPv6ND_NA(tgt=OURS, R=0, S=int(asked), O=1)
        / ICMPv6NDOptDstLLAddr(lladdr=MAC_TEXT)
    )
    made = nd.advertisement(MAC, address(OURS), *((address(THEIRS), OTHER) if asked else ()))
    assert same(made, wanted)


def solicitation(**changes: Any) -> Packet:
    fields: dict[str, Any] = {"src": THEIRS, "dst": "ff02::1:ff00:1", "hlim": 255} | changes
    return Ether(src=OTHER_TEXT) / IPv6(**fields) / ICMPv6ND_NS(tgt=OURS)


def advertisement(**changes: Any) -> Packet:
    fields: dict[str, Any] = {"src": THEIRS, "dst": OURS, "hlim": 255} | changes
    return Ether(src=OTHER_TEXT) / IPv6(**fields) / ICMPv6ND_NA(tgt=THEIRS, R=0, S=1, O=0)


def test_what_neighbors_say_is_read() -> None:
    source, target = ICMPv6NDOptSrcLLAddr(lladdr=OTHER_TEXT), ICMPv6NDOptDstLLAddr(lladdr=OTHER_TEXT)
    ours, theirs = address(OURS), address(THEIRS)
    assert nd.read(parse(bytes(solicitation() / source))) == nd.Solicitation(theirs, ours, OTHER)
    assert nd.read(parse(bytes(solicitation(dst=OURS)))) == nd.Solicitation(theirs, ours, None)
    assert nd.read(parse(bytes(solicitation(src="::")))) == nd.Solicitation(nd.UNSPECIFIED, ours, None)
    nonce = ICMPv6NDOptUnknown(type=14, len=1, data=b"\1\2\3\4\5\6")
    assert nd.read(parse(bytes(solicitation() / nonce / source))) == nd.Solicitation(theirs, ours, OTHER)
    assert nd.read(parse(bytes(advertisement() / target))) == nd.Advertisement(theirs, OTHER, True, False)
    assert nd.read(parse(bytes(advertisement()) + bytes(8))) == nd.Advertisement(theirs, None, True, False)


def with_checksum(frame: bytes, change: Callable[[bytearray], None]) -> bytes:
    """``frame`` with its ICMPv6 message changed and the checksum made right again."""
    message = bytearray(frame[54:])
    change(message)
    message[2:4] = b"\0\0"
    packet = IPv6(frame[14:54])
    return frame[:54] + icmpv6(address(packet.src), address(packet.dst), bytes(message))


def replaced(at: int, value: int) -> Callable[[bytearray], None]:
    def change(message: bytearray) -> None:
        message[at] = value

    return change


SOURCE = ICMPv6NDOptSrcLLAddr(lladdr=OTHER_TEXT)
GOOD = bytes(solicitation() / SOURCE)


@pytest.mark.parametrize(
    "frame",
    [
        bytes(solicitation(hlim=254) / SOURCE),
        bytes(advertisement(hlim=64)),
        bytes(solicitation(src="::") / SOURCE),
        bytes(solicitation(src="::", dst=OURS)),
        bytes(advertisement(dst="ff02::1")),
        with_checksum(GOOD, replaced(1, 1)),
        with_checksum(GOOD, replaced(8, 0xFF)),
        with_checksum(GOOD, replaced(0, 133)),
        with_checksum(GOOD, replaced(25, 0)),
        with_checksum(GOOD, replaced(25, 2)),
        GOOD[:56] + bytes((GOOD[56] ^ 1,)) + GOOD[57:],
        *(GOOD[:length] for length in range(len(GOOD))),
    ],
)
def test_what_rfc_4861_has_discarded_says_nothing(frame: bytes) -> None:
    assert nd.read(parse(frame)) is None

"""Addresses know their family; flows turn round."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from fullnat.net.flow import Address, Endpoint, Flow, address, is_v6, text, v4


def test_an_ipv4_address_is_not_the_ipv6_address_of_the_same_number() -> None:
    ours, theirs = address("10.0.0.1"), address("::a00:1")
    assert int.from_bytes(ours, "big") == int.from_bytes(theirs, "big")
    assert len({ours: 4, theirs: 6}) == 2
    assert (is_v6(ours), is_v6(theirs)) == (False, True)


def test_to_and_from_text() -> None:
    assert v4(0x0A000001) == address("10.0.0.1") == address(IPv4Address("10.0.0.1")) == b"\x0a\0\0\x01"
    assert text(address("2001:DB8:0::1")) == "2001:db8::1"
    assert address(IPv6Address("::1")) == bytes(15) + b"\x01"
    assert str(Endpoint(v4(1), 80)) == "0.0.0.1:80"
    assert str(Endpoint(address("2001:db8::1"), 80)) == "[2001:db8::1]:80"
    for wrong in ("", "10.0.0", "10.0.0.1/24", "g::"):
        with pytest.raises(ValueError):
            address(wrong)
    with pytest.raises(ValueError):
        text(Address(b"123"))
    with pytest.raises(OverflowError):
        v4(1 << 32)


def test_a_flow_turns_round() -> None:
    flow = Flow(6, Endpoint(v4(1), 2), Endpoint(v4(3), 4))
    assert flow.reversed() == Flow(6, Endpoint(v4(3), 4), Endpoint(v4(1), 2))
    assert flow.reversed().reversed() == flow

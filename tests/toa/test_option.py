"""Reading TOA out of a SYN: the C library and fullnat_toa find the same, whatever the bytes."""

from __future__ import annotations

import ctypes
import subprocess
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
from fullnat_toa import MalformedSyn
from fullnat_toa.option import Client, parse
from hypothesis import given
from hypothesis import strategies as st

from bench.tools import build, toa
from topo.rawtcp import SYN, Segment
from topo.rawtcp import toa as option

LVS_EXAMPLE = bytes.fromhex("fe089c40cb007109")
V4, V6 = Client(IPv4Address("203.0.113.9"), 40000), Client(IPv6Address("2001:db8::9"), 40000)


def syn(options: bytes, source: str = "10.2.0.100", target: str = "10.2.0.11") -> bytes:
    return Segment(ip_address(source), 5000, ip_address(target), 80, 1, 0, SYN, options).pack()


def extended(packet: bytes, *headers: tuple[int, int]) -> bytes:
    """An IPv6 packet with extension headers (kind, bytes) before TCP."""
    kinds = [kind for kind, _ in headers] + [6]
    chain = b""
    for (kind, size), following in zip(headers, kinds[1:], strict=True):
        length = size // 4 - 2 if kind == 51 else size // 8 - 1
        chain += bytes([following, length]) + b"\0" * (size - 2)
    return packet[:6] + bytes([kinds[0]]) + packet[7:40] + chain + packet[40:]


class Native:
    """option.c and address.c as a library of their own."""

    def __init__(self, directory: Path) -> None:
        target = directory / "option.so"
        flags = ["-std=c11", "-O1", "-fPIC", "-shared", "-o", str(target)]
        sources = [str(toa.SOURCES / name) for name in ("option.c", "address.c")]
        subprocess.run([*build.compiler(), *flags, *sources], check=True)
        self._parse = ctypes.CDLL(str(target)).toa_parse
        self._parse.restype = ctypes.c_bool

    def parse(self, packet: bytes) -> tuple[bytes, int] | None:
        """Address, IPv4 mapped, and port."""
        # Not a byte more than there is, for tools that watch reads.
        data = (ctypes.c_ubyte * len(packet)).from_buffer_copy(packet) if packet else None
        found = ctypes.create_string_buffer(18)
        if not self._parse(data, ctypes.c_size_t(len(packet)), found):
            return None
        return found.raw[:16], int.from_bytes(found.raw[16:], "big")


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Native:
    return Native(tmp_path_factory.mktemp("native"))


def first(packet: bytes) -> tuple[bytes, int] | None:
    """fullnat_toa's answer in the form of Native.parse."""
    try:
        clients = parse(packet).clients
    except MalformedSyn:
        return None
    if not clients:
        return None
    address = clients[0].address
    mapped = b"\0" * 10 + b"\xff\xff" + address.packed if address.version == 4 else address.packed
    return mapped, clients[0].port


@pytest.mark.parametrize(
    ("packet", "clients"),
    [
        (syn(LVS_EXAMPLE), (V4,)),
        (syn(option("203.0.113.9", 40000)), (V4,)),
        (syn(bytes.fromhex("fd149c4020010db8") + b"\0" * 11 + b"\x09"), (V6,)),
        (syn(option("2001:db8::9", 40000)), (V6,)),
        (syn(option("2001:db8::9", 40000), "fd00::1", "fd00::2"), (V6,)),
        (extended(syn(LVS_EXAMPLE, "fd00::1", "fd00::2"), (0, 8), (60, 24), (43, 16), (51, 12)), (V4,)),
        (syn(b"\x01" + LVS_EXAMPLE + option("2001:db8::9", 40000)), (V4, V6)),
        (syn(b"\x02\x04\x05\xb4\x00" + LVS_EXAMPLE), ()),
        (syn(b""), ()),
    ],
)
def test_examples(native: Native, packet: bytes, clients: tuple[Client, ...]) -> None:
    assert parse(packet).clients == clients
    assert native.parse(packet) == first(packet)


@pytest.mark.parametrize(
    "packet",
    [b"", b"\x45", syn(LVS_EXAMPLE)[:47], syn(b"")[:39], syn(b"")[:9] + b"\x11" + syn(b"")[10:], b"\x75" + b"\0" * 60],
    ids=["empty", "a byte", "options cut", "header cut", "UDP", "version 7"],
)
def test_malformed(native: Native, packet: bytes) -> None:
    with pytest.raises(MalformedSyn):
        parse(packet)
    assert native.parse(packet) is None


pieces = st.one_of(
    st.just(b"\x01"),
    st.just(LVS_EXAMPLE),
    st.builds(option, st.ip_addresses().map(str), st.integers(0, 65535), kind=st.sampled_from([253, 254])),
    st.builds(lambda kind, length: bytes([kind, length]), st.integers(0, 255), st.integers(0, 40)),
    st.binary(max_size=6),
)
options = st.lists(pieces, max_size=6).map(lambda parts: b"".join(parts)[:40])


@given(options, st.booleans(), st.integers(0, 80))
def test_any_options(native: Native, options: bytes, ipv6: bool, cut: int) -> None:
    """Options of every kind, whole or damaged, and packets cut short: both readers agree, and neither fails."""
    packet = syn(options, "fd00::1", "fd00::2") if ipv6 else syn(options)
    packet = packet[: len(packet) - max(0, cut - 60)]
    assert native.parse(packet) == first(packet)


@given(st.binary(max_size=160))
def test_any_bytes(native: Native, data: bytes) -> None:
    assert native.parse(data) == first(data)

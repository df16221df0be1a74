"""The programs: :func:`handshake` for sock_ops, :func:`peer_ipv4` and :func:`peer_ipv6` for the getpeername hooks.

What is known of a connection is in its socket's storage, 20 bytes that go when the socket goes: the client's address
(IPv4 in its mapped form) and its port in 4 bytes, everything in network order. The kernel's layouts are those of
include/uapi/linux/bpf.h: struct bpf_sock_ops and struct bpf_sock_addr.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network

from fullnat_toa.ebpf.asm import BYTE, DOUBLE, HALF, R0, R1, R2, R3, R4, R6, R7, R10, WORD, Assembler

VALUE_BYTES = 20
_PORT = 16
_STACK = -VALUE_BYTES - 4
_SK_STORAGE_GET = 107
_CREATE = 1
_PASSIVE_ESTABLISHED = 5
_AF_INET6 = 10

# struct bpf_sock_ops
_OPS_OP, _OPS_FAMILY, _OPS_REMOTE_IP4, _OPS_REMOTE_IP6 = 0, 20, 24, 32
_OPS_SK, _OPS_DATA, _OPS_DATA_END = 184, 192, 200
# struct bpf_sock_addr
_ADDR_IP4, _ADDR_IP6, _ADDR_PORT, _ADDR_SK = 4, 8, 24, 64

_TCP_HEADER = 20
_V4_OPTION, _V6_OPTION = 8, 20
MAPPED = struct.unpack("=I", b"\0\0\xff\xff")[0]
"""The third word of a mapped address, as the machine loads it."""


def words(packed: bytes) -> tuple[int, ...]:
    """The bytes as 32-bit loads see them."""
    return struct.unpack(f"={len(packed) // 4}I", packed)


def handshake(storage: int, trusted: Iterable[IPv4Network | IPv6Network]) -> bytes:
    """When a handshake completes: keep the client that the segment's TOA names, if the peer is trusted.

    TOA must be the segment's first option, where LVS, DPVS and this balancer put it: a client's own never comes first.
    ``storage`` is the map's file descriptor; the prefixes become part of the program.
    """
    networks = tuple(trusted)
    code = Assembler()
    code.copy(R6, R1)
    code.load(WORD, R0, R6, _OPS_OP)
    code.if_not_equal(R0, _PASSIVE_ESTABLISHED, "out")
    code.load(WORD, R7, R6, _OPS_REMOTE_IP4)
    code.load(WORD, R0, R6, _OPS_FAMILY)
    code.if_not_equal(R0, _AF_INET6, "ipv4")
    code.load(WORD, R0, R6, _OPS_REMOTE_IP6)
    code.if_not_equal(R0, 0, "ipv6")
    code.load(WORD, R0, R6, _OPS_REMOTE_IP6 + 4)
    code.if_not_equal(R0, 0, "ipv6")
    code.load(WORD, R0, R6, _OPS_REMOTE_IP6 + 8)
    code.if_not_equal(R0, MAPPED, "ipv6")
    code.load(WORD, R7, R6, _OPS_REMOTE_IP6 + 12)
    code.label("ipv4")
    for network in networks:
        if isinstance(network, IPv4Network):
            code.copy(R0, R7)
            code.and32(R0, words(network.netmask.packed)[0])
            code.if_equal(R0, words(network.network_address.packed)[0], "trusted")
    code.jump("out")
    code.label("ipv6")
    for number, network in enumerate(networks):
        if isinstance(network, IPv6Network):
            parts = zip(words(network.netmask.packed), words(network.network_address.packed), strict=True)
            for at, (mask, value) in enumerate(parts):
                code.load(WORD, R0, R6, _OPS_REMOTE_IP6 + 4 * at)
                code.and32(R0, mask)
                code.if_not_equal(R0, value, f"other{number}")
            code.jump("trusted")
            code.label(f"other{number}")
    code.jump("out")
    code.label("trusted")
    _read_option(code)
    code.label("found")
    code.load(DOUBLE, R2, R6, _OPS_SK)
    code.if_null(R2, "out")
    code.map(R1, storage)
    code.copy(R3, R10)
    code.add(R3, _STACK)
    code.set(R4, _CREATE)
    code.call(_SK_STORAGE_GET)
    code.label("out")
    code.set(R0, 1)
    code.exit()
    return code.assemble()


def _read_option(code: Assembler) -> None:
    """Leave the client on the stack and go on; without TOA, to "out"."""
    code.load(DOUBLE, R2, R6, _OPS_DATA)
    code.load(DOUBLE, R3, R6, _OPS_DATA_END)
    code.copy(R7, R2)
    code.add(R7, _TCP_HEADER + _V4_OPTION)
    code.if_greater(R7, R3, "out")
    code.load(HALF, R0, R2, _TCP_HEADER + 2)
    code.store(WORD, R10, _STACK + _PORT, R0)
    code.load(BYTE, R0, R2, _TCP_HEADER)
    code.load(BYTE, R4, R2, _TCP_HEADER + 1)
    code.if_equal(R4, _V6_OPTION, "long")
    code.if_not_equal(R4, _V4_OPTION, "out")
    code.if_not_equal(R0, 254, "out")
    for at, value in enumerate((0, 0, MAPPED)):
        code.store_immediate(R10, _STACK + 4 * at, value)
    code.load(WORD, R0, R2, _TCP_HEADER + 4)
    code.store(WORD, R10, _STACK + 12, R0)
    code.jump("found")
    code.label("long")
    code.if_equal(R0, 254, "client")
    code.if_not_equal(R0, 253, "out")
    code.label("client")
    code.copy(R7, R2)
    code.add(R7, _TCP_HEADER + _V6_OPTION)
    code.if_greater(R7, R3, "out")
    for at in range(0, 16, 4):
        code.load(WORD, R0, R2, _TCP_HEADER + 4 + at)
        code.store(WORD, R10, _STACK + at, R0)


def _stored(code: Assembler, storage: int) -> None:
    """R0: the socket's storage; without one, to "out". R6: the context."""
    code.copy(R6, R1)
    code.load(DOUBLE, R2, R6, _ADDR_SK)
    code.map(R1, storage)
    code.set(R3, 0)
    code.set(R4, 0)
    code.call(_SK_STORAGE_GET)
    code.if_null(R0, "out")


def _finish(code: Assembler) -> bytes:
    code.load(WORD, R1, R0, _PORT)
    code.store(WORD, R6, _ADDR_PORT, R1)
    code.label("out")
    code.set(R0, 1)
    code.exit()
    return code.assemble()


def peer_ipv4(storage: int) -> bytes:
    """The peer of an AF_INET socket. An IPv6 client does not fit: the kernel's answer stays."""
    code = Assembler()
    _stored(code, storage)
    for at, value in enumerate((0, 0, MAPPED)):
        code.load(WORD, R1, R0, 4 * at)
        code.if_not_equal(R1, value, "out")
    code.load(WORD, R1, R0, 12)
    code.store(WORD, R6, _ADDR_IP4, R1)
    return _finish(code)


def peer_ipv6(storage: int) -> bytes:
    """The peer of an AF_INET6 socket; IPv4 clients in their mapped form."""
    code = Assembler()
    _stored(code, storage)
    for at in range(0, 16, 4):
        code.load(WORD, R1, R0, at)
        code.store(WORD, R6, _ADDR_IP6 + at, R1)
    return _finish(code)

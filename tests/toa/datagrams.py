"""An ordinary UDP server that knows nothing of PROXY protocol: it answers every datagram with what its own calls said.

    python datagrams.py WAY HOST PORT

A datagram's payload comes back with where it came from, as JSON. Standard library only. Prints "ready" and its port.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
SHORT = 8
"""Bytes of the smallest buffers."""
Address = Any
Way = Callable[[socket.socket], tuple[dict[str, Any], Address]]


class Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class Header(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vector", ctypes.POINTER(Vector)),
        ("vector_length", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class Message(ctypes.Structure):
    _fields_ = (("header", Header), ("length", ctypes.c_uint))


def said(data: bytes, address: Address, **more: Any) -> tuple[dict[str, Any], Address]:
    return {"data": data.decode(), "from": address, **more}, address


def recvfrom(sock: socket.socket) -> tuple[dict[str, Any], Address]:
    return said(*sock.recvfrom(2048))


def recvmsg(sock: socket.socket) -> tuple[dict[str, Any], Address]:
    """Into two buffers, the first one shorter than any header."""
    first, second = bytearray(5), bytearray(2000)
    size, _, flags, address = sock.recvmsg_into([first, second])
    return said(bytes(first + second)[:size], address, flags=int(flags))


def short(sock: socket.socket) -> tuple[dict[str, Any], Address]:
    """Looked at first, then asked for its size, then taken, each time with little room."""
    peeked, address = sock.recvfrom(SHORT, socket.MSG_PEEK)
    size = sock.recvfrom_into(bytearray(SHORT), SHORT, socket.MSG_PEEK | socket.MSG_TRUNC)[0]
    data, _, flags, again = sock.recvmsg(SHORT)
    return said(data, address, size=size, peeked=peeked.decode(), same=address == again, flags=int(flags))


def read(sock: socket.socket) -> tuple[dict[str, Any], Address]:
    """Without an address, which a look has told."""
    address = sock.recvfrom(0, socket.MSG_PEEK)[1]
    return said(os.read(sock.fileno(), 2048), address)


def readv(sock: socket.socket) -> tuple[dict[str, Any], Address]:
    address = sock.recvfrom(0, socket.MSG_PEEK)[1]
    first, second = bytearray(3), bytearray(2000)
    size = os.readv(sock.fileno(), [first, second])
    return said(bytes(first + second)[:size], address)


def recv(sock: socket.socket) -> tuple[dict[str, Any], Address]:
    address = sock.recvfrom(0, socket.MSG_PEEK)[1]
    return said(sock.recv(2048), address)


def connected(sock: socket.socket) -> tuple[dict[str, Any], Address]:
    """A socket of its own for the client, as servers of TFTP have it: from there it is answered."""
    data, address = sock.recvfrom(2048)
    with socket.socket(sock.family, socket.SOCK_DGRAM) as own:
        own.connect(address)
        answer, _ = said(data, address, peer=own.getpeername())
        own.send(json.dumps(answer).encode())
    return {}, None


def batch(sock: socket.socket) -> tuple[dict[str, Any], Address]:
    """Two datagrams by one recvmmsg, answered by one sendmmsg."""
    names = [ctypes.create_string_buffer(28) for _ in range(2)]
    rooms = [ctypes.create_string_buffer(2048) for _ in range(2)]
    vectors = [Vector(ctypes.addressof(room), 2048) for room in rooms]
    messages = (Message * 2)(
        *(
            Message(Header(ctypes.addressof(name), 28, ctypes.pointer(vector), 1))
            for name, vector in zip(names, vectors, strict=True)
        )
    )
    count = LIBC.recvmmsg(sock.fileno(), messages, 2, 0, None)
    for number in range(count):
        answer = {"data": rooms[number].raw[: messages[number].length].decode(), "name": names[number].raw.hex()}
        rooms[number].value = json.dumps(answer).encode()
        vectors[number].length = len(rooms[number].value)
    LIBC.sendmmsg(sock.fileno(), messages, count, 0)
    return {}, None


WAYS: dict[str, Way] = {way.__name__: way for way in (recvfrom, recvmsg, short, read, readv, recv, connected, batch)}


def main() -> None:
    way, host, port = sys.argv[1:]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((host, int(port)))
        print("ready", sock.getsockname()[1], flush=True)
        while True:
            answer, address = WAYS[way](sock)
            if address is not None:
                sock.sendto(json.dumps(answer).encode(), address)


if __name__ == "__main__":
    main()

"""Requests of the API, made of its own description: most fields with values that could be, some with none that can."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from fullnat.api.calls import CALLS, Call
from google.protobuf import json_format

from anyinput import texts

_VIRTUAL = ("203.0.113.80:80", "203.0.113.80:80", "203.0.113.80:443", "[2001:db8::80]:80", "fwmark:2", "fwmark6:3")
_SERVER = ("10.0.0.11:8080", "10.0.0.11:8080", "10.0.0.12:80", "[2001:db8::11]:80", "203.0.113.80:80")
_PREFIX = ("10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "0.0.0.0/0", "::/0", "10.0.0.1/8")
_PACKET = (
    "tcp 198.51.100.7:1234 > 203.0.113.80:80 SYN",
    "udp [2001:db8::1]:5 > [2001:db8::2]:53 payload=3 ttl=9",
    "icmp 10.0.0.1 > 10.0.0.2 echo id=7 seq=1",
    "arp 10.0.0.1 > 10.0.0.2 request",
    "tcp 10.0.0.1:1 > 10.0.0.2:2 SYN,ACK mss=1460 sack ts=1,2 toa=192.0.2.1:9 vlan=3 seq=1 ack=2 win=3",
)
_LIKELY: Mapping[str, tuple[Any, ...]] = {
    "protocol": ("tcp", "tcp", "tcp", "udp", "icmp", "icmpv6", "sctp"),
    "virtual": _VIRTUAL,
    "server": _SERVER,
    "servers": _SERVER,
    "local": ("10.0.1.1", "10.0.1.2", "2001:db8:1::1"),
    "locals": ("10.0.1.1", "10.0.1.2", "2001:db8:1::1"),
    "scheduler": ("rr", "wrr", "wlc", "sh", "mh", "fo", "sed"),
    "mode": ("fullnat", "nat", "dr", "tunnel", "gue", "snat"),
    "match": ("dst=192.0.2.0/24,dport=80-90", "src=10.0.0.0/8,iif=1", "dst=::/0"),
    "address": ("10.4.0.1/24", "2001:db8:4::1/64", "10.0.0.1/24", "10.0.0.11"),
    "further": ("10.5.0.1/24", "2001:db8::1/64"),
    "mac": ("02:00:00:00:00:04", "02:00:00:00:00:01"),
    "prefix": _PREFIX,
    "deny": _PREFIX,
    "allow": _PREFIX,
    "gateway": ("10.0.0.254", "10.0.0.9", "2001:db8::9"),
    "refused": ("drop", "rst", "icmp"),
    "proxy_protocol": ("off", "first", "every", "clients"),
    "syn_proxy": ("off", "auto", "always"),
    "mapping": ("endpoint-independent", "address-dependent"),
    "type": ("tcp", "http", "script", "smtp", "udp", "ping", "dns", "file"),
    "packets": _PACKET,
    "frames": ("00" * 14, "02000000000102000000000208004500", "zz"),
    "state": ("established", "SYN_RECV", "udp"),
    "client": ("10.0.0.1", "10.0.0.1:5"),
    "config": ("punt_rate = 5", "[[interface]]\nport = 1", "a"),
    "status": ("200", "200-299,301"),
    "quic_id": ("ab", "0001"),
}
_NUMBERS = (0, 1, 2, 3, 53, 80, 253, 254, 1024, 65535, 65536, (1 << 31) - 1, (1 << 32) - 1)
_SECONDS = (0, 0.5, 1, 30, 86400, 1e9, 1e308)
_WRONG: tuple[Any, ...] = (
    None,
    -1,
    1.5,
    "",
    "x",
    True,
    [],
    {},
    [[]],
    {"a": 1},
    "9" * 30,
    1 << 64,
    "\x00",
    "\n",
    float("nan"),
    1e999,
)


def request(generator: random.Random) -> tuple[Call, dict[str, Any]]:
    """A call and what is asked; that it be applied as often as all others together."""
    call = generator.choice(CALLS) if generator.randrange(2) else next(each for each in CALLS if each.name == "Apply")
    return call, _message(generator, call.request.DESCRIPTOR, generator.choice((0.0, 0.0, 0.03, 0.1)))


def _message(generator: random.Random, kind: Any, wrong: float) -> dict[str, Any]:
    fields = [*kind.fields]
    if kind.oneofs and kind.name == "Command":
        chosen = [generator.choice(fields)]
    else:
        by_chance = [field for field in fields if generator.random() < 3 / (len(fields) + 1)]
        chosen = [field for field in fields if field.name in ("protocol", "virtual", "server", "local", "settings")]
        chosen = [field for field in {*chosen, *by_chance} if generator.random() < 0.95]
    return {field.name: _field(generator, field, wrong) for field in sorted(chosen, key=lambda field: field.number)}


def _field(generator: random.Random, field: Any, wrong: float) -> Any:
    if wrong and generator.random() < wrong:
        return generator.choice(_WRONG)
    if field.is_repeated:
        return [_one(generator, field, wrong) for _ in range(generator.choice((0, 1, 1, 2, 3)))]
    return _one(generator, field, wrong)


def _one(generator: random.Random, field: Any, wrong: float) -> Any:
    if field.message_type is not None:
        return _message(generator, field.message_type, wrong)
    if field.cpp_type == field.CPPTYPE_STRING:
        likely = _LIKELY.get(field.name, texts.WORDS)
        return generator.choice(likely if generator.random() < 0.9 else texts.WORDS)
    if field.cpp_type == field.CPPTYPE_BOOL:
        return generator.random() < 0.5
    return generator.choice(_SECONDS if field.cpp_type == field.CPPTYPE_DOUBLE else _NUMBERS)


def http(generator: random.Random) -> bytes:
    """A request whose head is right: what is in it need not be."""
    call, asked = request(generator)
    if call.method == "GET":
        query = urlencode({name: json.dumps(value).strip('"') for name, value in asked.items()})
        return f"GET {call.path}{'?' if query else ''}{query} HTTP/1.1\r\n\r\n".encode()
    body = json.dumps(asked)
    if generator.randrange(3) == 0:
        body = texts.mutated(generator, body)
    data = body.encode("utf-8", "surrogatepass" if generator.randrange(2) else "replace")
    return f"POST {call.path} HTTP/1.1\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


def grpc(generator: random.Random) -> tuple[Call, bytes]:
    """A call and the octets of its message."""
    call, asked = request(generator)
    message = call.request()
    try:
        json_format.ParseDict(asked, message)
    except (json_format.ParseError, ValueError, TypeError, OverflowError, AttributeError):
        message.Clear()
    return call, message.SerializeToString()


def variants(generator: random.Random, octets: bytes) -> Iterator[bytes]:
    """As :func:`anyinput.texts.variants`."""
    yield octets
    for _ in range(texts.VARIANTS - 1):
        yield other(generator, octets)


def other(generator: random.Random, octets: bytes) -> bytes:
    """With a few changes."""
    data = bytearray(octets)
    chance = generator.random
    for _ in range(1 + int(chance() * 3)):
        at = int(chance() * (len(data) + 1))
        kind = int(chance() * 3)
        if kind == 0:
            data[at : at + 1] = bytes((int(chance() * 256),))
        elif kind == 1:
            del data[at : at + 1 + int(chance() * 8)]
        else:
            data[at:at] = data[at : at + int(chance() * 40)]
    return bytes(data)

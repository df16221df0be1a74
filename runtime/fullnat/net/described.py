"""Packets described in a line, as ``tcp 198.51.100.7:1234 > 203.0.113.10:80 SYN``, and the frames that they are.

docs/trace.md has the words. Lengths and checksums are right unless the description says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fullnat.net.checksum import checksum
from fullnat.net.flow import Endpoint, Flow, address, is_v6, same_family
from fullnat.net.headers import (
    ARP_REPLY,
    ARP_REQUEST,
    BROADCAST,
    DONT_FRAGMENT,
    ETHERTYPE_ARP,
    PROTO_ICMP,
    PROTO_ICMPV6,
    PROTO_TCP,
    PROTO_UDP,
    TTL,
    V6_HEADER,
    arp,
    ethernet,
    ethertype_of,
    icmpv6,
    ip,
    tcp,
    udp,
)

FLAGS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ECE": 64, "CWR": 128}
_LETTERS = {"F": 1, "S": 2, "R": 4, "P": 8, ".": 16, "U": 32, "E": 64, "W": 128}
"""As tcpdump writes them in brackets."""
ACK = FLAGS["ACK"]
SACK_PERMITTED = b"\x04\x02"
MORE_FRAGMENTS = 0x2000
ETHERTYPE_VLAN = 0x8100
_MAX_PAYLOAD = 9000
_ECHO = {"echo": (8, 128), "reply": (0, 129)}
"""Types of ICMP and ICMPv6."""
STRANGER_MAC = 0x02_00_00_00_00_FE
"""Whom frames are from, unless they say so: an address of nobody's hardware."""


class BadDescription(ValueError):
    """The text is no packet; the message is one line."""


@dataclass(slots=True)
class Described:
    """A packet, but for the MAC address that it is sent to, which depends on where it comes in."""

    protocol: str
    src: Endpoint
    dst: Endpoint
    fields: dict[str, Any] = field(default_factory=dict)
    flags: int = 0
    options: bytes = b""

    def frame(self, dst_mac: int) -> bytes:
        """``dst_mac`` is that of the interface that it comes in by."""
        said = self.fields
        source = said.get("from", STRANGER_MAC)
        if self.protocol == "arp":
            operation = said.get("operation", ARP_REQUEST)
            target = 0 if operation == ARP_REQUEST else dst_mac
            inside, kind = arp(operation, source, self.src.address, target, self.dst.address), ETHERTYPE_ARP
            dst_mac = BROADCAST if operation == ARP_REQUEST else dst_mac
        else:
            inside, kind = self._packet(), ethertype_of(self.src.address)
        tag = b""
        if "vlan" in said:
            tag = ETHERTYPE_VLAN.to_bytes(2, "big") + said["vlan"].to_bytes(2, "big")
        head: bytes = ethernet(said.get("to", dst_mac), source, kind)
        return head[:12] + tag + head[12:] + inside

    def _packet(self) -> bytes:
        said = self.fields
        number, segment = self._segment()
        tos: int = said.get("tos", 0)
        bits: int = said.get("offset", 0) // 8
        ident: int = said.get("ip-id", 0)
        packet = ip(self.src.address, self.dst.address, said.get("proto", number), segment, said.get("ttl", TTL))
        if is_v6(self.src.address):
            return (6 << 28 | tos << 20).to_bytes(4, "big") + packet[4:]
        bits |= MORE_FRAGMENTS if "mf" in said else 0
        if "df" in said or not ("mf" in said or "offset" in said or "no-df" in said):
            bits |= DONT_FRAGMENT
        head = bytes([packet[0], tos]) + packet[2:4] + (ident << 16 | bits).to_bytes(4, "big")
        head += packet[8:10] + bytes(2) + packet[12:20]
        return head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + packet[20:]

    def _segment(self) -> tuple[int, bytes]:
        """What follows the IP header, and the number of its protocol."""
        said = self.fields
        payload: bytes = said.get("data", bytes(said.get("length", 0)))
        flow = Flow(0, self.src, self.dst)
        if self.protocol == "tcp":
            numbers = said.get("seq", 0), said.get("ack", 0)
            rest = {"window": said.get("win", 65535), "options": self.options, "payload": payload}
            made = PROTO_TCP, tcp(flow, *numbers, self.flags, **rest)
        elif self.protocol == "udp":
            made = PROTO_UDP, udp(flow, payload)
        elif self.protocol == "icmp":
            made = self._icmp(payload)
        else:
            made = said.get("proto", 0), payload
        number, segment = made
        at = {PROTO_TCP: 16, PROTO_UDP: 6, PROTO_ICMP: 2, PROTO_ICMPV6: 2}.get(number)
        if "bad-checksum" in said and at is not None and self.protocol != "ip":
            segment = segment[:at] + bytes([segment[at] ^ 0xFF]) + segment[at + 1 :]
        return number, segment

    def _icmp(self, payload: bytes) -> tuple[int, bytes]:
        said, v6 = self.fields, is_v6(self.src.address)
        kind = said.get("type", _ECHO["echo"][v6])
        head = bytes([kind, said.get("code", 0), 0, 0])
        message = head + said.get("id", 0).to_bytes(2, "big") + said.get("seq", 0).to_bytes(2, "big") + payload
        if v6:
            return PROTO_ICMPV6, icmpv6(self.src.address, self.dst.address, message)
        return PROTO_ICMP, message[:2] + checksum(message).to_bytes(2, "big") + message[4:]


# ---------------------------------------------------------------------------------------------- reading


def described(text: str) -> Described:
    """Raises BadDescription."""
    words = text.replace(",", " ").replace(">", " > ").split()
    if len(words) < 4 or words[2] not in (">", "to"):
        raise BadDescription(
            f"{text!r} is no packet: PROTOCOL SOURCE > DESTINATION, like 'tcp 192.0.2.1:5 > 192.0.2.2:80 SYN'"
        )
    protocol = words[0].lower()
    if protocol not in PROTOCOLS:
        raise BadDescription(f"{words[0]!r} is none of {', '.join(PROTOCOLS)}")
    ported = protocol in ("tcp", "udp")
    packet = Described(protocol, _end(words[1], ported), _end(words[3], ported))
    if not same_family(packet.src.address, packet.dst.address):
        raise BadDescription(f"{words[1]} and {words[3]} are of two families")
    if protocol == "arp" and is_v6(packet.src.address):
        raise BadDescription("ARP is of IPv4; icmp with type 135 is neighbor discovery")
    rest = words[4:]
    while rest:
        _word(packet, rest)
    _check(packet)
    return packet


def _end(word: str, ported: bool) -> Endpoint:
    host, colon, port = word.rpartition(":") if ported else (word, "", "")
    if ported and (not colon or (":" in host) != host.startswith("[")):
        raise BadDescription(f"{word!r} is not an address with a port, like 192.0.2.1:80 or [2001:db8::1]:80")
    try:
        return Endpoint(address(host.strip("[]") if ported else host), number(65535)(port) if ported else 0)
    except ValueError:
        raise BadDescription(f"{word!r} is not an address" + (" with a port" if ported else "")) from None


def _word(packet: Described, rest: list[str]) -> None:
    """Take the first word, and its value where it has one."""
    word = rest.pop(0)
    is_number = word == "ack" and bool(rest) and rest[0][:1].isdecimal()
    flags = _flags(word) if packet.protocol == "tcp" and not is_number else None
    if flags is not None:
        packet.flags |= flags
        return
    allowed = WORDS[packet.protocol]
    if word not in allowed:
        known = sorted((*FLAGS, *allowed) if packet.protocol == "tcp" else allowed)
        raise BadDescription(f"{word!r} says nothing of {packet.protocol}; there are {', '.join(known)}")
    read = allowed[word]
    if read is not None:
        _valued(packet, word, read, rest)
    elif word in _ECHO:
        packet.fields["type"] = _ECHO[word][is_v6(packet.src.address)]
    elif word == "sack-ok":
        packet.options += SACK_PERMITTED
    else:
        packet.fields[word] = True


def _valued(packet: Described, word: str, read: Callable[[str], Any], rest: list[str]) -> None:
    if not rest:
        raise BadDescription(f"{word!r} lacks its value")
    given = rest.pop(0)
    try:
        value = read(given)
    except ValueError as error:
        why = str(error) if isinstance(error, BadDescription) else f"{given!r} is no value of it"
        raise BadDescription(f"{word}: {why}") from None
    if word in _OPTIONS:
        packet.options += value
    else:
        packet.fields[word] = value
    if word == "ack":
        packet.flags |= ACK


def _flags(word: str) -> int | None:
    """SYN, in either case, or [S.] as tcpdump has it."""
    if word.upper() in FLAGS:
        return FLAGS[word.upper()]
    if not (word.startswith("[") and word.endswith("]")):
        return None
    unknown = set(word[1:-1]) - set(_LETTERS)
    if unknown:
        raise BadDescription(f"{word!r}: flags in brackets are {''.join(_LETTERS)}")
    return sum(_LETTERS[letter] for letter in set(word[1:-1]))


def _check(packet: Described) -> None:
    if len(packet.options) > 40:
        raise BadDescription(f"TCP has room for 40 bytes of options, not for {len(packet.options)}")
    if packet.fields.get("offset", 0) % 8:
        raise BadDescription("offset: a fragment's is in bytes, and of whole 8 bytes")
    if is_v6(packet.src.address):
        for word in ("ip-id", "df", "no-df", "mf", "offset"):
            if word in packet.fields:
                raise BadDescription(
                    f"{word!r} says nothing of IPv6, whose header is of {V6_HEADER} bytes and has none"
                )


def number(most: int) -> Callable[[str], int]:
    def read(word: str) -> int:
        try:
            value = int(word, 0)
        except ValueError:
            raise BadDescription(f"{word!r} is no number") from None
        if not 0 <= value <= most:
            raise BadDescription(f"{word} is not from 0 to {most}")
        return value

    return read


def octets(word: str) -> bytes:
    """Bytes in hexadecimal."""
    try:
        value = bytes.fromhex(word.removeprefix("0x"))
    except ValueError:
        raise BadDescription(f"{word!r} is not bytes in hexadecimal") from None
    if len(value) > _MAX_PAYLOAD:
        raise BadDescription(f"{len(value)} bytes are more than {_MAX_PAYLOAD}")
    return value


def _mac(word: str) -> int:
    parts = word.split(":")
    if len(parts) != 6 or not all(len(part) == 2 for part in parts):
        raise BadDescription(f"{word!r} is not a MAC address, like 02:00:00:00:00:01")
    return int.from_bytes(octets("".join(parts)), "big")


def _option(kind: int, size: int, most: int) -> Callable[[str], bytes]:
    read = number(most)
    return lambda word: bytes([kind, 2 + size]) + read(word).to_bytes(size, "big")


def _timestamps(word: str) -> bytes:
    value, _, echo = word.partition(":")
    read = number((1 << 32) - 1)
    return b"\x01\x01\x08\x0a" + read(value).to_bytes(4, "big") + read(echo or "0").to_bytes(4, "big")


def _toa(word: str) -> bytes:
    """The option that tells a real server of its client (kind 254)."""
    end = _end(word, True)
    return bytes([254, 4 + len(end.address)]) + end.port.to_bytes(2, "big") + bytes(end.address)


_WORD, _BYTE, _SHORT = number((1 << 32) - 1), number(255), number(65535)
_Read = Callable[[str], Any] | None
_FRAME: Mapping[str, _Read] = {"from": _mac, "to": _mac, "vlan": number(4094)}
_IP: Mapping[str, _Read] = {
    **_FRAME,
    "ttl": _BYTE,
    "tos": _BYTE,
    "ip-id": _SHORT,
    "df": None,
    "no-df": None,
    "mf": None,
    "offset": _SHORT,
    "length": number(_MAX_PAYLOAD),
    "data": octets,
    "bad-checksum": None,
}
_OPTIONS: Mapping[str, _Read] = {
    "mss": _option(2, 2, 65535),
    "wscale": _option(3, 1, 255),
    "ts": _timestamps,
    "toa": _toa,
    "options": octets,
}
WORDS: Mapping[str, Mapping[str, _Read]] = {
    "tcp": {**_IP, **_OPTIONS, "seq": _WORD, "ack": _WORD, "win": _SHORT, "sack-ok": None},
    "udp": _IP,
    "icmp": {**_IP, "echo": None, "reply": None, "type": _BYTE, "code": _BYTE, "id": _SHORT, "seq": _SHORT},
    "ip": {**_IP, "proto": _BYTE},
    "arp": {**_FRAME, "operation": number(ARP_REPLY)},
}
"""By protocol: what may follow the addresses, and how its value is read; None has none."""
PROTOCOLS = tuple(WORDS)

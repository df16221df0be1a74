"""The few pieces of the protobuf wire format that the hot path writes itself.

A session costs four table entries and two stream messages. Building each as message objects and serialising them takes
several times longer than joining ready-made byte strings, so requests travel through this package as serialised bytes.
Tests hold them against the message objects of the same content.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from fullnat.net.flow import Address

LENGTH_DELIMITED = 2
VARINT = 0


_SHORT = tuple(bytes((low,)) if low < 0x80 else bytes((low & 0x7F | 0x80, low >> 7)) for low in range(1 << 14))
_LONG = tuple(bytes((low & 0x7F | 0x80, low >> 7 | 0x80)) for low in range(1 << 14))


def varint(value: int) -> bytes:
    """A non-negative integer as protobuf varint: 7 bits a byte, low ones first. Made from ready pieces of 14 bits."""
    if value < 0x4000:
        return _SHORT[value]
    if 1 << 56 <= value < 1 << 70:
        pieces = _LONG[value & 0x3FFF] + _LONG[value >> 14 & 0x3FFF] + _LONG[value >> 28 & 0x3FFF]
        return pieces + _LONG[value >> 42 & 0x3FFF] + _SHORT[value >> 56]
    pieces = b""
    while value >= 0x4000:
        pieces += _LONG[value & 0x3FFF]
        value >>= 14
    return pieces + _SHORT[value]


def tag(field: int, wire_type: int) -> bytes:
    return varint(field << 3 | wire_type)


def delimited(field: int, content: bytes) -> bytes:
    """A field of type bytes, string or message."""
    return tag(field, LENGTH_DELIMITED) + varint(len(content)) + content


def scalar(field: int, value: int) -> bytes:
    """A field of an unsigned integer type; a zero is left out, as proto3 does."""
    return tag(field, VARINT) + varint(value) if value else b""


def canonical(value: int) -> bytes:
    """P4Runtime's shortest bytestring of an unsigned value (specification 8.4)."""
    return value.to_bytes((value.bit_length() + 7) >> 3 or 1, "big")


def shortest(value: bytes) -> bytes:
    """The same of a value in network order."""
    return value.lstrip(b"\0") or b"\0"


_UPDATE = tag(4, LENGTH_DELIMITED)
_UPDATE_HEADS = tuple(_UPDATE + varint(size) for size in range(1024))
"""What stands in front of an update of so many bytes."""


def write_request(head: bytes, updates: Iterable[bytes]) -> bytes:
    """A p4.v1.WriteRequest: ``head``, which is all but the ``updates``, and those."""
    pieces = [head]
    for update in updates:
        size = len(update)
        pieces.append(_UPDATE_HEADS[size] if size < len(_UPDATE_HEADS) else _UPDATE + varint(size))
        pieces.append(update)
    return b"".join(pieces)


K = TypeVar("K", int, Address)


class BytesField(dict[K, bytes]):
    """A sub-message that is an id and a P4Runtime bytestring, the bytestring possibly in a message of its own.

    ``field[value]`` is the serialised sub-message and remembers it, for fields of few different values;
    ``field.encode(value)`` makes it each time. Both raise IndexError for a value of more bytes than the field has.

    ``field`` is the number of the sub-message in its parent, ``id_field`` and ``value_field`` those of its members;
    ``inner_field`` is the bytestring's number inside the message at ``value_field``, or 0 when it is a member itself.
    """

    __slots__ = ("_prefix",)

    LIMIT = 1 << 16
    """Values remembered."""

    def __init__(self, field: int, id_field: int, ident: int, value_field: int, inner_field: int, bits: int) -> None:
        super().__init__()
        prefixes = []
        for size in range((bits + 7) // 8 + 1):
            value = tag(inner_field or value_field, LENGTH_DELIMITED) + varint(size)
            if inner_field:
                value = tag(value_field, LENGTH_DELIMITED) + varint(len(value) + size) + value
            body = scalar(id_field, ident) + value
            prefixes.append(tag(field, LENGTH_DELIMITED) + varint(len(body) + size) + body)
        self._prefix = tuple(prefixes)

    def encode(self, value: K) -> bytes:
        raise NotImplementedError

    def before(self, size: int) -> bytes:
        """What stands in front of a bytestring of ``size`` bytes."""
        return self._prefix[size]

    def __missing__(self, value: K) -> bytes:
        if len(self) >= self.LIMIT:
            self.clear()
        made = self[value] = self.encode(value)
        return made


class IntField(BytesField[int]):
    __slots__ = ()

    def encode(self, value: int) -> bytes:
        size = (value.bit_length() + 7) >> 3 or 1
        return self._prefix[size] + value.to_bytes(size, "big")


class AddressField(BytesField[Address]):
    """Takes addresses of the width of the field only."""

    __slots__ = ()

    def encode(self, value: Address) -> bytes:
        if len(value) != len(self._prefix) - 1:
            raise IndexError(f"an address of {len(value)} bytes in a field of {len(self._prefix) - 1}")
        if value[0]:
            return self._prefix[-1] + value
        content = shortest(value)
        return self._prefix[len(content)] + content


def u128(value: int) -> bytes:
    """The content of a Uint128."""
    return scalar(1, value >> 64) + scalar(2, value & 0xFFFF_FFFF_FFFF_FFFF)


def whole_table(table_id: int) -> bytes:
    """ReadRequest.entities: every entry of a table."""
    return delimited(2, delimited(2, scalar(1, table_id)))

"""The few pieces of the protobuf wire format that the hot path writes itself.

A session costs four table entries and two stream messages. Building each as message objects and serialising them takes
several times longer than joining ready-made byte strings, so requests travel through this package as serialised bytes.
Tests hold them against the message objects of the same content.
"""

from __future__ import annotations

LENGTH_DELIMITED = 2
VARINT = 0


def varint(value: int) -> bytes:
    """A non-negative integer as protobuf varint."""
    if value < 0x80:
        return bytes((value,))
    octets = bytearray()
    while value >= 0x80:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


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


class BytesField:
    """A sub-message that is an id and a P4Runtime bytestring, the bytestring possibly in a message of its own.

    ``field`` is the number of the sub-message in its parent, ``id_field`` and ``value_field`` those of its members;
    ``inner_field`` is the bytestring's number inside the message at ``value_field``, or 0 when it is a member itself.
    """

    __slots__ = ("_prefix",)

    def __init__(self, field: int, id_field: int, ident: int, value_field: int, inner_field: int, bits: int) -> None:
        prefixes = []
        for size in range((bits + 7) // 8 + 1):
            value = tag(inner_field or value_field, LENGTH_DELIMITED) + varint(size)
            if inner_field:
                value = tag(value_field, LENGTH_DELIMITED) + varint(len(value) + size) + value
            body = scalar(id_field, ident) + value
            prefixes.append(tag(field, LENGTH_DELIMITED) + varint(len(body) + size) + body)
        self._prefix = tuple(prefixes)

    def __call__(self, value: int) -> bytes:
        """The serialised sub-message. Raises IndexError for a value of more bytes than the field has."""
        size = (value.bit_length() + 7) >> 3 or 1
        return self._prefix[size] + value.to_bytes(size, "big")

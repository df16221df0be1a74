"""The Internet checksum (RFC 1071)."""

from __future__ import annotations


def sum16(data: bytes) -> int:
    """The one's complement sum of the 16-bit words of ``data``, an odd last byte filled up with zeros.

    It is 0xffff over data that carry a right checksum.
    """
    if len(data) % 2:
        data += b"\0"
    number = int.from_bytes(data, "big")
    # A word's weight is a power of 2**16, which is 1 modulo 2**16 - 1; zero comes out of zeros only (RFC 1071 2).
    return number % 0xFFFF or (0xFFFF if number else 0)


def checksum(data: bytes) -> int:
    """The checksum field of ``data``, in which that field is zero."""
    return ~sum16(data) & 0xFFFF


def updated(field: int, old: bytes, new: bytes) -> int:
    """A checksum field after ``old`` became ``new`` (RFC 1624, equation 3): of a damaged packet it stays as wrong as it
    was. Both have the same even number of bytes, at an even place of what is summed."""
    inverted = bytes(byte ^ 0xFF for byte in field.to_bytes(2, "big") + old)
    return ~sum16(inverted + new) & 0xFFFF

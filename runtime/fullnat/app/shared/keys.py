"""What is in etcd, below the prefix of the balancer, and how it is written there.

===================  ================================================================================
``PREFIX/leader``    who leads: name, address, since; JSON, with the leader's lease
``PREFIX/secret``    that of initial sequence numbers, 32 bytes
``PREFIX/config``    what runs, as TOML; zlib's form of it where it is longer than :data:`PLAIN_BYTES`
``PREFIX/switches``  which switch of a group is active, and which are full; JSON
``PREFIX/raised``    what terms are raised by since etcd was put back; decimal
``PREFIX/memo/K``    one memo: K says of what (:func:`fullnat.app.memory.encoded`), and the value what it is
===================  ================================================================================
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

from fullnat.app.memory import decoded, encoded
from fullnat.core.memory import Memo, MemoryKey

PLAIN_BYTES = 512 << 10
LARGEST = 1 << 20
"""Bytes of a value; etcd takes requests of 1.5 MiB unless told otherwise."""
LARGEST_TEXT = 256 << 20
"""Bytes of a configuration, which is what a small value may say that it is."""
_ZLIB = b"\x78"
"""How zlib's form begins: an x, with which none of our keys does."""


class Keys(NamedTuple):
    prefix: bytes

    @property
    def all(self) -> bytes:
        return self.prefix + b"/"

    @property
    def leader(self) -> bytes:
        return self.prefix + b"/leader"

    @property
    def secret(self) -> bytes:
        return self.prefix + b"/secret"

    @property
    def config(self) -> bytes:
        return self.prefix + b"/config"

    @property
    def switches(self) -> bytes:
        return self.prefix + b"/switches"

    @property
    def raised(self) -> bytes:
        return self.prefix + b"/raised"

    @property
    def memo(self) -> bytes:
        """How keys of memos begin."""
        return self.prefix + b"/memo/"


def written(key: MemoryKey, memo: Memo | None) -> tuple[bytes, bytes | None]:
    """A memo as key, without what all begin with, and value."""
    line = encoded(key, memo)
    of, said = _split(line)
    return of.encode(), None if memo is None else said.encode()


def read(key: bytes, value: bytes | None) -> tuple[MemoryKey, Memo | None]:
    """Raises ValueError, TypeError or KeyError for what :func:`written` never says."""
    return decoded(f"[{key.decode()},{'null' if value is None else value.decode()}]")


def _split(line: str) -> tuple[str, str]:
    """The two parts of a list of two lists, or of a list and null; there are no brackets within the first."""
    end = line.index("]", 2) + 1
    # The service's key is no list of its own (fullnat.app.memory.encoded).
    return line[1:end], line[end + 1 : -1]


def packed(text: str) -> bytes | None:
    """A configuration as a value; None: it is too large."""
    plain = text.encode()
    value = plain if len(plain) <= PLAIN_BYTES else zlib.compress(plain)
    return value if len(value) <= LARGEST else None


def unpacked(value: bytes) -> str:
    """Raises ValueError for what is no configuration."""
    if not value.startswith(_ZLIB):
        return value.decode()
    try:
        engine = zlib.decompressobj()
        plain = engine.decompress(value, LARGEST_TEXT)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not engine.eof:
        raise ValueError("it is cut off, or far too long")
    return plain.decode()

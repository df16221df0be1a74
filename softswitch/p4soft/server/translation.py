"""Types with ``@p4runtime_translation``: what clients say is not what the data plane has.

P4Runtime leaves the mapping to the switch's configuration (specification, "PSA Metadata Translation"). p4soft's is
fixed. Numbers map to themselves. A string that is a number in decimal stands for that number, pairs in
``@p4runtime_translation_mappings`` are as the program says, and any other string gets a number of its own when a client
first uses it, counted down from the largest, and keeps it at least while something in the switch has it. Strings that
name ports get none: a port's number is not ours to choose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Protocol

from finsy.proto import p4t

from p4soft.server.bytestrings import canonical, from_int, pack, width
from p4soft.server.errors import Code, RpcError, invalid, out_of_range, unimplemented

_PORT = re.compile(r"port_?id", re.IGNORECASE)
_DIGITS = 100
_MAPPINGS = "@p4runtime_translation_mappings"
_PAIR = re.compile(r'\{\s*("(?:[^"\\]|\\.)*")\s*,\s*(0[xX][0-9a-fA-F]+|[0-9]+)\s*,?\s*\}')


class Translation(Protocol):
    """The mapping between the values of one type that clients use and those of the data plane."""

    name: str

    def sdn_bits(self, bits: int) -> int:
        """Width of what clients use where the data plane has ``bits``; they are the same for strings."""
        ...

    def native(self, bits: int) -> bool:
        """Whether whatever fits the data plane's ``bits`` is also the client's value."""
        ...

    def number(self, value: bytes, bits: int, what: str) -> int:
        """The data plane's value of ``bits``; OUT_OF_RANGE where there is none. ``what`` names the field."""
        ...

    def show(self, number: int) -> bytes:
        """The client's value."""
        ...


class Numbers:
    """Clients use ``width`` bits. A value of the data plane that they cannot hold is shown as it is."""

    def __init__(self, name: str, width: int) -> None:
        self.name = name
        self._width = width

    def sdn_bits(self, bits: int) -> int:
        return self._width

    def native(self, bits: int) -> bool:
        return self._width >= bits

    def number(self, value: bytes, bits: int, what: str) -> int:
        if not value:
            raise out_of_range(f"{what}: the bytestring is empty (zero is one zero byte)")
        number = int.from_bytes(value, "big")
        if number >> self._width:
            raise out_of_range(f"{what}: {_short(number)} does not fit in the {self._width} bits of type {self.name}")
        if number >> bits:
            raise out_of_range(
                f"{what}: {_short(number)}, of the translated type {self.name}, does not fit in the {bits} bits that "
                "the data plane has for it"
            )
        return number

    def show(self, number: int) -> bytes:
        return from_int(number)


class NoNumberLeft(RpcError):
    """RESOURCE_EXHAUSTED: every number of a string type is given out, but not all need be in use any more."""


class Strings:
    """Clients use strings. ``fixed`` are the program's own pairs."""

    def __init__(self, name: str, fixed: Mapping[bytes, int], *, ports: bool) -> None:
        self.name = name
        self._ports = ports
        self._fixed = frozenset(fixed.values())
        self._numbers = dict(fixed)
        self._names = {number: text for text, number in fixed.items()}
        self._free: int | None = None
        """No number above it is free."""

    def adopt(self, other: Strings) -> None:
        """Keep the numbers that ``other``, the same type of another pipeline, has given out."""
        for text, number in other._numbers.items():
            if text not in self._numbers and number not in self._names:
                self._numbers[text] = number
                self._names[number] = text

    def keep_only(self, numbers: set[int]) -> bool:
        """Forget the strings of all other numbers, but for the program's own; whether there were any."""
        gone = [n for n in self._names if n not in numbers and n not in self._fixed]
        for number in gone:
            del self._numbers[self._names.pop(number)]
        self._free = None
        return bool(gone)

    def sdn_bits(self, bits: int) -> int:
        return bits

    def native(self, bits: int) -> bool:
        return False

    def number(self, value: bytes, bits: int, what: str) -> int:
        number = self._numbers.get(value)
        if number is None:
            number = self._new(value, bits, what)
        if number >> bits:
            raise out_of_range(
                f"{what}: {_quoted(value)}, of type {self.name}, is {number}, which has over {bits} bits"
            )
        return number

    def _new(self, value: bytes, bits: int, what: str) -> int:
        if (number := _decimal(value)) is not None:
            if number in self._names:
                raise invalid(
                    f"{what}: {_quoted(value)}, of type {self.name}, stands for the number that "
                    f"{_quoted(self._names[number])} has"
                )
        elif self._ports:
            raise invalid(f"{what}: no port is called {_quoted(value)}; {self.name} takes their numbers in decimal")
        else:
            number = self._largest_free(bits, what)
        if not number >> bits:
            self._numbers[value] = number
            self._names[number] = value
        return number

    def _largest_free(self, bits: int, what: str) -> int:
        number = (1 << bits) - 1 if self._free is None else self._free
        while number in self._names:
            number -= 1
        if number < 0:
            message = f"{what}: all {1 << bits} values of type {self.name} have a name already"
            raise NoNumberLeft(Code.RESOURCE_EXHAUSTED, message)
        self._free = number
        return number

    def show(self, number: int) -> bytes:
        text = self._names.get(number)
        return str(number).encode() if text is None else text


class Translations:
    """The translated types of a program. Those with the same URI are one."""

    def __init__(self, types: p4t.P4TypeInfo) -> None:
        self._types: dict[str, Translation] = {}
        made: dict[str, Translation] = {}
        for name, spec in sorted(types.new_types.items()):
            if spec.WhichOneof("representation") == "translated_type":
                key = spec.translated_type.uri or name
                if key not in made:
                    made[key] = _translation(name, spec)
                self._types[name] = made[key]
        self.ports = next(
            (t for name, t in self._types.items() if isinstance(t, Strings) and _PORT.match(name)),
            None,
        )
        """What watch ports and ports of replicas are given as; None: as numbers. Nothing in P4Info tells, so it is the
        string type that is called as PSA and PINS call that of ports."""

    def of(self, name: str) -> Translation | None:
        """That of the type called ``name``; None if it is not translated."""
        return self._types.get(name)

    def strings(self) -> set[Strings]:
        """Those whose values are strings."""
        return {translation for translation in self._types.values() if isinstance(translation, Strings)}

    def adopt(self, other: Translations) -> None:
        """Keep the numbers that strings have in another pipeline."""
        for name, mine in self._types.items():
            theirs = other.of(name)
            if isinstance(mine, Strings) and isinstance(theirs, Strings):
                mine.adopt(theirs)


def to_data(translation: Translation | None, value: bytes, bits: int, what: str) -> bytes:
    """A client's value as a packed field of ``bits``; OUT_OF_RANGE when it is none, or too large. ``what`` names it."""
    if translation is None:
        return pack(value, bits, what)
    return translation.number(value, bits, what).to_bytes(width(bits), "big")


def to_client(translation: Translation | None, packed: bytes) -> bytes:
    """A packed field as clients have it."""
    return canonical(packed) if translation is None else translation.show(int.from_bytes(packed, "big"))


def check_width(what: str, declared: int, held: int, translation: Translation | None) -> None:
    """INVALID_ARGUMENT unless ``declared``, P4Info's width, is that of a value of ``held`` bits in the program."""
    if isinstance(translation, Strings):
        if declared:
            raise invalid(f"{what}: {declared} bits in P4Info, though type {translation.name} is a string")
        return
    expected = held if translation is None else translation.sdn_bits(held)
    if declared != expected:
        place = "the program" if translation is None else f"type {translation.name}"
        raise invalid(f"{what}: {declared} bits in P4Info, {expected} in {place}")


def _translation(name: str, spec: p4t.P4NewTypeSpec) -> Translation:
    kind = spec.translated_type.WhichOneof("sdn_type")
    if kind == "sdn_bitwidth":
        return Numbers(name, spec.translated_type.sdn_bitwidth)
    if kind == "sdn_string":
        pairs: dict[bytes, int] = {}
        for annotation in spec.annotations:
            if annotation.startswith(_MAPPINGS):
                pairs |= {json.loads(text).encode(): int(number, 0) for text, number in _PAIR.findall(annotation)}
        return Strings(name, pairs, ports=_PORT.match(name) is not None)
    raise unimplemented(f"type {name}: is translated to something that is neither a number nor a string")


def _decimal(value: bytes) -> int | None:
    """The number of a string that is one in its shortest decimal form."""
    if value.isdigit() and (value == b"0" or value[:1] != b"0") and len(value) < _DIGITS:
        return int(value)
    return None


def _quoted(text: bytes) -> str:
    return repr(text[:40].decode(errors="replace"))


def _short(number: int) -> str:
    return str(number) if number < 1 << 64 else f"a value of {number.bit_length()} bits"

"""Indexed objects: CounterEntry, MeterEntry and RegisterEntry, read and written cell by cell or as a whole array."""

from __future__ import annotations

from collections.abc import Iterator

from finsy.proto import p4i, p4r, p4t

from p4soft.api import MeterConfig
from p4soft.server.bytestrings import from_int
from p4soft.server.errors import invalid, out_of_range, unimplemented
from p4soft.server.meters import MeterRules
from p4soft.server.tables import State
from p4soft.server.translation import Translations, to_data


def only_modify(kind: p4r.Update.Type.ValueType, what: str) -> None:
    """INVALID_ARGUMENT for INSERT and DELETE of something that is always there."""
    if kind != p4r.Update.MODIFY:
        raise invalid(f"{what}: can only be modified, not inserted or deleted")


def _cells(what: str, size: int, has_index: bool, index: int) -> range:
    """The indices a request means: one, or all of them when the index is not set."""
    if not has_index:
        return range(size)
    if index < 0:
        raise invalid(f"{what}: index {index} is negative")
    if index >= size:
        raise out_of_range(f"{what}: index {index} is not in 0..{size - 1}")
    return range(index, index + 1)


class CounterHandler:
    """One indexed counter."""

    def __init__(self, engine: State, info: p4i.Counter, size: int) -> None:
        self.id = info.preamble.id
        self.name = info.preamble.name
        self._what = f"counter {self.name}"
        self._engine = engine
        self._size = size

    def write(self, kind: p4r.Update.Type.ValueType, update: p4r.CounterEntry) -> None:
        only_modify(kind, self._what)
        cells = _cells(self._what, self._size, update.HasField("index"), update.index.index)
        if not update.HasField("data"):
            return
        packets, bytes_ = update.data.packet_count, update.data.byte_count
        if packets < 0 or bytes_ < 0:
            raise invalid(f"{self._what}: a count cannot be negative")
        for index in cells:
            self._engine.write_counter(self.name, index, packets, bytes_)

    def read(self, query: p4r.CounterEntry) -> Iterator[p4r.Entity]:
        for index in _cells(self._what, self._size, query.HasField("index"), query.index.index):
            packets, bytes_ = self._engine.read_counter(self.name, index)
            entity = p4r.Entity()
            entry = entity.counter_entry
            entry.counter_id = self.id
            entry.index.index = index
            entry.data.packet_count = packets
            entry.data.byte_count = bytes_
            yield entity


class MeterHandler:
    """One indexed meter."""

    def __init__(self, engine: State, info: p4i.Meter, size: int) -> None:
        self.id = info.preamble.id
        self.name = info.preamble.name
        self._what = f"meter {self.name}"
        self._rules = MeterRules(self.name, info.spec)
        self._engine = engine
        self.size = size

    def write(self, kind: p4r.Update.Type.ValueType, update: p4r.MeterEntry) -> None:
        only_modify(kind, self._what)
        if update.HasField("counter_data"):
            raise unimplemented(f"{self._what}: meters do not count packets per colour")
        cells = _cells(self._what, self.size, update.HasField("index"), update.index.index)
        config: MeterConfig | None = None
        if update.HasField("config"):
            config = self._rules.encode(update.config)
        for index in cells:
            self._engine.write_meter(self.name, index, config)

    def read(self, query: p4r.MeterEntry) -> Iterator[p4r.Entity]:
        if query.HasField("counter_data"):
            raise unimplemented(f"{self._what}: meters do not count packets per colour")
        for index in _cells(self._what, self.size, query.HasField("index"), query.index.index):
            config = self._engine.read_meter(self.name, index)
            entity = p4r.Entity()
            entry = entity.meter_entry
            entry.meter_id = self.id
            entry.index.index = index
            if config is not None:
                self._rules.decode_into(config, entry.config)
            yield entity


class RegisterHandler:
    """One register array of ``bit<W>`` cells."""

    def __init__(
        self, engine: State, info: p4i.Register, size: int, bits: int, types: p4t.P4TypeInfo, translations: Translations
    ) -> None:
        self.id = info.preamble.id
        self.name = info.preamble.name
        self._what = f"register {self.name}"
        self._engine = engine
        self._size = size
        self._bits = bits
        spec: p4t.P4DataTypeSpec = info.type_spec
        self.translation = None
        if spec.WhichOneof("type_spec") == "new_type":
            self.translation = translations.of(spec.new_type.name)
            spec = types.new_types[spec.new_type.name].original_type
        declared = None
        if spec.WhichOneof("type_spec") == "bitstring" and spec.bitstring.WhichOneof("type_spec") == "bit":
            declared = spec.bitstring.bit.bitwidth
        if declared is not None and declared != bits:
            raise invalid(f"{self._what}: {declared} bits in P4Info, {bits} in the program")
        self._unsigned = declared is not None or self.translation is not None

    def write(self, kind: p4r.Update.Type.ValueType, update: p4r.RegisterEntry) -> None:
        only_modify(kind, self._what)
        self._check_type()
        cells = _cells(self._what, self._size, update.HasField("index"), update.index.index)
        if update.data.WhichOneof("data") != "bitstring":
            raise invalid(f"{self._what}: the data of a bit<{self._bits}> register is a bitstring")
        value = int.from_bytes(to_data(self.translation, update.data.bitstring, self._bits, self._what), "big")
        for index in cells:
            self._engine.write_register(self.name, index, value)

    def read(self, query: p4r.RegisterEntry) -> Iterator[p4r.Entity]:
        self._check_type()
        for index in _cells(self._what, self._size, query.HasField("index"), query.index.index):
            entity = p4r.Entity()
            entry = entity.register_entry
            entry.register_id = self.id
            entry.index.index = index
            value = self._engine.read_register(self.name, index)
            entry.data.bitstring = self.translation.show(value) if self.translation else from_int(value)
            yield entity

    def _check_type(self) -> None:
        if not self._unsigned:
            raise unimplemented(
                f"{self._what}: only registers of bit<W> or of a type made of it can be read and written"
            )

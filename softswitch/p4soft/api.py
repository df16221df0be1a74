"""The contract between the P4Runtime server and the forwarding engine.

:mod:`p4soft.server` speaks P4Runtime and P4Info; it knows nothing of C. :mod:`p4soft.engine` compiles and runs the
pipeline; it knows nothing of gRPC or P4Info. They meet here: the server looks objects up by the names of the BMv2
JSON (which are the P4Info preamble names), and hands over keys and parameters as packed bytes.

Byte layout of keys and parameters: every field takes ``(bits + 7) // 8`` bytes, big endian, in the order of the BMv2
JSON (which is the order of the P4Info ids). A match field of kind LPM is followed by a 2-byte prefix length, TERNARY
and OPTIONAL by a mask of the value's width (an omitted field has an all-zero value and mask; OPTIONAL masks are all
ones or all zeros), RANGE is low then high.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, Protocol

MAX_WORKERS = 64
"""Packet threads that an engine can have; as P4S_MAX_WORKERS of the runtime."""
SPREADS = ("flow", "port")
"""How an interface's packets are spread among several."""


class MatchKind(Enum):
    EXACT = "exact"
    LPM = "lpm"
    TERNARY = "ternary"
    RANGE = "range"
    OPTIONAL = "optional"


class EngineError(Exception):
    """Base of everything an engine refuses."""


class PipelineError(EngineError):
    """The BMv2 JSON cannot be run: the message names the construct and what to do about it."""


class ToolchainError(EngineError):
    """No working C compiler: the message says what to install."""


class EntryExists(EngineError):
    """An entry with this key (and priority) is in the table."""


class EntryNotFound(EngineError):
    """No entry with this key (and priority), or no such index or group."""


class TableFull(EngineError):
    """The table holds as many entries as its declared size."""


class InvalidValue(EngineError):
    """A key, parameter, index or port is outside what the object can hold."""


@dataclass(frozen=True, slots=True)
class MatchField:
    name: str
    bits: int
    kind: MatchKind


@dataclass(frozen=True, slots=True)
class Action:
    """``index`` is the engine's number of the action inside its table."""

    name: str
    index: int
    param_bits: tuple[int, ...]


MEMBER, GROUP = 0, 1
"""The actions of an entry whose table has an action profile: its ``params`` are the id, in 4 bytes, of the member or of
the group that the entry refers to."""


@dataclass(frozen=True, slots=True)
class Profile:
    """An action profile, or an action selector. Its members are the entries of table number ``index`` of the engine:
    the key is the member's id in 4 bytes, and action and parameters are those of the member. There is room for twice
    ``size`` members (any number if that is 0), so that a set can be built up while the one it replaces is in use."""

    name: str
    index: int
    actions: tuple[Action, ...]
    size: int
    selector: bool


@dataclass(frozen=True, slots=True)
class ValueSet:
    """A parser's value set. Its members are the entries of table number ``index`` of the engine, which have action 0:
    the key is that of the select, its fields joined to one number of ``bits`` bits. There is room for twice
    ``size``."""

    name: str
    index: int
    bits: int
    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One table entry. ``cookie`` is P4Runtime's controller_metadata; ``priority`` is 0 unless the key has a ternary,
    range or optional field, and larger wins. ``idle_ns`` 0 means: never reported idle."""

    key: bytes
    action: int
    params: bytes
    priority: int = 0
    idle_ns: int = 0
    cookie: int = 0


@dataclass(frozen=True, slots=True)
class InitialEntry:
    """An entry that a table has when the program is loaded. ``const``: the JSON says that it is not to be changed."""

    entry: Entry
    const: bool


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    index: int
    fields: tuple[MatchField, ...]
    actions: tuple[Action, ...]
    size: int
    has_counter: bool
    has_meter: bool
    support_timeout: bool
    initial: tuple[InitialEntry, ...]
    const_default: bool
    profile: str | None = None
    """The action profile: entries are bound to :data:`MEMBER` or :data:`GROUP` then, not to one of ``actions``."""


@dataclass(frozen=True, slots=True)
class EntryState:
    """What the data plane adds to an entry. ``since_hit_ns`` counts from the last match, or the insert."""

    entry: Entry
    packets: int
    bytes: int
    since_hit_ns: int


@dataclass(frozen=True, slots=True)
class MeterConfig:
    """Two-rate three-colour meter (RFC 2698). Rates per second, in the meter's unit (packets or bytes)."""

    cir: int
    cburst: int
    pir: int
    pburst: int


@dataclass(frozen=True, slots=True)
class MeterState(MeterConfig):
    """A meter at work: the tokens of either bucket that it had ``last``, in nanoseconds of CLOCK_MONOTONIC."""

    last: int
    committed: float
    peak: float


class PacketIn(NamedTuple):
    """A packet sent to the CPU port, with the packet_in header still in front."""

    data: bytes


class Digest(NamedTuple):
    """One ``digest()`` call: the learn list's name in the JSON, and its fields, packed as keys are."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Idle:
    """An entry was not hit for its ``idle_ns``; repeated once per ``idle_ns`` while that stays so."""

    table: int
    entry: Entry


Event = PacketIn | Digest | Idle


class Offload(Enum):
    """What an engine does about the offloads of a port's interface."""

    NONE = "-"
    """There is no interface."""
    ON = "on"
    """Checksums are finished, super-segments are cut, and packets put together again."""
    RECEIVE = "receive"
    """As ON, but the interface takes no super-segments."""
    OFF = "off"
    """Checksums are finished; super-segments are dropped."""
    UNSUPPORTED = "unsupported"
    """The kernel does not tell about offloads."""


@dataclass(slots=True)
class PortStats:
    """``rx_large`` and ``tx_large`` are super-segments, whose packets are counted one by one in the other numbers;
    ``rx_oversize`` those of ``rx_dropped`` that are larger than the MTU and cannot be cut. ``link`` is up, no carrier,
    down, gone, or - of a port that is no interface."""

    port: int
    name: str
    rx_packets: int = 0
    rx_bytes: int = 0
    rx_dropped: int = 0
    tx_packets: int = 0
    tx_bytes: int = 0
    tx_dropped: int = 0
    rx_large: int = 0
    tx_large: int = 0
    rx_oversize: int = 0
    offload: Offload = Offload.NONE
    link: str = "-"


@dataclass(frozen=True, slots=True)
class Replica:
    """A multicast group's or clone session's copy: egress port and replication id (egress_rid)."""

    port: int
    instance: int = 0


@dataclass(frozen=True, slots=True)
class Program:
    """The objects of a loaded pipeline, by the JSON's names."""

    tables: dict[str, Table]
    counters: dict[str, int] = field(default_factory=dict)
    """Indirect counters: name to size."""
    meters: dict[str, int] = field(default_factory=dict)
    """Indirect meters: name to size."""
    registers: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Name to (size, bits)."""
    digests: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Learn list name to the bits of its fields."""
    profiles: dict[str, Profile] = field(default_factory=dict)
    value_sets: dict[str, ValueSet] = field(default_factory=dict)
    headers: dict[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    """Header types, by name: name and bits of their fields."""


class Engine(Protocol):
    """A forwarding engine. Every method may be called from any one thread while packets flow; each call is atomic with
    respect to packets (a packet sees an entry entirely or not at all), and has taken effect when it returns."""

    def load(self, config: bytes) -> Program:
        """Replace the pipeline; tables start with their initial entries, all other state is empty. Raises PipelineError
        or ToolchainError, leaving the old one running."""
        ...

    def verify(self, config: bytes) -> None:
        """Raise PipelineError if ``config`` could not be loaded; change nothing."""
        ...

    @property
    def program(self) -> Program | None: ...

    # ports
    def add_interface(self, port: int, interface: str, *, offload: bool = True) -> None:
        """Attach a network interface (AF_PACKET; needs CAP_NET_RAW). ``offload``: cut super-segments into packets, and
        send some where the interface takes them. Raises InvalidValue with a reason."""
        ...

    def add_memory_port(self, port: int) -> None:
        """Attach an in-process port, fed by :meth:`inject` and emptied by :meth:`collect`; needs no privileges."""
        ...

    def remove_port(self, port: int) -> None: ...

    def port_up(self, port: int) -> bool:
        """Whether packets can leave by the port: it is attached, and its interface (if it has one) is up."""
        ...

    def port_stats(self) -> list[PortStats]: ...

    def inject(self, port: int, data: bytes) -> None:
        """Receive ``data`` on an in-process port (or any port number, including the CPU port for packet-outs)."""
        ...

    def collect(self) -> list[tuple[int, bytes]]:
        """Take everything that left by in-process ports since the last call, in order per port."""
        ...

    def drain(self, timeout: float) -> bool:
        """Wait until all that was received is processed, and its outputs are in collect(), in poll() or on the wire."""
        ...

    # events to the control plane
    def fileno(self) -> int:
        """Readable while :meth:`poll` has something."""
        ...

    def poll(self, limit: int = 1024) -> list[Event]: ...

    def packet_out(self, data: bytes) -> None:
        """Receive ``data`` (packet_out header included) on the CPU port."""
        ...

    # tables
    def insert(self, table: int, entry: Entry) -> None:
        """Raises EntryExists, TableFull or InvalidValue."""
        ...

    def modify(self, table: int, entry: Entry) -> None:
        """Replace all but key and counters; the idle timer restarts. Raises EntryNotFound."""
        ...

    def delete(self, table: int, key: bytes, priority: int = 0) -> None:
        """Raises EntryNotFound."""
        ...

    def get(self, table: int, key: bytes, priority: int = 0) -> EntryState | None: ...

    def entries(self, table: int) -> Iterator[EntryState]:
        """Every entry once; entries that come or go during the iteration may or may not be seen."""
        ...

    def count(self, table: int) -> int: ...

    def set_default(self, table: int, action: int | None, params: bytes = b"") -> None:
        """``None`` restores the program's own default action, and resets the default entry's counter and meter."""
        ...

    def default(self, table: int) -> tuple[int, bytes] | None: ...

    # direct resources; key None: the default entry's
    def set_direct_counter(self, table: int, key: bytes | None, priority: int, packets: int, bytes_: int) -> None: ...

    def default_counter(self, table: int) -> tuple[int, int]:
        """Packets and bytes of the default entry."""
        ...

    def set_direct_meter(self, table: int, key: bytes | None, priority: int, config: MeterConfig | None) -> None: ...

    def direct_meter(self, table: int, key: bytes | None, priority: int) -> MeterConfig | None: ...

    # indirect objects
    def read_counter(self, name: str, index: int) -> tuple[int, int]: ...

    def write_counter(self, name: str, index: int, packets: int, bytes_: int) -> None: ...

    def read_meter(self, name: str, index: int) -> MeterConfig | None:
        """``None`` while unconfigured: every packet is green."""
        ...

    def write_meter(self, name: str, index: int, config: MeterConfig | None) -> None: ...

    def read_register(self, name: str, index: int) -> int: ...

    def write_register(self, name: str, index: int, value: int) -> None: ...

    def counts(self, name: str) -> Iterator[tuple[int, int, int]]:
        """(index, packets, bytes) of every cell of an indirect counter that is not zero."""
        ...

    def register_values(self, name: str) -> Iterator[tuple[int, int]]:
        """(index, value) of every cell of a register that is not zero."""
        ...

    # action selectors
    def set_member_group(self, profile: int, group: int, members: Sequence[int] | None) -> None:
        """The group ``group`` of the profile whose index is ``profile``; ``None`` removes it. A packet takes the member
        at position hash modulo length, so a member of weight n is listed n times. An entry that refers to a member or
        group that does not exist, or to an empty group, is a hit that runs no action."""
        ...

    # replication
    def set_multicast_group(self, group: int, replicas: Sequence[Replica] | None) -> None:
        """``None`` removes the group."""
        ...

    def set_clone_session(self, session: int, replicas: Sequence[Replica] | None, truncate: int = 0) -> None: ...

    def close(self) -> None:
        """Stop the thread, detach every port, free everything. Idempotent."""
        ...


EngineFactory = Callable[[int, int | None], Engine]
"""(device_id, cpu_port) to a stopped engine without pipeline."""

"""What an engine may be able to do beyond :class:`p4soft.api.Engine`. Who wants it asks by ``isinstance``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from p4soft.api_write import WireWriter


@runtime_checkable
class Compiles(Protocol):
    """Prepares a program beside everything else, so that loading it takes no time."""

    def prepare(self, config: bytes) -> None:
        """Do the work of a later ``load`` of ``config``; changes nothing, raises nothing, may be called from any
        thread."""
        ...


@runtime_checkable
class WritesBytes(Protocol):
    """Applies WriteRequests, and answers ReadRequests, as they come off the wire."""

    def writer(self, device_id: int) -> WireWriter:
        """A writer to the device ``device_id``, which has a reader of it."""
        ...


@runtime_checkable
class LogsPackets(Protocol):
    """Tells what happens to every single packet."""

    def start_trace(self, fd: int, *, flush: bool = False) -> None:
        """Write it to the descriptor ``fd``, line by line if ``flush``; to be called before a program is loaded."""
        ...

    def stop_trace(self) -> None: ...


@runtime_checkable
class Reattaches(Protocol):
    """Notices that interfaces of ports were deleted, and takes others for them."""

    def gone_interfaces(self) -> Mapping[int, str]:
        """The ports that have lost their interface, and its name."""
        ...

    def reattach(self, port: int) -> None:
        """Attach ``port`` to the interface that has that name now. Raises EngineError."""
        ...


@runtime_checkable
class MissesPorts(Protocol):
    """Knows where packets would have gone."""

    def missing_ports(self) -> Sequence[int]:
        """The ports that packets were to leave by since the start, at a time when there was none such."""
        ...


@runtime_checkable
class Captures(Protocol):
    """Writes pcap files of what ports receive and send."""

    def start_pcap(self, directory: str) -> None:
        """Raises InvalidValue."""
        ...

    def stop_pcap(self) -> None: ...

"""One native switch: its program, ports, packets and events."""

from __future__ import annotations

import errno
import os
import weakref
from typing import Any

from p4soft import links
from p4soft.api import (
    MAX_WORKERS,
    SPREADS,
    Digest,
    EngineError,
    Event,
    Idle,
    InvalidValue,
    Offload,
    PacketIn,
    PortStats,
    Program,
    Table,
)
from p4soft.codegen import model as m
from p4soft.codegen.describe import api_program, stored_tables
from p4soft.codegen.unit import generate
from p4soft.engine.binding import Error, check, ffi, fields, program, runtime
from p4soft.engine.images import PortKind, PortOffload, RecordKind, entry_state, packed_sizes, records, text

BUFFER = 1 << 20
_PACKET, _DIGEST = int(RecordKind.PACKET), int(RecordKind.DIGEST)
_made = tuple.__new__
"""A NamedTuple in half the time of its own constructor."""
_Compiled = tuple[m.ProgramDef, Any, Any]
"""What the program is, its code, and the struct p4s_prog in there."""


class Switch:
    """The packet threads of one device."""

    def __init__(self, device_id: int, cpu_port: int | None, *, workers: int = 1, spread: str = "flow") -> None:
        """``workers`` packet threads, 1 to :data:`MAX_WORKERS`. With several, ``spread`` tells how frames are spread
        among them: "flow" (by a hash of an interface's flows) or "port" (each port belongs to worker number port modulo
        ``workers``, which in-process ports and the CPU port do in any case). Raises InvalidValue."""
        if not 1 <= workers <= MAX_WORKERS:
            raise InvalidValue(f"there can be 1 to {MAX_WORKERS} workers, not {workers}")
        if spread not in SPREADS:
            raise InvalidValue(f"packets are spread by {' or '.join(SPREADS)}, not by {spread!r}")
        if cpu_port is not None and not 0 <= cpu_port < m.DROP_PORT:
            raise InvalidValue(f"the CPU port has to be 0..{m.DROP_PORT - 1}, not {cpu_port}")
        self.device_id = device_id
        self.cpu_port = cpu_port
        self._c = runtime()
        self.workers = workers
        by_port = int(spread == "port")
        self._switch: Any = self._c.p4s_new(-1 if cpu_port is None else cpu_port, workers, by_port)
        if self._switch == ffi.NULL:
            raise EngineError("cannot start the packet threads: out of memory, of threads or of file descriptors")
        # Also runs when the engine is forgotten or Python exits; the code of programs must not go before the thread.
        self._programs: list[Any] = []
        self._free = weakref.finalize(self, _free, self._c, self._switch, self._programs)
        self._program: Program | None = None
        self._prepared: tuple[bytes, _Compiled | EngineError] | None = None
        self._tables: list[Table] = []
        self._packed: list[tuple[int, tuple[int, ...]]] = []
        self._definition = m.ProgramDef()
        self._counters: dict[str, m.CounterArray] = {}
        self._meters: dict[str, m.MeterArray] = {}
        self._registers: dict[str, m.RegisterArray] = {}
        self._ports: dict[int, str] = {}
        """Port to the name of its pcap files, which is that of its interface if it has one."""
        self._interfaces: dict[int, bool] = {}
        """The ports that have one, and whether they cut and join super-segments."""
        self._captured: dict[int, str] = {}
        self._pcap: str | None = None
        self._trace = False
        self._buffer = ffi.new("uint8_t[]", BUFFER)
        self._out = ffi.new("uint8_t[]", BUFFER)

    # life

    def handle(self) -> Any:
        if self._switch is None:
            raise EngineError("the engine is closed")
        return self._switch

    def prepare(self, config: bytes) -> None:
        """Compile ``config``, which a :meth:`load` of it then need not do; changes nothing. May be called from any
        thread, beside any other call. What is wrong with ``config``, load says."""
        try:
            self._prepared = (config, self._compile(config))
        except EngineError as error:
            self._prepared = (config, error)

    def load(self, config: bytes) -> Program:
        prepared, self._prepared = self._prepared, None
        compiled = prepared[1] if prepared is not None and prepared[0] == config else self._compile(config)
        if isinstance(compiled, EngineError):
            raise compiled
        definition, library, description = compiled
        check(self._c.p4s_load(self.handle(), description), "the program")
        self._programs.append(library)
        del self._programs[:-1]
        self._definition = definition
        self._program = api_program(definition)
        self._tables = stored_tables(definition)
        self._packed = [packed_sizes(t) for t in self._tables]
        self._counters = {c.name: c for c in definition.counters}
        self._meters = {c.name: c for c in definition.meters}
        self._registers = {c.name: c for c in definition.registers}
        return self._program

    def _compile(self, config: bytes) -> _Compiled:
        definition, source = generate(config, trace=self._trace, shared=self.workers > 1)
        library, description = program(source)
        return definition, library, description

    def verify(self, config: bytes) -> None:
        generate(config)

    @property
    def program(self) -> Program | None:
        return self._program

    def close(self) -> None:
        if self._switch is not None:
            self._switch = None
            self._free()

    # ports

    def add_interface(self, port: int, interface: str, *, offload: bool = True) -> None:
        rc = self._c.p4s_add_interface(self.handle(), self.port(port), interface.encode(), int(offload))
        if rc == 0:
            self._begin_port(port, interface)
            self._interfaces[port] = offload
            return
        if rc == Error.SYSTEM:
            raise InvalidValue(_interface_problem(interface, ffi.errno))
        raise InvalidValue(self._port_problem(port, rc))

    def add_memory_port(self, port: int) -> None:
        rc = self._c.p4s_add_memory_port(self.handle(), self.port(port))
        if rc != 0:
            raise InvalidValue(self._port_problem(port, rc))
        self._begin_port(port, f"port{port}")

    def remove_port(self, port: int) -> None:
        check(self._c.p4s_remove_port(self.handle(), self.port(port)), f"port {port}")
        self._ports.pop(port, None)
        self._interfaces.pop(port, None)
        if self._captured.pop(port, None) is not None:
            self._c.p4s_pcap_close(self.handle(), port)

    def gone_interfaces(self) -> dict[int, str]:
        """The ports whose interface was deleted since they were attached to it, and its name."""
        return {image.number: self._ports[image.number] for image in self._port_images() if image.gone}

    def reattach(self, port: int) -> None:
        """Attach a port to the interface that has the name of its interface now. Raises InvalidValue."""
        name = self._ports[port]
        rc = self._c.p4s_reattach(self.handle(), self.port(port), name.encode(), int(self._interfaces[port]))
        if rc == Error.SYSTEM:
            raise InvalidValue(_interface_problem(name, ffi.errno))
        check(rc, f"port {port}")

    def port_up(self, port: int) -> bool:
        return port in self._ports and (port not in self._interfaces or links.is_up(self._ports[port]))

    @staticmethod
    def port(port: int) -> int:
        if not 0 <= port <= m.DROP_PORT:
            raise InvalidValue(f"port {port} is outside 0..{m.DROP_PORT - 1}")
        return port

    def _port_problem(self, port: int, rc: int) -> str:
        if rc == Error.EXISTS:
            return f"port {port} is in use already"
        if port == self.cpu_port:
            return f"port {port} is the CPU port"
        return f"port {port} is outside 0..{m.DROP_PORT - 1}"

    def _port_images(self) -> list[Any]:
        """A struct p4s_port_image of every port."""
        images = ffi.new("struct p4s_port_image[512]")
        return [images[i] for i in range(self._c.p4s_ports(self.handle(), images, 512))]

    def port_stats(self) -> list[PortStats]:
        out = []
        gone = self.gone_interfaces()
        for image in self._port_images():
            stats, name = image.stats, text(image.name)
            out.append(
                PortStats(
                    port=image.number,
                    name=name,
                    rx_packets=stats.rx_packets,
                    rx_bytes=stats.rx_bytes,
                    rx_dropped=stats.rx_dropped,
                    tx_packets=stats.tx_packets,
                    tx_bytes=stats.tx_bytes,
                    tx_dropped=stats.tx_dropped,
                    rx_large=stats.rx_large,
                    tx_large=stats.tx_large,
                    rx_oversize=stats.rx_oversize,
                    offload=_offload(image),
                    link="gone" if image.number in gone else self._link(image.number, name),
                )
            )
        return sorted(out, key=lambda s: s.port)

    def _link(self, port: int, name: str) -> str:
        return links.state(name) if port in self._interfaces else "-"

    def missing_ports(self) -> list[int]:
        """The ports that packets were to leave by since the start, at a time when there was none such."""
        out = ffi.new(f"uint32_t[{m.DROP_PORT}]")
        return list(out[0 : self._c.p4s_missing_ports(self.handle(), out, m.DROP_PORT)])

    def drops(self) -> dict[str, int]:
        """Packets and events lost since the start, by reason.

        ``partial_checksums`` counts received frames whose checksum the sender left to its interface and that could not
        be finished: because the kernel does not tell where it is (:attr:`Offload.UNSUPPORTED`), or tells nonsense. They
        are not dropped.
        """
        lost = ffi.new("struct p4s_drops *")
        self._c.p4s_drops(self.handle(), lost)
        return {name: int(getattr(lost, name)) for name in fields("struct p4s_drops")}

    def inject(self, port: int, data: bytes) -> None:
        if self._c.p4s_inject(self.handle(), self.port(port), data, len(data)) != 0:
            raise InvalidValue(f"a packet of {len(data)} bytes is too long")

    def packet_out(self, data: bytes) -> None:
        if self.cpu_port is None:
            raise InvalidValue("there is no CPU port")
        self.inject(self.cpu_port, data)

    def collect(self) -> list[tuple[int, bytes]]:
        out: list[tuple[int, bytes]] = []
        while used := self._c.p4s_collect(self.handle(), self._out, BUFFER):
            out += [(aux, data) for _, aux, data in records(self._out, used)]
        return out

    def output_fileno(self) -> int:
        """Readable when frames left by in-process ports that :meth:`collect` has not taken yet."""
        number = int(self._c.p4s_output_fd(self.handle()))
        if number < 0:
            raise EngineError("out of file descriptors")
        return number

    def replay(self, port: int, frames: bytes, length: int) -> float:
        """Run concatenated frames of ``length`` bytes through the program as if ``port`` had received them, and throw
        away what leaves by in-process ports. For measurements: the program alone, on the calling thread.

        Returns seconds."""
        if not 0 < length <= len(frames):
            raise InvalidValue(f"a frame of {length} bytes cannot be replayed")
        count = len(frames) // length
        spent = self._c.p4s_replay(self.handle(), self.port(port), ffi.from_buffer(frames), length, count)
        return int(spent) / 1e9

    def started(self) -> int:
        """When the switch did, in nanoseconds of CLOCK_MONOTONIC: the program's time stamps count from it."""
        return int(self._c.p4s_started(self.handle()))

    def drain(self, timeout: float) -> bool:
        return bool(self._c.p4s_drain(self.handle(), max(0, int(timeout * 1e9))))

    # the log of single packets

    def start_trace(self, fd: int, *, flush: bool = False) -> None:
        """Write to the descriptor ``fd`` what happens to every packet, in the manner of BMv2's log: parser states,
        tables with key, hit or miss and action, conditions, primitives, verdicts, deparser. To be called before
        :meth:`load`, since the program has to be compiled for it. ``flush`` writes every line at once rather than
        every batch.

        The packet threads write themselves: no line is lost, and a slow reader slows the traffic down."""
        check(self._c.p4s_trace(self.handle(), fd, int(flush)), "the log of packets")
        self._trace = True

    def stop_trace(self) -> None:
        """Write no more; the descriptor may be closed after it. Idempotent."""
        check(self._c.p4s_trace(self.handle(), -1, 0), "the log of packets")
        self._trace = False

    # captures

    def start_pcap(self, directory: str) -> None:
        """Write what every port receives and sends from now on to ``<interface>_in.pcap`` and ``<interface>_out.pcap``
        in ``directory``; an in-process port's are named ``port<N>``. The packet threads never wait for the disk: frames
        that could not be written are counted in :meth:`drops`. Raises InvalidValue."""
        if not os.path.isdir(directory):
            raise InvalidValue(f"cannot write pcap files to {directory}: it is not a directory")
        rc = self._c.p4s_pcap_start(self.handle())
        if rc == Error.EXISTS:
            raise InvalidValue(f"pcap files are being written to {self._pcap} already")
        check(rc, "the thread that writes pcap files")
        self._pcap = directory
        try:
            for port, stem in self._ports.items():
                self._open_pcap(port, stem)
        except InvalidValue:
            self.stop_pcap()
            raise

    def stop_pcap(self) -> None:
        """Write what was captured so far and close the files. Idempotent."""
        self._c.p4s_pcap_stop(self.handle())
        self._pcap = None
        self._captured.clear()

    def _open_pcap(self, port: int, stem: str) -> None:
        if self._pcap is None:
            return
        if stem in self._captured.values():
            stem = f"{stem}_port{port}"  # a second port on the same interface
        base = os.path.join(self._pcap, stem)
        rc = self._c.p4s_pcap_open(self.handle(), port, f"{base}_in.pcap".encode(), f"{base}_out.pcap".encode())
        if rc == Error.SYSTEM:
            raise InvalidValue(f"cannot write {base}_in.pcap and {base}_out.pcap: {os.strerror(ffi.errno)}")
        check(rc, f"the pcap files of port {port}")
        self._captured[port] = stem

    def _begin_port(self, port: int, stem: str) -> None:
        self._ports[port] = stem
        try:
            self._open_pcap(port, stem)
        except InvalidValue:
            self.remove_port(port)
            raise

    # events

    def fileno(self) -> int:
        return int(self._c.p4s_event_fd(self.handle()))

    def poll(self, limit: int = 1024) -> list[Event]:
        used = self._c.p4s_poll(self.handle(), self._buffer, BUFFER, limit)
        out: list[Event] = []
        lists = self._definition.learn_lists
        for kind, aux, data in records(self._buffer, used):
            if kind == _PACKET:
                out.append(_made(PacketIn, (data,)))
            elif kind == _DIGEST and aux < len(lists):
                out.append(_made(Digest, (lists[aux].name, data)))
            elif kind == RecordKind.IDLE:
                out.append(Idle(aux, entry_state(data, 0)[0].entry))
        return out


def _free(library: Any, handle: Any, programs: list[Any]) -> None:
    library.p4s_free(handle)
    programs.clear()


def _offload(image: Any) -> Offload:
    """What its flags (enum p4s_offload) say of a port."""
    if image.kind != PortKind.PACKET:
        return Offload.NONE
    if not image.offload & PortOffload.FINISHES:
        return Offload.UNSUPPORTED
    if not image.offload & PortOffload.CUTS:
        return Offload.OFF
    return Offload.ON if image.offload & PortOffload.JOINS else Offload.RECEIVE


def _interface_problem(interface: str, number: int) -> str:
    if number == errno.EPERM:
        return f"interface {interface}: attaching needs CAP_NET_RAW; run as root, or use in-process ports"
    if number in (errno.ENODEV, errno.ENXIO):
        return f"there is no interface {interface}"
    return f"interface {interface}: {os.strerror(number)}"

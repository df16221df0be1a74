"""Where a packet would go by the tables of the switch. This module imports p4soft, whose interpreter follows it."""

from __future__ import annotations

from finsy.proto import p4r
from p4soft.api import PipelineError
from p4soft.codegen.model import ProgramDef
from p4soft.interpreter.interpreter import Interpreter, Trace
from p4soft.interpreter.remote import Lacking, RemoteState
from p4soft.interpreter.state import Overlay

from fullnat.p4rt.client import Client
from fullnat.p4rt.errors import Code, P4RuntimeError, RpcError
from fullnat.p4rt.program import Program

_ABSENT = (Code.NOT_FOUND, Code.UNKNOWN, Code.INVALID_ARGUMENT)
"""What switches say of an entry that is not there: PI has no word of its own for it."""

_TIMED = frozenset(("fragment_flow", "service_pace", "source_pace", "cookie_key", "cookie_sent"))
"""Registers and tables of the program that the clock is compared with."""


class CannotTrace(P4RuntimeError):
    """The program, or the switch, does not let packets be followed."""


class Tracer:
    """Follows packets through the program of the controller; to get ready for the first one takes a second."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._interpreter: Interpreter | None = None

    def _ready(self) -> Interpreter:
        if self._interpreter is None:
            try:
                self._interpreter = Interpreter(self._program.device_config)
            except PipelineError as error:
                raise CannotTrace(
                    f"packets cannot be followed: what the switch runs is no program of BMv2 ({error})"
                ) from None
        return self._interpreter

    def begin(self, client: Client) -> Run:
        """Raises CannotTrace."""
        if client.program.cookie != self._program.cookie:
            what = "the switch runs another program than this controller's"
            raise CannotTrace(f"packets cannot be followed: {what} (fullnat switches --upgrade)")
        return Run(self._ready(), client)


class Run:
    """Packets that are followed one after the other: each finds the registers as those before it would leave them."""

    def __init__(self, interpreter: Interpreter, client: Client) -> None:
        self._interpreter = interpreter
        self._client = client
        self._state = client.state() or RemoteState(interpreter.program, client.program.p4info, _TIMED)
        self._overlay = Overlay(self._state)

    @property
    def program(self) -> ProgramDef:
        return self._interpreter.program

    @property
    def unknown(self) -> list[str]:
        """What the switch does not tell and packets have asked for, each in a line."""
        return sorted(self._state.unknown) if isinstance(self._state, RemoteState) else []

    async def follow(self, port: int, frame: bytes) -> Trace:
        """Raises P4RuntimeError."""
        while True:
            overlay = self._overlay.copy()
            try:
                trace = self._interpreter.follow(port, frame, overlay)
            except Lacking as lacking:
                await self._read(lacking.entity)
                continue
            self._overlay = overlay
            return trace

    async def _read(self, entity: p4r.Entity) -> None:
        assert isinstance(self._state, RemoteState)
        try:
            self._state.tell(entity, await self._client.read(entity))
        except RpcError as error:
            if error.code == Code.UNIMPLEMENTED:
                self._state.tell(entity, None)
            elif error.code in _ABSENT:
                self._state.tell(entity, ())
            else:
                raise

"""A switch in memory that several controllers connect to, each by a way that may be cut: of P4Runtime's arbitration the
highest election id is obeyed, and every write that is carried out is kept in a log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from random import Random

from etcd.machines import Accepted
from etcd.virtual import now
from finsy.proto import p4r
from fullnat.p4rt.errors import Code, ConnectionLost, RpcError
from fullnat.p4rt.transport import NO_LAYOUT, QUEUE_LIMIT, Arrival, Layout

from .memory_switch import MemorySwitch

NOTICES_SECONDS = 15.0
"""Until a switch notices that the other end of a connection that is cut is gone, as p4soft does."""


class SharedSwitch(MemorySwitch):
    def __init__(self, name: str, rng: Random, log: list[Accepted]) -> None:
        super().__init__(rng)
        self.since_hit_ns = None
        self.name = name
        self.highest = 0
        self.cut: set[str] = set()
        """Controllers to whom and from whom nothing comes."""
        self.joined = asyncio.Event()
        """Set and exchanged when a way is there again."""
        self.heard: dict[SharedStream, int] = {}
        """Election ids, by stream."""
        self.log = log

    # what tests do

    def kill(self) -> None:
        super().kill()
        self.highest = 0
        for stream in list(self.heard):
            stream.end()
        self.heard.clear()

    def set_cut(self, controller: str, *, cut: bool) -> None:
        (self.cut.add if cut else self.cut.discard)(controller)
        self.joined.set()
        self.joined = asyncio.Event()
        for stream in list(self.heard):
            stream.wake()

    @property
    def obeyed(self) -> SharedStream | None:
        return next((stream for stream, election in self.heard.items() if election == self.highest), None)

    def say(self, message: p4r.StreamMessageResponse) -> None:
        if self.alive and (primary := self.obeyed) is not None:
            primary.put(message)

    def reached_by(self, controller: str) -> SharedTransport:
        return SharedTransport(self, controller)

    # arbitration

    def bids(self, stream: SharedStream, election: int) -> None:
        """An id that another connection has is refused (P4Runtime 1.3, section 5.3)."""
        if any(other is not stream and taken == election for other, taken in self.heard.items()):
            stream.refuse(RpcError(Code.INVALID_ARGUMENT, f"election id {election} is already used"))
            return
        self.heard[stream] = election
        self.highest = max(self.highest, election)
        self._announce()

    def gone(self, stream: SharedStream) -> None:
        if self.heard.pop(stream, None) is not None:
            self._announce()

    def _announce(self) -> None:
        primary = self.obeyed
        for stream in self.heard:
            message = p4r.StreamMessageResponse()
            arbitration = message.arbitration
            arbitration.device_id = 1
            arbitration.election_id.high, arbitration.election_id.low = divmod(self.highest, 1 << 64)
            code = Code.OK if stream is primary else Code.ALREADY_EXISTS if primary is not None else Code.NOT_FOUND
            arbitration.status.code = code
            stream.put(message)

    def check(self, request: p4r.WriteRequest | p4r.SetForwardingPipelineConfigRequest) -> None:
        election = request.election_id.high << 64 | request.election_id.low
        primary = self.obeyed
        if primary is None or election != self.highest:
            raise RpcError(Code.PERMISSION_DENIED, "Not primary")
        self.log.append(Accepted(now(), self.name, primary.controller, election))


class SharedTransport:
    pushing = False
    immediate = False

    def __init__(self, switch: SharedSwitch, controller: str) -> None:
        self.heard = 0
        self._switch = switch
        self._controller = controller
        self._lives = switch.lives

    async def _reach(self) -> None:
        """What is sent is sent again until it arrives."""
        while self._controller in self._switch.cut:
            await self._switch.joined.wait()
        await self._switch.wait()
        self._require_life()

    def _require_life(self) -> None:
        if not self._switch.alive or self._switch.lives != self._lives:
            raise ConnectionLost("the switch is dead")

    async def ask(self) -> None:
        await self._reach()
        self.heard += 1

    async def open_stream(self, layout: Layout = NO_LAYOUT) -> SharedStream:
        try:
            await asyncio.wait_for(self._reach(), 5.0)
        except TimeoutError:
            raise ConnectionLost("no connection within 5 s") from None
        return SharedStream(self._switch, self._controller, self)

    async def write(self, request: bytes) -> None:
        await self._reach()
        message = p4r.WriteRequest.FromString(request)
        self._switch.check(message)
        errors = [self._switch.apply(update) for update in message.updates]
        await self._reach()
        self.heard += 1
        if any(errors):
            raise RpcError(2, "", [error or (0, "") for error in errors])

    async def read(self, request: bytes) -> AsyncIterator[bytes]:
        await self._reach()
        response = self._switch.answer(p4r.ReadRequest.FromString(request))
        for start in range(0, len(response.entities), 7):
            await self._reach()
            self.heard += 1
            yield p4r.ReadResponse(entities=response.entities[start : start + 7]).SerializeToString()

    async def set_pipeline(self, request: p4r.SetForwardingPipelineConfigRequest) -> None:
        await self._reach()
        self._switch.check(request)
        self._switch.push(request)

    async def get_pipeline(
        self, request: p4r.GetForwardingPipelineConfigRequest
    ) -> p4r.GetForwardingPipelineConfigResponse:
        await self._reach()
        self.heard += 1
        return self._switch.pushed(request)

    async def close(self) -> None:
        pass


class SharedStream:
    direct = False

    def __init__(self, switch: SharedSwitch, controller: str, transport: SharedTransport) -> None:
        self.controller = controller
        self._switch = switch
        self._transport = transport
        self._inbox: list[Arrival] = []
        self._unsent: list[p4r.StreamMessageRequest] = []
        """What waits for the way to be there again."""
        self._arrived = asyncio.Event()
        self._over = False
        self._refused: RpcError | None = None

    @property
    def _is_cut(self) -> bool:
        return self.controller in self._switch.cut

    def put(self, message: p4r.StreamMessageResponse) -> None:
        self._inbox.append(message)
        self.wake()

    def wake(self) -> None:
        if not self._is_cut:
            self._arrived.set()
            unsent, self._unsent = self._unsent, []
            for request in unsent:
                self._take(request)

    def end(self) -> None:
        self._over = True
        self._arrived.set()

    def refuse(self, error: RpcError) -> None:
        self._refused = error
        self._arrived.set()

    def send_frame(self, frame: bytes) -> bool:
        return False

    def send(self, message: bytes, limit: int = QUEUE_LIMIT) -> bool:
        if self._over:
            raise ConnectionLost("the stream is over")
        request = p4r.StreamMessageRequest.FromString(message)
        if self._is_cut:
            self._unsent.append(request)
        else:
            self._take(request)
        return True

    def _take(self, request: p4r.StreamMessageRequest) -> None:
        if request.HasField("arbitration"):
            election = request.arbitration.election_id
            self._switch.bids(self, election.high << 64 | election.low)
        elif request.HasField("packet"):
            self._switch.take(request.packet)

    async def room(self, limit: int = QUEUE_LIMIT) -> None:
        if self._over:
            raise ConnectionLost("the stream is over")

    async def receive(self) -> Sequence[Arrival]:
        while True:
            await self._arrived.wait()
            if self._refused is not None:
                raise self._refused
            if self._over:
                raise ConnectionLost("the switch is dead")
            self._arrived.clear()
            if self._inbox and not self._is_cut:
                messages, self._inbox = self._inbox, []
                self._transport.heard += 1
                return messages

    async def close(self) -> None:
        """Of one that is cut the switch hears nothing of it, and notices after a while."""
        self._over = True
        self._arrived.set()
        if self._is_cut:
            asyncio.get_running_loop().call_later(NOTICES_SECONDS, self._switch.gone, self)
        else:
            self._switch.gone(self)

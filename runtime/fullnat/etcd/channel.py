"""Calls to whichever member of etcd answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from time import monotonic
from typing import Any, NamedTuple

import grpc
import grpc.aio

from fullnat.core.histogram import Histogram
from fullnat.etcd import errors
from fullnat.etcd.errors import Denied, EtcdError, Unreachable
from fullnat.etcd.settings import Endpoint, SettingError, Settings, pem, require_usable
from fullnat.etcd.v3 import pb

SECONDS = 0.5
"""What a call may take: members that do not answer are passed over before a leader would be replaced."""
BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds that calls take."""
MESSAGE_BYTES = 64 << 20
_OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 2_000),
)
"""Members come and go, and are wanted as soon as they are back. etcd ends connections that ping more often than every 5
s (--grpc-keepalive-min-time)."""
_HAS_LEADER: tuple[tuple[str, str], ...] = (("hasleader", "true"),)
"""A member without a leader says so at once instead of waiting for one (etcd's MetadataRequireLeaderKey)."""
_NO_AUTH = "authentication is not enabled"
_LOGGER = logging.getLogger(__name__)


class Method(NamedTuple):
    path: str
    answer: Any
    """The class of the answer's message."""


RANGE = Method("/etcdserverpb.KV/Range", pb.RangeResponse)
TXN = Method("/etcdserverpb.KV/Txn", pb.TxnResponse)
GRANT = Method("/etcdserverpb.Lease/LeaseGrant", pb.LeaseGrantResponse)
REVOKE = Method("/etcdserverpb.Lease/LeaseRevoke", pb.LeaseRevokeResponse)
KEEP_ALIVE = Method("/etcdserverpb.Lease/LeaseKeepAlive", pb.LeaseKeepAliveResponse)
TIME_TO_LIVE = Method("/etcdserverpb.Lease/LeaseTimeToLive", pb.LeaseTimeToLiveResponse)
WATCH = Method("/etcdserverpb.Watch/Watch", pb.WatchResponse)
AUTHENTICATE = Method("/etcdserverpb.Auth/Authenticate", pb.AuthenticateResponse)


class Members:
    """One channel to each, made when it is needed. The one that answered last is asked first."""

    def __init__(self, settings: Settings, seconds: float = SECONDS) -> None:
        """``seconds`` are what a call may take that does not say otherwise. Raises SettingError for files of no use."""
        self.up = False
        """The last call was answered."""
        self.calls = 0
        self.failures = 0
        self.seconds = Histogram(BOUNDS)
        self._settings = settings
        self._otherwise = seconds
        self._credentials = _credentials(settings)
        self._channels: dict[Endpoint, grpc.aio.Channel] = {}
        self._first = 0
        self._token: str | None = None
        self._told: str | None = ""
        """What the log has on the trouble with etcd; None: that there is none."""

    @property
    def asked(self) -> Endpoint:
        """The member that is asked first."""
        return self._settings.endpoints[self._first]

    async def call(self, method: Method, request: Any, seconds: float | None = None) -> Any:
        """The answer of a call with one message each way. Raises EtcdError."""
        return await self._with_token(lambda member, left: self._unary(member, method, request, left), seconds)

    async def exchange(self, method: Method, request: Any, seconds: float | None = None) -> Any:
        """The same of a call whose messages are streams: one goes, and one comes."""
        return await self._with_token(lambda member, left: self._streamed(member, method, request, left), seconds)

    async def stream(self, method: Method, request: Any) -> AsyncIterator[Any]:
        """What the member that is asked first answers to ``request``, until it ends, which is raised as EtcdError."""
        member = self.asked
        call = self._streams(member, method)(metadata=await self._metadata())
        try:
            await call.write(request)
            while True:
                yield await _next(call, member)
        except grpc.RpcError as error:
            raise errors.of(error, str(member)) from None
        except asyncio.InvalidStateError:
            raise _ended(member) from None
        finally:
            call.cancel()

    def turn(self) -> None:
        """Ask another member first: this one is not what it should be."""
        self._first = (self._first + 1) % len(self._settings.endpoints)

    async def close(self) -> None:
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            await channel.close()

    # ---- one call

    async def _with_token(self, call: Callable[[Endpoint, float], Any], within: float | None) -> Any:
        seconds = self._otherwise if within is None else within
        try:
            return await self._anywhere(call, seconds)
        except Denied as error:
            if self._token is None or not any(words in str(error) for words in errors.RENEW):
                raise
            self._token = None
            return await self._anywhere(call, seconds)

    async def _anywhere(self, call: Callable[[Endpoint, float], Any], seconds: float) -> Any:
        """What the first member answers that does within ``seconds``."""
        began = monotonic()
        self.calls += 1
        why: EtcdError | None = None
        for _ in self._settings.endpoints:
            left = seconds - (monotonic() - began)
            if left <= 0:
                break
            member = self.asked
            try:
                answer = await call(member, left)
            except Unreachable as error:
                why = why or error
                self.turn()
                continue
            except EtcdError:
                self._answered(monotonic() - began)
                raise
            self._answered(monotonic() - began)
            return answer
        self.failures += 1
        self.up = False
        why = why or Unreachable("etcd does not answer in time")
        self._tell(str(why))
        raise why

    def _answered(self, seconds: float) -> None:
        self.up = True
        self.seconds.observe(seconds)
        self._tell(None)

    def _tell(self, trouble: str | None) -> None:
        """Of each trouble the log has one line, and one of its end."""
        if trouble is None and self._told:
            _LOGGER.info("etcd answers again (%s)", self.asked)
        elif trouble is not None and not self._told:
            _LOGGER.warning("%s; trying again", trouble)
        self._told = trouble

    async def _unary(self, member: Endpoint, method: Method, request: Any, seconds: float) -> Any:
        call = self._one(member, method)
        try:
            return await call(request, timeout=seconds, metadata=await self._metadata())
        except grpc.RpcError as error:
            raise errors.of(error, str(member)) from None

    async def _streamed(self, member: Endpoint, method: Method, request: Any, seconds: float) -> Any:
        call = self._streams(member, method)(timeout=seconds, metadata=await self._metadata())
        try:
            await call.write(request)
            return await _next(call, member)
        except grpc.RpcError as error:
            raise errors.of(error, str(member)) from None
        except asyncio.InvalidStateError:
            raise _ended(member) from None
        finally:
            call.cancel()

    # ---- what calls need

    def _channel(self, member: Endpoint) -> grpc.aio.Channel:
        if member not in self._channels:
            if self._credentials is None:
                made = grpc.aio.insecure_channel(str(member), options=_OPTIONS)
            else:
                made = grpc.aio.secure_channel(str(member), self._credentials, options=_OPTIONS)
            self._channels[member] = made
        return self._channels[member]

    def _one(self, member: Endpoint, method: Method) -> Any:
        """What makes a call with one message each way."""
        return self._channel(member).unary_unary(method.path, _serialized, method.answer.FromString)

    def _streams(self, member: Endpoint, method: Method) -> Any:
        """The same, whose messages are streams."""
        return self._channel(member).stream_stream(method.path, _serialized, method.answer.FromString)

    async def _metadata(self) -> tuple[tuple[str, str], ...]:
        if self._settings.user is None:
            return _HAS_LEADER
        if self._token is None:
            self._token = await self._authenticated(self._settings.user)
        return (*_HAS_LEADER, ("token", self._token)) if self._token else _HAS_LEADER

    async def _authenticated(self, user: str) -> str:
        """A token; "" where etcd has no authentication."""
        request = pb.AuthenticateRequest(name=user, password=self._settings.password)
        member = self.asked
        call = self._one(member, AUTHENTICATE)
        try:
            answer = await call(request, timeout=self._otherwise, metadata=_HAS_LEADER)
        except grpc.RpcError as error:
            if _NO_AUTH in str(error.details()):
                _LOGGER.warning("etcd has no authentication enabled: whoever reaches it can change what is in it")
                return ""
            raise errors.of(error, str(member)) from None
        return str(answer.token)


async def _next(call: Any, member: Endpoint) -> Any:
    """The next message of a stream. Raises Unreachable at its end."""
    answer = await call.read()
    if answer is grpc.aio.EOF:
        raise _ended(member)
    return answer


def _ended(member: Endpoint) -> Unreachable:
    return Unreachable(f"etcd at {member} has ended the stream")


def _serialized(message: Any) -> bytes:
    return bytes(message.SerializeToString())


def _credentials(settings: Settings) -> grpc.ChannelCredentials | None:
    if settings.ca is None:
        return None
    ca, key, cert = pem(settings.ca, "--etcd-ca"), pem(settings.key, "--etcd-key"), pem(settings.cert, "--etcd-cert")
    require_usable(settings.ca, settings.cert, settings.key)
    try:
        return grpc.ssl_channel_credentials(ca, key, cert)
    except ValueError as error:
        raise SettingError(f"the files of --etcd-ca, --etcd-cert and --etcd-key cannot be used: {error}") from None

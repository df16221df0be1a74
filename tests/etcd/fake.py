"""An etcd in this process, which speaks its gRPC API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from fullnat.etcd.client import Change, Held
from fullnat.etcd.errors import Compacted
from fullnat.etcd.v3 import pb
from p4rt.certificates import Pair

from etcd.store import Store

TICK = 0.02


class FakeEtcd:
    """``password``: of the user "lb", whom it wants; None: anybody may."""

    def __init__(self, password: str | None = None) -> None:
        self.store = Store(time.monotonic)
        self.password = password
        self.tokens: set[str] = set()
        self.requests: list[str] = []
        self.refusal: tuple[grpc.StatusCode, str] | None = None
        """What every call but watches is answered with."""
        self.answers = asyncio.Event()
        """Nothing is answered before it is set."""
        self.answers.set()
        self.port = 0
        self._server: grpc.aio.Server | None = None

    async def start(self, tls: tuple[Pair, Path] | None = None) -> str:
        """``tls``: our certificate, and what those of clients are signed by. Where it is, as ``--etcd`` has it."""
        self._server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        self._server.add_generic_rpc_handlers([_Handlers(self._handlers())])
        where = f"127.0.0.1:{self.port}"
        if tls is None:
            self.port = self._server.add_insecure_port(where)
        else:
            pair, ca = tls
            files = [(pair.key.read_bytes(), pair.cert.read_bytes())]
            wanted = grpc.ssl_server_credentials(files, ca.read_bytes(), require_client_auth=True)
            self.port = self._server.add_secure_port(where, wanted)
        await self._server.start()
        host = "127.0.0.1" if tls is None else "localhost"
        return f"http{'s' if tls else ''}://{host}:{self.port}"

    async def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.stop(0)

    def _handlers(self) -> dict[str, grpc.RpcMethodHandler]:
        made = {
            "KV/Range": self._unary(pb.RangeRequest, self._range),
            "KV/Txn": self._unary(pb.TxnRequest, self._txn),
            "Lease/LeaseGrant": self._unary(pb.LeaseGrantRequest, self._grant),
            "Lease/LeaseRevoke": self._unary(pb.LeaseRevokeRequest, self._revoke),
            "Lease/LeaseTimeToLive": self._unary(pb.LeaseTimeToLiveRequest, self._time_to_live),
            "Auth/Authenticate": self._unary(pb.AuthenticateRequest, self._authenticate),
            "Lease/LeaseKeepAlive": grpc.stream_stream_rpc_method_handler(
                self._keep_alive, pb.LeaseKeepAliveRequest.FromString, _serialized
            ),
            "Watch/Watch": grpc.stream_stream_rpc_method_handler(self._watch, pb.WatchRequest.FromString, _serialized),
        }
        return {f"/etcdserverpb.{name}": handler for name, handler in made.items()}

    def _unary(self, request: Any, answer: Callable[[Any], Any]) -> grpc.RpcMethodHandler:
        async def call(message: Any, context: grpc.aio.ServicerContext) -> Any:
            await self._admit(type(message).__name__, context)
            try:
                return answer(message)
            except ValueError as error:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

        return grpc.unary_unary_rpc_method_handler(call, request.FromString, _serialized)

    async def _admit(self, name: str, context: grpc.aio.ServicerContext) -> None:
        self.requests.append(name)
        await self.answers.wait()
        if self.refusal is not None:
            await context.abort(*self.refusal)
        said = dict(context.invocation_metadata())
        assert said["hasleader"] == "true"
        if self.password is None or name == "AuthenticateRequest":
            return
        if "token" not in said:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: user name is empty")
        if said["token"] not in self.tokens:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "etcdserver: invalid auth token")

    def _authenticate(self, request: Any) -> Any:
        if self.password is None:
            raise ValueError("etcdserver: authentication is not enabled")
        if (request.name, request.password) != ("lb", self.password):
            raise ValueError("etcdserver: authentication failed, invalid user ID or password")
        token = f"token-{len(self.requests)}"
        self.tokens.add(token)
        return pb.AuthenticateResponse(token=token)

    # ---- keys

    @property
    def _header(self) -> Any:
        return pb.ResponseHeader(revision=self.store.revision)

    def _range(self, request: Any) -> Any:
        if not request.range_end:
            held = self.store.get(request.key)
            return pb.RangeResponse(header=self._header, kvs=[] if held is None else [_pair(held)])
        self.store.expire()
        found = [self.store.keys[key] for key in sorted(self.store.keys) if request.key <= key < request.range_end]
        some = found[: request.limit or None]
        return pb.RangeResponse(header=self._header, kvs=map(_pair, some), more=len(some) < len(found))

    def _txn(self, request: Any) -> Any:
        (compare,) = request.compare
        if len(request.success) > 128:
            raise ValueError("etcdserver: too many operations in txn request")
        if not compare.create_revision:
            (operation,) = request.success
            put = operation.request_put
            made = self.store.create(put.key, put.value, put.lease)
            return pb.TxnResponse(header=self._header, succeeded=made is not None)
        changes = [_change(operation) for operation in request.success]
        done = self.store.write((compare.key, compare.create_revision), changes)
        return pb.TxnResponse(header=self._header, succeeded=done)

    # ---- leases

    def _grant(self, request: Any) -> Any:
        lease = self.store.grant(request.TTL)
        return pb.LeaseGrantResponse(ID=lease.id, TTL=lease.seconds)

    def _revoke(self, request: Any) -> Any:
        self.store.revoke(request.ID)
        return pb.LeaseRevokeResponse()

    def _time_to_live(self, request: Any) -> Any:
        left = self.store.time_to_live(request.ID)
        return pb.LeaseTimeToLiveResponse(ID=request.ID, TTL=left.seconds, grantedTTL=left.granted)

    async def _keep_alive(self, requests: AsyncIterator[Any], context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
        async for request in requests:
            await self._admit("LeaseKeepAliveRequest", context)
            alive = self.store.keep_alive(request.ID)
            yield pb.LeaseKeepAliveResponse(ID=request.ID, TTL=self.store.time_to_live(request.ID).granted * alive)

    # ---- what changes

    async def _watch(self, requests: AsyncIterator[Any], context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
        wanted = (await anext(requests)).create_request
        await self._admit("WatchRequest", context)
        yield pb.WatchResponse(header=self._header, created=True)
        revision = wanted.start_revision
        while True:
            try:
                found = self.store.since(wanted.key, revision)
            except Compacted:
                yield pb.WatchResponse(canceled=True, compact_revision=self.store.compacted)
                return
            if found:
                revision = found[-1].revision + 1
                yield pb.WatchResponse(header=self._header, events=[_event(*each) for each in found])
            await asyncio.sleep(TICK)


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    def __init__(self, handlers: dict[str, grpc.RpcMethodHandler]) -> None:
        self._handlers = handlers

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        return self._handlers.get(handler_call_details.method)


def _serialized(message: Any) -> bytes:
    return bytes(message.SerializeToString())


def _pair(held: Held) -> Any:
    return pb.KeyValue(key=held.key, value=held.value, create_revision=held.created, lease=held.lease)


def _change(operation: Any) -> Change:
    if operation.HasField("request_delete_range"):
        return Change(operation.request_delete_range.key, None)
    return Change(operation.request_put.key, operation.request_put.value)


def _event(revision: int, change: Change) -> Any:
    kind = pb.Event.DELETE if change.value is None else pb.Event.PUT
    return pb.Event(type=kind, kv=pb.KeyValue(key=change.key, value=change.value or b"", mod_revision=revision))

"""What a switch runs, and in what it is another program than the controller's own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from finsy.proto import p4i, p4r

from fullnat.p4rt.errors import Code, RpcError
from fullnat.p4rt.transport import Transport
from fullnat.tables.session import SESSION_IN, SESSION_OUT

_ALL = p4r.GetForwardingPipelineConfigRequest.P4INFO_AND_COOKIE
_COOKIE = p4r.GetForwardingPipelineConfigRequest.COOKIE_ONLY
_OF_SIZES = ("session_id", "server_id")
"""Fields that are as wide as the tables of the program ask for, by whose sizes it is judged."""
_OF_PORTS = ("port", "ingress_port")
"""Fields that are narrower in a program without VLANs."""
_PORT_BITS = 9


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What a switch runs."""

    cookie: int
    p4info: p4i.P4Info


async def running(transport: Transport, device_id: int) -> Pipeline | None:
    """What the switch runs; None when it runs nothing. Changes nothing and needs no mastership. Raises
    P4RuntimeError."""
    config = await _config(transport, device_id, _ALL)
    return None if config is None else Pipeline(config.cookie.cookie, config.p4info)


async def cookie(transport: Transport, device_id: int) -> int | None:
    """The cookie alone of what :func:`running` tells."""
    config = await _config(transport, device_id, _COOKIE)
    return None if config is None else int(config.cookie.cookie)


async def _config(
    transport: Transport, device_id: int, kind: p4r.GetForwardingPipelineConfigRequest.ResponseType.ValueType
) -> p4r.ForwardingPipelineConfig | None:
    request = p4r.GetForwardingPipelineConfigRequest(device_id=device_id, response_type=kind)
    try:
        response = await transport.get_pipeline(request)
    except RpcError as error:
        if error.code == Code.FAILED_PRECONDITION:
            return None
        raise
    return response.config if response.HasField("config") else None


def is_ours(p4info: p4i.P4Info) -> bool:
    """Whether it may be a program of ours, and so hold sessions."""
    return {SESSION_IN, SESSION_OUT} <= sizes(p4info).keys()


def encoding(p4info: p4i.P4Info) -> bytes:
    """The same of programs whose entries have the same bytes: those that differ in sizes, or below P4Info, alone."""
    bare = p4i.P4Info()
    bare.CopyFrom(p4info)
    bare.ClearField("pkg_info")
    for kind in (bare.tables, bare.counters, bare.meters, bare.registers):
        for each in kind:
            each.ClearField("size")
    return hashlib.sha256(bare.SerializeToString(deterministic=True)).digest()


def narrower(p4info: p4i.P4Info, own: p4i.P4Info) -> Iterator[str]:
    """Fields in which a value that the controller's ``own`` program has room for may not find any."""
    wanted = dict(_widths(own))
    has_vlans = dict(_widths(p4info)).get(("table port", "port")) == wanted.get(("table port", "port"))
    for (where, name), bits in _widths(p4info):
        least = wanted.get((where, name), 0)
        if name in _OF_SIZES or bits >= least:
            continue
        if name in _OF_PORTS and not has_vlans and bits >= _PORT_BITS:
            continue
        yield f"{where}: {name} has {bits} bits, expected {least}"


def _widths(p4info: p4i.P4Info) -> Iterator[tuple[tuple[str, str], int]]:
    """Of all fields by what they are of, and their names."""
    for table in p4info.tables:
        for field in table.match_fields:
            yield (f"table {table.preamble.name}", field.name), field.bitwidth
    for action in p4info.actions:
        for param in action.params:
            yield (f"action {action.preamble.name}", param.name), param.bitwidth
    for header in p4info.controller_packet_metadata:
        for metadata in header.metadata:
            yield (header.preamble.name, metadata.name), metadata.bitwidth
    for name, struct in p4info.type_info.structs.items():
        for member in struct.members:
            yield (f"digest {name}", member.name), member.type_spec.bitstring.bit.bitwidth


def sizes(p4info: p4i.P4Info) -> Mapping[str, int]:
    """Of its tables, by name."""
    return {table.preamble.name: int(table.size) for table in p4info.tables}

"""Entries of the tables of configuration, real servers and neighbors: written seldom, so built as message objects."""

from __future__ import annotations

from collections.abc import Callable

from finsy.proto import p4r

from fullnat.core.interface import Neighbor, OwnAddress, Port, Route, ServerIn, ServerOut, VirtualService
from fullnat.p4rt.binding import Action, Binder, Table
from fullnat.p4rt.wire import canonical

ColdEntry = Port | OwnAddress | VirtualService | Route | Neighbor | ServerIn | ServerOut

_NO_PARAMS: tuple[int, ...] = ()


class ColdTables:
    """Codecs of every table but the session tables."""

    def __init__(self, binder: Binder) -> None:
        self.port = binder.table("port", ("port",), {"port_set": ("mac",)})
        kinds = ("own_vip", "own_local", "own_interface")
        self.own_address = binder.table("own_address", ("address",), dict.fromkeys(kinds, ()))
        self.virtual_service = binder.table(
            "virtual_service", ("protocol", "vip", "vport"), {"service_punt": ("flags",)}
        )
        self.route = binder.table(
            "ipv4_route", ("prefix",), {"route_via": ("gateway",), "route_connected": (), "route_drop": ()}, kind="lpm"
        )
        self.neighbor = binder.table(
            "neighbor", ("address",), {"neighbor_set": ("port", "source", "destination", "mtu")}
        )
        self.server_in = binder.table("server_in", ("server_id",), {"to_server": ("flags", "address", "port")})
        self.server_out = binder.table("server_out", ("server_id",), {"from_vip": ("flags", "vip", "vport")})
        self.tables = (
            self.port,
            self.own_address,
            self.virtual_service,
            self.route,
            self.neighbor,
            self.server_in,
            self.server_out,
        )
        self._decoders: dict[int, Callable[[Table, p4r.TableEntry], ColdEntry]] = {
            self.port.id: _decode_port,
            self.own_address.id: _decode_own_address,
            self.virtual_service.id: _decode_virtual_service,
            self.route.id: _decode_route,
            self.neighbor.id: _decode_neighbor,
            self.server_in.id: _decode_server_in,
            self.server_out.id: _decode_server_out,
        }
        self._by_id = {table.id: table for table in self.tables}

    def encode(self, entry: ColdEntry, *, with_action: bool) -> p4r.TableEntry:
        """The TableEntry; a deletion needs no action. Raises ValueError for a value wider than its field."""
        if isinstance(entry, Port):
            return _exact(self.port, (entry.port,), "port_set", (entry.mac,), with_action)
        if isinstance(entry, OwnAddress):
            return _exact(self.own_address, (entry.address,), entry.kind, _NO_PARAMS, with_action)
        if isinstance(entry, VirtualService):
            key = (entry.protocol, entry.vip, entry.vport)
            return _exact(self.virtual_service, key, "service_punt", (entry.flags,), with_action)
        if isinstance(entry, Route):
            return self._encode_route(entry, with_action)
        if isinstance(entry, ServerIn):
            return _exact(self.server_in, entry[:1], "to_server", entry[1:], with_action)
        if isinstance(entry, ServerOut):
            return _exact(self.server_out, entry[:1], "from_vip", entry[1:], with_action)
        params = (entry.port, entry.source, entry.destination, entry.mtu)
        return _exact(self.neighbor, (entry.address,), "neighbor_set", params, with_action)

    def decode(self, entry: p4r.TableEntry) -> ColdEntry | None:
        """The entry, or None when it is not of one of these tables."""
        decoder = self._decoders.get(entry.table_id)
        return decoder(self._by_id[entry.table_id], entry) if decoder else None

    def _encode_route(self, entry: Route, with_action: bool) -> p4r.TableEntry:
        message = p4r.TableEntry(table_id=self.route.id)
        if entry.prefix_len:
            field = self.route.key[0]
            match = message.match.add(field_id=field.id)
            match.lpm.value = canonical(entry.prefix)
            match.lpm.prefix_len = entry.prefix_len
        if with_action:
            if entry.gateway is None:
                _set_action(message, self.route.actions["route_connected"], _NO_PARAMS)
            elif entry.gateway == -1:
                _set_action(message, self.route.actions["route_drop"], _NO_PARAMS)
            else:
                _set_action(message, self.route.actions["route_via"], (entry.gateway,))
        return message


def _exact(
    table: Table, key: tuple[int, ...], action: str, params: tuple[int, ...], with_action: bool
) -> p4r.TableEntry:
    message = p4r.TableEntry(table_id=table.id)
    for field, value in zip(table.key, key, strict=True):
        message.match.add(field_id=field.id).exact.value = _value(value, field.bits, field.name)
    if with_action:
        _set_action(message, table.actions[action], params)
    return message


def _set_action(message: p4r.TableEntry, action: Action, params: tuple[int, ...]) -> None:
    message.action.action.action_id = action.id
    for param, value in zip(action.params, params, strict=True):
        message.action.action.params.add(param_id=param.id, value=_value(value, param.bits, param.name))


def _value(value: int, bits: int, name: str) -> bytes:
    if value >> bits:
        raise ValueError(f"{name} = {value:#x} does not fit in {bits} bits")
    return canonical(value)


def _key(table: Table, entry: p4r.TableEntry) -> list[int]:
    values = {match.field_id: int.from_bytes(match.exact.value, "big") for match in entry.match}
    return [values[field.id] for field in table.key]


def _action(table: Table, entry: p4r.TableEntry) -> tuple[str, list[int]]:
    action = entry.action.action
    values = {param.param_id: int.from_bytes(param.value, "big") for param in action.params}
    for known in table.actions.values():
        if known.id == action.action_id:
            return known.name, [values[param.id] for param in known.params]
    raise ValueError(f"table {table.name}: unknown action {action.action_id:#x}")


def _decode_port(table: Table, entry: p4r.TableEntry) -> ColdEntry:
    return Port(*_key(table, entry), *_action(table, entry)[1])


def _decode_own_address(table: Table, entry: p4r.TableEntry) -> ColdEntry:
    return OwnAddress(_key(table, entry)[0], _action(table, entry)[0])


def _decode_virtual_service(table: Table, entry: p4r.TableEntry) -> ColdEntry:
    return VirtualService(*_key(table, entry), *_action(table, entry)[1])


def _decode_route(table: Table, entry: p4r.TableEntry) -> ColdEntry:
    prefix, prefix_len = 0, 0
    for match in entry.match:
        prefix, prefix_len = int.from_bytes(match.lpm.value, "big"), match.lpm.prefix_len
    name, params = _action(table, entry)
    gateways = {"route_connected": None, "route_drop": -1}
    return Route(prefix, prefix_len, params[0] if params else gateways[name])


def _decode_neighbor(table: Table, entry: p4r.TableEntry) -> ColdEntry:
    return Neighbor(*_key(table, entry), *_action(table, entry)[1])


def _decode_server_in(table: Table, entry: p4r.TableEntry) -> ColdEntry:
    return ServerIn(*_key(table, entry), *_action(table, entry)[1])


def _decode_server_out(table: Table, entry: p4r.TableEntry) -> ColdEntry:
    return ServerOut(*_key(table, entry), *_action(table, entry)[1])

"""Every call by both protocols, and what comes of commands."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from cli.controllerkit import invoke
from cli.samples import CONFIG_TEXT, NO_ROUTE
from fullnat.api.http import LARGE_BYTES
from fullnat.cli import controlclient
from fullnat.config.diff import diff, model_of
from fullnat.config.file import parse
from fullnat.config.written import GRAMMARS, document

from api.apikit import ABOUT, SERVER, VIRTUAL, Api, call

UNSEEN = {"active": 0, "inactive": 0, "connections": 0, "unanswered": 0, "templates": 0}
LIMITS = {
    "effective_weight": 0,
    "quic_id": "",
    "new_rate": 0,
    "rates": dict.fromkeys(("connections", "in_packets", "out_packets", "in_bytes", "out_bytes"), 0.0),
    "healthy": True,
    "reason": "",
    "checked": None,
    "upper_threshold": 0,
    "lower_threshold": 0,
    "full": False,
    "warming": None,
    "out_for": None,
    "reset_in": None,
    "templates": 0,
    "sorry": False,
    "on_duty": True,
    "ejected": None,
    "check_counts": [],
}
"""Of a server that has no id, for want of a switch."""
NOTHING = {"in_packets": 0, "in_bytes": 0, "out_packets": 0, "out_bytes": 0}


async def get(api: Api, name: str, fields: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    return await asyncio.to_thread(lambda: list(controlclient.ask(api.path, name, fields)))


async def apply(api: Api, *commands: dict[str, Any], dry_run: bool = False) -> list[str]:
    message = {"commands": commands, "dry_run": dry_run}
    answer = await asyncio.to_thread(lambda: controlclient.tell(api.path, "apply", message))
    return [str(change) for change in answer["changes"]]


async def refusal(api: Api, *commands: Any, name: str = "apply") -> controlclient.Refused:
    with pytest.raises(controlclient.Refused) as caught:
        await asyncio.to_thread(lambda: controlclient.tell(api.path, name, {"commands": commands}))
    return caught.value


async def test_about_by_both(api: Api, channel: grpc.aio.Channel) -> None:
    assert await get(api, "about") == [{**ABOUT, "size": 1024, "switch": "disconnected", "role": "admin"}]
    assert await call(channel, "GetAbout") == {
        "version": "1.2",
        "cookie": "77",
        "role": "admin",
        "size": "1024",
        "switch": "disconnected",
    }


SETTINGS = {
    "scheduler": "wrr",
    "mode": "fullnat",
    "established_timeout": 90.0,
    "toa": True,
    "keep_timestamps": False,
    "keep_mss": False,
    "reset_on_miss": True,
    "max_sessions": 0,
    "new_rate": 0,
    "echo_while_up": False,
    "ops": False,
    "slow_start": 0.0,
    "persistence_timeout": 0.0,
    "persistence_prefix": 128,
    "drain_timeout": 0.0,
    "quic_config": 0,
    "persistence_group": "",
    "toa_kind": 254,
    "match": [],
    "sessions": True,
    "buckets": 8192,
    "quorum": 1,
    "hysteresis": 0,
    "passive_failures": 0,
    "passive_time": 5.0,
    "proxy_protocol": "off",
    "syn_proxy": "auto",
    "source_rate": 0,
    "source_sessions": 0,
    "source_prefix": 32,
    "source_prefix6": 64,
    "half_open": 0,
    "source_half_open": 0,
    "mapping": "endpoint-independent",
    "block_size": 0,
    "block_log": False,
    "host_sessions": 0,
}


async def test_services_by_both(api: Api, channel: grpc.aio.Channel) -> None:
    (shown,) = await get(api, "services")
    assert shown == {
        **VIRTUAL,
        "settings": SETTINGS,
        "servers": [
            {
                "server": "10.0.0.11:8080",
                "weight": 1,
                "checked_weight": 1,
                "mode": "fullnat",
                "draining": False,
                **UNSEEN,
                **NOTHING,
                **LIMITS,
            }
        ],
        "local_addresses": ["10.0.1.1"],
        "access": {"deny": 0, "allow": 0, "refused": "drop"},
        "has_quorum": True,
        "half_open": 0,
        "cookies_for": None,
    }
    assert await get(api, "services", {**VIRTUAL, "counters": True}) == [shown]
    (by_grpc,) = await call(channel, "ListServices", VIRTUAL)
    assert by_grpc["settings"]["established_timeout"] == 90.0
    served = {"server": "10.0.0.11:8080", "weight": 1, "checked_weight": 1, "mode": "fullnat"}
    served |= {"healthy": True, "on_duty": True}
    assert by_grpc["servers"] == [{**served, "rates": {}}]


async def test_the_other_listings(api: Api, channel: grpc.aio.Channel) -> None:
    local: dict[str, Any] = {
        "address": "10.0.1.1",
        "used": 0,
        "free": 60536,
        "conflicts": 0,
        "exhausted": 0,
        "draining": False,
    }
    local["connections"] = 0
    assert await get(api, "local_addresses") == [local]
    assert await call(channel, "ListLocalAddresses") == [{"address": "10.0.1.1", "free": "60536"}]
    assert await get(api, "sessions") == []
    assert await call(channel, "ListSessions") == []
    (network,) = await get(api, "network")
    assert network["interfaces"] == [
        {"port": 1, "mac": "02:00:00:00:00:01", "address": "10.0.0.1/24", "further": [], "mtu": 1500, "vlan": 0}
    ]
    assert network["globals"]["timeouts"]["time_wait"] == 7.0
    (stats,) = await get(api, "stats")
    assert stats["switch"]["state"] == "disconnected"
    stats = await call(channel, "GetStats")
    assert stats["switch"] == {"state": "disconnected"}
    (service,) = stats.pop("services")
    assert (service["virtual"], len(service["servers"])) == (VIRTUAL["virtual"], 1)
    assert await call(channel, "GetStats", {"brief": True}) == stats


EVERYTHING = (
    "punt_rate = 5\n[timeouts]\nclose = 4\n"
    + CONFIG_TEXT
    + """
[[interface]]
port = 2
mac = "02:00:00:00:00:02"
address = "10.2.0.1/24"
mtu = 9000
[[route]]
prefix = "198.51.100.0/24"
drop = true
[[virtual_server]]
protocol = "udp"
address = "203.0.113.90"
port = 53
scheduler = "rr"
max_sessions = 9
local_addresses = ["10.0.1.3", "10.0.1.2"]
[virtual_server.timeouts]
close = 3
udp_oneway = 5
[[virtual_server.real_server]]
address = "10.0.0.13"
port = 53
[[virtual_server.real_server]]
address = "10.0.0.12"
port = 53
weight = 3
mode = "nat"
"""
)
"""What the commands of the next test make."""


async def test_commands_of_every_kind(api: Api) -> None:
    new = {"protocol": "udp", "virtual": "203.0.113.90:53"}
    server = {**new, "server": "10.0.0.12:53"}
    other = {**new, "server": "10.0.0.13:53"}
    changes = await apply(
        api,
        {"add_service": {**new, "settings": {"scheduler": "rr"}}},
        {"add_server": {**server, "settings": {"weight": 3}}},
        {"add_server": other},
        {"arrange_servers": {**new, "servers": [other["server"], server["server"]]}},
        {"add_local": {**new, "local": "10.0.1.2"}},
        {"add_local": {**new, "local": "10.0.1.3"}},
        {"arrange_locals": {**new, "locals": ["10.0.1.3", "10.0.1.2"]}},
        {"edit_service": {**new, "settings": {"max_sessions": 9, "timeouts": {"udp_oneway": 5}}}},
        {"edit_server": {**server, "settings": {"mode": "nat"}}},
        {"add_interface": {"port": 2, "mac": "02:00:00:00:00:02", "address": "10.2.0.1/24"}},
        {"edit_interface": {"port": 2, "mtu": 9000}},
        {"add_route": {"prefix": "198.51.100.0/24", "gateway": "10.2.0.9"}},
        {"edit_route": {"prefix": "198.51.100.0/24"}},
        {"edit_globals": {"punt_rate": 5, "timeouts": {"close": 4}}},
    )
    assert changes[0] == "virtual server udp 203.0.113.90:53: added"
    assert changes[-1] == "options of all services: changed (timeouts.close 3.0 -> 4.0, punt_rate 20000 -> 5)"
    assert diff(api.model, model_of(parse(EVERYTHING))) == []
    await undone(api, new, server)


async def undone(api: Api, new: dict[str, str], server: dict[str, str]) -> None:
    await apply(
        api,
        {"remove_server": server},
        {"remove_local": {**new, "local": "10.0.1.2"}},
        {"remove_service": new},
        {"remove_route": {"prefix": "198.51.100.0/24"}},
        {"remove_interface": {"port": 2}},
        {"edit_globals": {"punt_rate": 20_000, "timeouts": {"close": 3}}},
    )
    assert diff(api.model, model_of(parse(CONFIG_TEXT))) == []
    drains: tuple[dict[str, Any], ...] = (
        {"drain_server": {**SERVER, "within": 5}},
        {"drain_service": VIRTUAL},
        {"drain_all": {}},
    )
    assert await apply(api, *drains) == [
        "virtual server tcp 203.0.113.80:80, real server 10.0.0.11:8080: draining (for 5 s)",
        "virtual server tcp 203.0.113.80:80: draining",
        "all virtual servers: draining",
    ]
    (declared,) = api.model.services.values()
    assert [each.weight for each in declared.servers.values()] == [0]
    assert await apply(api, {"clear": {}}) == ["virtual server tcp 203.0.113.80:80: removed"]
    assert api.model.services == {}


async def test_a_dry_run_changes_nothing(api: Api) -> None:
    assert await apply(api, {"remove_service": VIRTUAL}, dry_run=True) == [
        "virtual server tcp 203.0.113.80:80: removed"
    ]
    assert diff(api.model, model_of(parse(CONFIG_TEXT))) == []


async def test_another_configuration_is_compared(api: Api) -> None:
    """As ``fullnat check --running`` does, by whoever may read; nothing changes."""
    other = CONFIG_TEXT.replace('address = "10.0.0.11"', 'address = "10.0.0.12"') + "weight = 3\n"
    answer = await asyncio.to_thread(lambda: controlclient.tell(api.path, "compare", {"config": other}))
    assert answer == {
        "changes": [
            "virtual server tcp 203.0.113.80:80, real server 10.0.0.11:8080: removed",
            "virtual server tcp 203.0.113.80:80, real server 10.0.0.12:8080: added",
        ]
    }
    assert diff(api.model, model_of(parse(CONFIG_TEXT))) == []
    with pytest.raises(controlclient.Refused) as caught:
        await asyncio.to_thread(lambda: controlclient.tell(api.path, "compare", {"config": "punt_rate = 0"}))
    assert [problem["message"] for problem in caught.value.problems] == [
        "<config>:1: punt_rate: 0 is not a number from 1 to 10000000"
    ]


async def test_check_tells_what_would_change(api: Api, tmp_path: Path) -> None:
    """Of a file in either grammar."""
    toml, conf = tmp_path / "new.toml", tmp_path / "new.conf"
    toml.write_text(CONFIG_TEXT.replace("port = 80\n", "port = 81\n"))
    conf.write_text(GRAMMARS["keepalived"](document(parse(CONFIG_TEXT)))[0])
    result = await asyncio.to_thread(lambda: invoke("check", toml, "--running", "--control-socket", api.path))
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        NO_ROUTE,
        f"{toml}: 1 virtual server, 1 real server",
        "virtual server tcp 203.0.113.80:80: removed",
        "virtual server tcp 203.0.113.80:81: added",
        "virtual server tcp 203.0.113.80:81, real server 10.0.0.11:8080: added",
        "virtual server tcp 203.0.113.80:81, local address 10.0.1.1: added",
        "4 changes to what runs",
    ]
    result = await asyncio.to_thread(lambda: invoke("check", conf, "--running", "--control-socket", api.path))
    assert result.output.splitlines() == [
        NO_ROUTE,
        f"{conf}: 1 virtual server, 1 real server",
        "0 changes to what runs",
    ]


async def test_a_batch_is_carried_out_as_a_whole_or_not_at_all(api: Api, channel: grpc.aio.Channel) -> None:
    good = {"edit_server": {**SERVER, "settings": {"weight": 7}}}
    error = await refusal(api, good, {"remove_server": {**SERVER, "server": "10.0.0.99:1"}}, {"add_service": VIRTUAL})
    assert error.problems == [
        {"message": "virtual server tcp 203.0.113.80:80 has no real server 10.0.0.99:1", "command": 1},
        {"message": "virtual server tcp 203.0.113.80:80 is there already", "command": 2},
    ]
    assert error.code == "NOT_FOUND"
    for command in ({}, {"add_service": {**VIRTUAL, "protocol": "sctp"}}, {"add_service": {**VIRTUAL, "virtual": "x"}}):
        error = await refusal(api, good, command)
        assert (error.code, error.problems[0]["command"]) == ("INVALID_ARGUMENT", 1)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(channel, "Apply", {"commands": [good, {"edit_server": {**SERVER, "settings": {"weight": 70000}}}]})
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "weight 70000 is not from 0 to 65535"
    assert diff(api.model, model_of(parse(CONFIG_TEXT))) == []


async def test_a_command_behind_another_goes_by_what_that_one_did(api: Api) -> None:
    await apply(
        api,
        {"clear": {}},
        {"add_service": {**VIRTUAL, "settings": {"max_sessions": 5}}},
        {"edit_service": {**VIRTUAL, "settings": {"new_rate": 6}}},
        {"add_server": {**SERVER, "settings": {"weight": 4, "mode": "nat"}}},
        {"drain_server": SERVER},
    )
    (declared,) = api.model.services.values()
    assert (declared.settings.max_sessions, declared.settings.new_rate) == (5, 6)
    ((weight, mode),) = [(each.weight, each.mode) for each in declared.servers.values()]
    assert (weight, mode) == (0, "nat")


async def test_a_large_batch(api: Api) -> None:
    """Of more than is read at once; a wrong command in it is found, and nothing is done."""
    new = [{"add_service": {"protocol": "tcp", "virtual": f"203.0.113.90:{port}"}} for port in range(1, 2001)]
    assert len(json.dumps(new)) > 2 * LARGE_BYTES
    error = await refusal(api, *new, new[7])
    assert error.problems == [{"message": "virtual server tcp 203.0.113.90:8 is there already", "command": 2000}]
    assert len(api.model.services) == 1
    assert len(await apply(api, *new)) == 2000
    assert len(await get(api, "services")) == 2001
    assert (await refusal(api, *new, {"colour": "red"})).code == "INVALID_ARGUMENT"


async def test_counters_begin_at_zero(api: Api) -> None:
    (service,) = api.core._store.services
    (server,) = service.servers.values()
    server.connections = 5

    async def shown() -> int:
        ((one,),) = [found["servers"] for found in await get(api, "services")]
        return int(one["connections"])

    assert await shown() == 5
    await asyncio.to_thread(lambda: controlclient.tell(api.path, "zero", VIRTUAL))
    assert await shown() == 0
    server.connections = 7
    assert await shown() == 2
    await asyncio.to_thread(lambda: controlclient.tell(api.path, "zero", {}))
    assert await shown() == 0
    (stats,) = await get(api, "stats")
    assert stats["services"][0]["servers"][0]["connections"] == 7

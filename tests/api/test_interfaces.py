"""Interfaces by calls: what an edit keeps, and how those of one port are told apart."""

from __future__ import annotations

from typing import Any

from api.apikit import Api
from api.test_calls import apply, get


async def test_an_interface_has_addresses_of_both_families(api: Api) -> None:
    """``further`` goes with ``address``: an edit of the MTU leaves both, one of the address says all."""

    async def after(**said: Any) -> Any:
        await apply(api, {"edit_interface": {"port": 1, **said}})
        (network,) = await get(api, "network")
        return [network["interfaces"][0][name] for name in ("address", "further", "mtu")]

    more = ["10.0.0.9/24", "2001:db8::1/64"]
    assert await after(address="10.0.0.1/24", further=more) == ["10.0.0.1/24", more, 1500]
    assert await after(mtu=1400) == ["10.0.0.1/24", more, 1400]
    assert await after(address="10.0.0.1/24") == ["10.0.0.1/24", [], 1400]


async def test_an_interface_is_named_by_port_and_vlan(api: Api) -> None:
    async def interfaces() -> list[tuple[int, int, int]]:
        (network,) = await get(api, "network")
        return [(each["port"], each["vlan"], each["mtu"]) for each in network["interfaces"]]

    there = await interfaces()
    told = {"port": 1, "vlan": 12, "mac": "02:00:00:00:00:0c", "address": "10.12.0.1/24"}
    await apply(api, {"add_interface": told})
    assert await interfaces() == [*there, (1, 12, 1500)]
    await apply(api, {"edit_interface": {"port": 1, "vlan": 12, "mtu": 1400}})
    assert await interfaces() == [*there, (1, 12, 1400)]
    await apply(api, {"remove_interface": {"port": 1, "vlan": 12}})
    assert await interfaces() == there

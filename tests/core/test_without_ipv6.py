"""A program without tables for IPv6."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Address, IPv6Interface, IPv6Network
from random import Random

import pytest
from fullnat.config.diff import diff, model_of
from fullnat.config.model import Config, RealServer, StaticRoute
from fullnat.core.controller import Controller
from fullnat.core.declared.commands import CommandError, Reason
from fullnat.core.interface import Sizes

from .builders import INTERFACES, ROUTES, config, virtual
from .switch import SECRET

INTERFACE = replace(INTERFACES[0], further=(IPv6Interface("2001:db8::1/64"),))
SERVICE = virtual(
    address=IPv6Address("2001:db8:1::80"),
    local_addresses=(IPv6Address("2001:db8:1::100"),),
    real_servers=(RealServer(address=IPv6Address("2001:db8::11"), port=80),),
)


@pytest.mark.parametrize(
    ("wanted", "addresses"),
    [
        (config(interfaces=(INTERFACE, INTERFACES[1])), ["2001:db8::1"]),
        (
            config(routes=(*ROUTES, StaticRoute(prefix=IPv6Network("2001:db8:9::/48"), gateway=None))),
            ["2001:db8:9::/48"],
        ),
        (
            config(virtual(), SERVICE, interfaces=(INTERFACE, INTERFACES[1])),
            ["2001:db8:1::100", "2001:db8:1::80", "2001:db8::1", "2001:db8::11"],
        ),
    ],
)
def test_what_is_of_ipv6_is_refused_by_name(wanted: Config, addresses: list[str]) -> None:
    controller = Controller(Sizes(64, 64, has_ipv6=False), SECRET, Random(1))
    with pytest.raises(CommandError) as caught:
        controller.apply(diff(controller.model, model_of(wanted)), 0.0)
    assert [(problem.reason, problem.message) for problem in caught.value.problems] == [
        (Reason.INVALID, f"{address} is of IPv6, which this program of the switch does not have")
        for address in addresses
    ]
    controller.apply(diff(controller.model, model_of(config())), 0.0)

"""ipvsadm's own tables and format strings (ipvsadm.c commands_v_options, print_service_entry), held against ours."""

from __future__ import annotations

from typing import Any

import pytest
from fullnat.fnatadm import layouts
from fullnat.fnatadm.options import BY_NAME, COMMANDS
from hypothesis import given, settings
from hypothesis import strategies as st

LEGAL = {
    "-A": "t u s p M o j V",
    "-E": "t u s p M o j V",
    "-D": "t u",
    "-C": "",
    "-a": "t u r g i m b w x y",
    "-e": "t u r g i m b w x y",
    "-d": "t u r",
    "-L": "t u n c X stats rate thresholds persistent-conn nosort sort timeout daemon",
    "-Z": "t u",
    "-P": "t u z",
    "-Q": "t u z",
    "-G": "t u",
    "-S": "n",
    "-R": "",
}
"""What ipvsadm takes beside each command, without firewall marks."""


def taken(name: str) -> set[str]:
    (command,) = [each for each in COMMANDS if name in each.option.names]
    options = [BY_NAME[option] for option in (*command.needs, *command.may)]
    options += [BY_NAME["udp"]] * ("service" in (*command.needs, *command.may))
    return {option.short or option.long for option in options}


@pytest.mark.parametrize("name", LEGAL)
def test_what_goes_with_a_command(name: str) -> None:
    """Nothing that ipvsadm has is missing."""
    assert taken(name) >= set(LEGAL[name].split())


SERVERS = st.lists(
    st.fixed_dictionaries(
        {
            "server": st.builds("10.{}.{}.{}:{}".format, *[st.integers(0, 255)] * 3, st.integers(1, 65535)),
            "mode": st.sampled_from(sorted(layouts.MODE_NAMES)),
            "checked_weight": st.integers(0, 65535),
            "active": st.integers(0, 10**9),
            "inactive": st.integers(0, 10**9),
            "draining": st.just(False),
        }
        | {name: st.integers(0, 10**16) for name in layouts._COUNTED}
    ),
    max_size=3,
    unique_by=lambda server: server["server"],
)


def rows(service: Any, layout: layouts.Layout) -> list[str]:
    return list(layouts.services([service], layout, layouts.Wishes(numeric=True, sort=False)))


@settings(max_examples=100, deadline=None)
@given(servers=SERVERS, scheduler=st.sampled_from(["rr", "wlc", "lblcr"]), established=st.integers(1, 99999))
def test_rows_are_what_printf_makes(servers: list[Any], scheduler: str, established: int) -> None:
    """The padding at the end included."""
    service = {
        "protocol": "tcp",
        "virtual": "203.0.113.80:443",
        "settings": {"scheduler": scheduler, "established_timeout": established},
        "servers": servers,
    }
    name = "TCP  203.0.113.80:443"
    first, *others = rows(service, layouts.PLAIN)
    assert first == "%-22s %-9s %-17s" % (name, scheduler, established)  # noqa: UP031 -- as ipvsadm has it
    assert others == [
        "  -> %-28s %-7s %-6d %-10u %-10u"  # noqa: UP031
        % (
            each["server"],
            layouts.MODE_NAMES[each["mode"]],
            each["checked_weight"],
            each["active"],
            each["inactive"],
        )
        for each in servers
    ]
    first, *others = rows(service, layouts.LAYOUTS["stats"])
    sums = [layouts.largenum(sum(each[key] for each in servers)) for key in layouts._COUNTED]
    assert first == "%-33s" % name + "".join(sums)  # noqa: UP031
    assert others == [
        "  -> %-28s" % each["server"] + "".join(layouts.largenum(each[key]) for key in layouts._COUNTED)  # noqa: UP031
        for each in servers
    ]

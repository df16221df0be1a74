"""Upper and lower thresholds of connections: LVS's rule, kept through changes of the configuration."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fullnat.config.model import RealServer, ServerSettings
from fullnat.core.declared.commands import AddServer, CommandError, EditServer, Reason
from fullnat.core.schedulers.base import SCHEDULERS

from .builders import SERVER, SERVER2, config, real, syn, virtual
from .commandkit import FIRST, KEY, SECOND
from .helpers import established, opened, tell
from .switch import Rig


def limited(upper: int, lower: int = 0, weight: int = 1) -> RealServer:
    return replace(real(weight=weight), upper_threshold=upper, lower_threshold=lower)


def end(rig: Rig, session_id: int) -> None:
    tell(rig, session_id, "FIN_IN", "FIN_OUT")
    rig.advance(8)


@pytest.mark.parametrize(("lower", "reopens_below"), [(0, 6), (4, 4), (8, 8)])
def test_a_full_server_takes_new_sessions_again_below_its_lower_threshold(lower: int, reopens_below: int) -> None:
    rig = Rig(config(virtual(scheduler="fo", real_servers=(limited(8, lower, weight=2), real("10.0.2.12")))))
    entries = [established(rig, 40000 + number) for number in range(9)]
    assert [entry.server for entry in entries] == [SERVER] * 8 + [SERVER2]
    taken = 8
    port = 41000
    while taken > reopens_below - 1:
        assert opened(rig, (port := port + 1)).server == SERVER2
        end(rig, entries.pop(0).session_id)
        taken -= 1
    assert opened(rig, port + 1).server == SERVER


@pytest.mark.parametrize("scheduler", sorted(SCHEDULERS))
def test_no_scheduler_goes_above_a_threshold_or_refuses_while_there_is_room(scheduler: str) -> None:
    """B17."""
    rig = Rig(config(virtual(scheduler=scheduler, real_servers=(limited(3, weight=9), limited_second(4)))))
    for number in range(7):
        established(rig, 40000 + number)
    (service,) = rig.controller.services()
    assert [server.active for server in service.servers] == [3, 4]
    assert rig.controller.stats()["no_real_server"] == 0


def limited_second(upper: int) -> RealServer:
    return replace(real("10.0.2.12"), upper_threshold=upper)


def test_thresholds_change_by_command() -> None:
    rig = Rig(config(virtual(scheduler="wlc", real_servers=(limited(1), real("10.0.2.12", weight=1)))))
    first = [opened(rig, 40000 + number).server for number in range(4)]
    assert sorted(first) == [SERVER, SERVER2, SERVER2, SERVER2]
    rig.apply(EditServer(KEY, FIRST, ServerSettings()))
    assert [opened(rig, 41000 + number).server for number in range(2)] == [SERVER, SERVER]
    rig.apply(EditServer(KEY, FIRST, ServerSettings(upper_threshold=3)))
    assert opened(rig, 42000).server == SERVER2
    (service,) = rig.controller.services()
    assert [(server.is_full, server.upper_threshold) for server in service.servers] == [(True, 3), (False, 0)]


def test_a_service_whose_servers_are_all_full_says_so() -> None:
    rig = Rig(config(virtual(real_servers=(limited(1),))))
    opened(rig)
    rig.send(syn(40001))
    stats = rig.controller.stats()
    assert (stats["servers_full"], stats["no_real_server"], stats["conn_sched_unreach"]) == (1, 0, 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (ServerSettings(lower_threshold=1), "lower_threshold 1 is above upper_threshold 0"),
        (ServerSettings(upper_threshold=4, lower_threshold=5), "lower_threshold 5 is above upper_threshold 4"),
        (ServerSettings(upper_threshold=-1), "upper_threshold -1 is not from 0 to 10000000"),
    ],
)
def test_thresholds_that_cannot_be_are_refused(settings: ServerSettings, message: str) -> None:
    rig = Rig(config(virtual(scheduler="rr")))
    with pytest.raises(CommandError) as refusal:
        rig.apply(AddServer(KEY, SECOND, settings))
    ((reason, said, _),) = refusal.value.problems
    assert (reason, said) == (Reason.INVALID, message)

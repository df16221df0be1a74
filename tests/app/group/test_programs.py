"""Switches of one group that run different builds of the program: they are upgraded in turn, and what a program cannot
carry is refused by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from core import builders
from finsy.proto import p4i
from fullnat.app.group.shown import NotNow
from fullnat.core.declared.commands import CommandError, EditService
from fullnat.p4rt.program import Program
from fullnat.p4rt.schema import Schema
from fullnat.tables.session import SessionEntry
from p4rt.variants import variant
from p4rt.waiting import until

from .builds import OTHER, SMALL, held, ids, led_by, programs, pushed, refused, running, shown
from .conftest import PROGRAM, SOON, MakeCluster
from .several import Several


def changed(change: Callable[[p4i.P4Info], object]) -> Program:
    """The program with another P4Info."""
    made = variant(PROGRAM)
    change(made.p4info)
    return Program(b"", made.p4info, made.sizes, made.cookie ^ 1)


def narrow(info: p4i.P4Info) -> None:
    table = next(table for table in info.tables if table.preamble.name == "virtual_service")
    table.match_fields[-1].bitwidth = 8


def renumber_reasons(info: p4i.P4Info) -> None:
    texts = [text.replace("SESSION_SYN=2", "SESSION_SYN=40") for text in info.pkg_info.annotations]
    del info.pkg_info.annotations[:]
    info.pkg_info.annotations.extend(texts)


def be_for_tofino(info: p4i.P4Info) -> None:
    info.pkg_info.arch = "tna"


def say_nothing(info: p4i.P4Info) -> None:
    del info.pkg_info.annotations[:]


async def test_one_with_other_ids_and_sizes_is_filled_and_takes_over(make: MakeCluster) -> None:
    cluster = make(kind=programs(b=OTHER))
    await led_by(cluster, "a")
    await cluster.connect(40)
    await cluster.settled()
    assert cluster.roles() == {"a": "active", "b": "standby"}
    assert (cluster.switches["a"].pushes, cluster.switches["b"].pushes) == (1, 0)
    whole = held(cluster.switches["a"], PROGRAM)
    assert held(cluster.switches["b"], OTHER) == whole
    assert len([entry for entry in whole if isinstance(entry, SessionEntry)]) == 40
    cluster.syns(20)
    cluster.switches["a"].kill()
    await cluster.full("b")
    await cluster.connect(5)
    cluster.end(cluster.core.session_ids()[0])
    cluster.switches["a"].revive(emptied=True)
    await cluster.full()
    await cluster.settled()
    assert held(cluster.switches["a"], PROGRAM) == held(cluster.switches["b"], OTHER)
    assert len(cluster.core.session_ids()) >= 44
    assert cluster.runner.errors == 0


async def test_the_program_is_upgraded_in_turn(make: MakeCluster) -> None:
    """A new controller goes on with what its switches run, and gives them its own one after the other."""
    cluster = make(kind=programs(a=OTHER, b=OTHER))
    await led_by(cluster, "a")
    await cluster.connect(30)
    with pytest.raises(NotNow, match=r"switch a forwards: have another one do so \(--activate\), and upgrade it then"):
        cluster.owner.upgrade("a")
    for name, other in (("b", "a"), ("a", "b")):
        told = [f"switch {name} is given this controller's program, and is filled then"]
        assert cluster.owner.upgrade(name) == told
        await pushed(cluster, name)
        await cluster.connect(10)
        await cluster.full()
        assert await cluster.owner.activate(name) == other
        await cluster.full()
    await cluster.settled()
    cluster.assert_agreed()
    assert cluster.roles() == {"a": "active", "b": "standby"}
    assert len(cluster.core.session_ids()) == 50
    assert [cluster.switches[name].pushes for name in "ab"] == [1, 1]
    with pytest.raises(NotNow, match="switch b runs this controller's program already"):
        cluster.owner.upgrade("b")
    assert cluster.runner.errors == 0


async def test_a_new_controller_finds_its_sessions_in_the_old_program(make: MakeCluster) -> None:
    cluster = make(kind=programs(a=OTHER, b=SMALL))
    await led_by(cluster, "a")
    await cluster.connect(20)
    await cluster.settled()
    await cluster.stop()
    cluster.start()
    cluster.run()
    await cluster.full()
    await until(lambda: len(cluster.core.session_ids()) == 20)
    await cluster.settled()
    assert held(cluster.switches["a"], OTHER) == held(cluster.switches["b"], SMALL)
    assert [cluster.switches[name].pushes for name in "ab"] == [0, 0]


CANNOT = {
    "a table is missing": (
        variant(PROGRAM, without=["next_hop"]),
        "is not one that this controller can work with: no table next_hop",
    ),
    "a field is narrower": (changed(narrow), "table virtual_service: vport has 8 bits, expected 16"),
    "its numbers mean something else": (changed(renumber_reasons), "PuntReason.SESSION_SYN is 40, expected 2"),
    "it does not say what they mean": (changed(say_nothing), "it does not say what its numbers mean"),
    "it is for another target": (
        changed(be_for_tofino),
        "it is for tna, and all switches of a group are of one target",
    ),
    "a table is too small": (
        variant(PROGRAM, {"ipv4_route": 1}),
        "is too small: there are more entries of table ipv4_route, and it has room for 1",
    ),
}


@pytest.mark.parametrize(("program", "why"), CANNOT.values(), ids=CANNOT)
async def test_what_a_program_cannot_carry_is_refused_by_name(make: MakeCluster, program: Program, why: str) -> None:
    """It gets nothing, and is made active neither by command nor when there is no other."""
    cluster = make(kind=programs(b=program))
    await cluster.full("a")
    await cluster.connect(5)
    said = await refused(cluster, "b")
    assert said.startswith(f"its program (cookie {program.cookie:#x}) ")
    assert why in said
    assert said.endswith("; give it this controller's: --upgrade b")
    with pytest.raises(NotNow, match="switch b is refused, and not one that holds everything"):
        await cluster.owner.activate("b")
    cluster.switches["a"].kill()
    await until(lambda: cluster.roles()["a"] == "away")
    assert cluster.group.active is None
    assert not cluster.switches["b"].entries
    cluster.switches["a"].revive(emptied=True)
    await cluster.full("a")
    cluster.owner.upgrade("b")
    await pushed(cluster, "b")
    await cluster.full()
    await cluster.settled()
    cluster.assert_agreed()
    assert len(cluster.core.session_ids()) == 5


async def test_a_program_that_a_switch_does_not_take_leaves_it_as_it_is(
    make: MakeCluster, caplog: pytest.LogCaptureFixture
) -> None:
    """It stands by again with what it had, until the upgrade is asked for anew."""
    cluster = make(kind=programs(b=OTHER))
    await led_by(cluster, "a")
    cluster.switches["b"].refuses_programs = True
    cluster.owner.upgrade("b")
    await until(lambda: "was not given this controller's program" in caplog.text)
    await cluster.full()
    assert (cluster.roles()["b"], shown(cluster, "b")["other_program"]) == ("standby", True)
    cluster.switches["b"].refuses_programs = False
    cluster.owner.upgrade("b")
    await pushed(cluster, "b")
    await cluster.full()


async def test_one_that_has_another_program_than_it_had_is_upgraded(make: MakeCluster) -> None:
    """What it ran before is not what it runs."""
    cluster = make()
    await led_by(cluster, "a")
    switch = cluster.switches["b"]
    assert switch.config is not None
    say_nothing(switch.config.p4info)
    switch.config.cookie.cookie = 0
    switch.kill()
    switch.revive(emptied=False)
    await refused(cluster, "b")
    before = switch.pushes
    cluster.owner.upgrade("b")
    await until(lambda: switch.pushes > before)
    await cluster.full()


async def test_none_is_upgraded_while_none_forwards(make: MakeCluster) -> None:
    """It may be the one that goes on."""
    cluster = make(kind=programs(b=OTHER))
    await led_by(cluster, "a")
    cluster.switches["a"].kill()
    cluster.switches["b"].kill()
    await until(lambda: cluster.group.active is None)
    cluster.switches["b"].revive(emptied=False)
    with pytest.raises(NotNow, match=r"no switch forwards, and b may be the one that goes on|switch b is away"):
        cluster.owner.upgrade("b")


async def test_a_program_of_somebody_else_is_exchanged(make: MakeCluster) -> None:
    """It holds nothing of ours."""
    cluster = make(kind=programs(b=variant(PROGRAM, without=["session_in", "session_out"])))
    await cluster.full()
    assert cluster.switches["b"].pushes == 1


async def test_one_that_is_refused_and_forwards_loses_its_gate_once_another_one_does(make: MakeCluster) -> None:
    cluster = make()
    await led_by(cluster, "a")
    await cluster.connect(5)
    await cluster.settled()
    await cluster.stop()
    assert cluster.switches["a"].gate_entries()
    cluster.switches["a"].config.p4info.pkg_info.arch = "tna"  # type: ignore[union-attr]
    cluster.switches["a"].config.cookie.cookie += 1  # type: ignore[union-attr]
    cluster.start()
    cluster.run()
    await refused(cluster, "a")
    await cluster.full("b")
    await until(lambda: not cluster.switches["a"].gate_entries())
    await until(lambda: len(cluster.core.session_ids()) == 5)
    assert cluster.switches["a"].pushes == 1


async def test_what_the_configuration_uses_has_to_be_there(make: MakeCluster) -> None:
    """And what the group's programs do not have cannot be configured."""
    lacking = variant(PROGRAM, without=["proxy_first"])
    proxied = builders.virtual(established_timeout=3600.0, proxy_protocol="first")

    class Proxied(programs(b=lacking)):  # type: ignore[misc]
        def start(self) -> None:
            self.config = builders.config(proxied, timeouts=SOON)
            super().start()

    cluster = make(kind=Proxied)
    await cluster.full("a")
    lacks = "lacks what the configuration uses: virtual server tcp 198.51.100.10:80: proxy_protocol first is not in"
    assert lacks in await refused(cluster, "b")
    plain = make(kind=programs(b=lacking))
    await plain.full()
    ((key, service),) = plain.core.model.services.items()
    with pytest.raises(CommandError, match="proxy_protocol first is not in this program of the switch"):
        plain.core.check([EditService(key, dataclasses.replace(service.settings, proxy_protocol="first"))])


async def test_all_forward_with_programs_that_differ(make: MakeCluster) -> None:
    """Each has what it holds in its own bytes, and is drained before it is upgraded."""

    class Mixed(Several):
        def run(self) -> None:
            running(self.switches["b"], OTHER)
            super().run()

        def session_ids(self, name: str) -> set[int]:
            return ids(held(self.switches[name], OTHER if name == "b" else PROGRAM))

    cluster = make(kind=Mixed)
    assert isinstance(cluster, Mixed)
    await cluster.full()
    await cluster.connect(30)
    assert cluster.early == []
    first = cluster.owner.client
    assert first is not None
    for name, program in (("a", PROGRAM), ("b", OTHER)):
        schema = Schema(program.p4info, program.sizes)
        cluster.switches[name].counters[schema.drop_counter.id, 3] = (5, 500)
    assert await cluster.owner.counters(first.schema.drop_counter, [3]) == {3: (10, 1000)}
    with pytest.raises(
        NotNow, match=r"switch b forwards: have routers send it nothing \(--drain b\), and upgrade it then"
    ):
        cluster.owner.upgrade("b")
    cluster.switches["a"].kill()
    await cluster.full("b")
    await cluster.connect(5)
    assert cluster.session_ids("b") == set(cluster.core.session_ids())
    assert len(cluster.core.session_ids()) == 35
    assert cluster.runner.errors == 0


async def test_a_program_given_by_hand_may_have_no_cookie(make: MakeCluster) -> None:
    """The next one with none either is another one."""
    cluster = make(kind=programs(b=dataclasses.replace(OTHER, cookie=0)))
    await led_by(cluster, "a")
    await cluster.connect(5)
    cluster.switches["b"].kill()
    cluster.switches["b"].revive(emptied=True)
    running(cluster.switches["b"], dataclasses.replace(variant(PROGRAM), cookie=0))
    await cluster.connect(5)
    await cluster.full()
    await cluster.settled()
    cluster.assert_agreed()
    assert cluster.switches["b"].pushes == 0

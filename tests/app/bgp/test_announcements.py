"""Which switches are announced, by speakers that fail, hang and come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from ipaddress import IPv4Interface
from pathlib import Path

import pytest
from fullnat.app.bgp import announcements
from fullnat.app.bgp.announcements import Announcements
from fullnat.app.bgp.command import SpeakerError
from fullnat.app.bgp.plan import NOTHING, Plan
from fullnat.app.group.remembered import OnDisk
from fullnat.app.group.shown import NotNow
from fullnat.config.bgp import Bgp
from fullnat.config.model import Interface
from fullnat.config.servers import SwitchSettings
from fullnat.net.flow import Address, address
from p4rt.waiting import until

from app.fake_core import FakeCore

INTERFACES = (Interface(port=1, mac=1, address=IPv4Interface("198.51.100.11/24")),)
BGP = Bgp(local_as=65001, program=("x",), drain_seconds=0.1)


class Told:
    """A speaker that keeps what it is told."""

    def __init__(self, _bgp: Bgp, _interfaces: object) -> None:
        self.sessions = {"198.51.100.1": True}
        self.plans: list[Plan] = []
        self.has: Plan | None = None
        self.fails = ""
        self.looks = 0
        self.closed = False

    async def tell(self, plan: Plan) -> bool:
        if self.fails:
            raise SpeakerError(self.fails)
        if plan == self.has:
            return False
        self.has = plan
        self.plans.append(plan)
        return True

    async def look(self) -> None:
        self.looks += 1
        if self.fails:
            raise SpeakerError(self.fails)

    async def close(self) -> None:
        self.closed = True


class Bed:
    def __init__(self, directory: Path) -> None:
        self.forwarding: set[str] = set()
        self.kept: set[str] = set()
        self.others = False
        self.core = FakeCore()
        self.vips = {address("203.0.113.80")}
        self.core.served = self.served  # type: ignore[method-assign]
        self.remembered = OnDisk(directory)
        switches = [SwitchSettings(name=name, grpc_addr="h:1", interfaces=INTERFACES, bgp=BGP) for name in ("a", "b")]
        self.bgp = Announcements(
            self.core,
            switches,
            self.remembered,
            self.forwarding.__contains__,
            self.kept.__contains__,
            lambda: self.others,
        )
        self.task = asyncio.ensure_future(self.bgp.run())

    def served(self, *, alone: bool = True) -> set[Address]:
        return set(self.vips) if alone else {*self.vips, Address(address("203.0.113.89"))}

    def speaker(self, name: str) -> Told:
        found = self.bgp._of[name].speaker
        assert isinstance(found, Told)
        return found

    def state(self, name: str) -> str:
        return str(self.bgp.shown(name)["announced"])

    def has(self, name: str) -> set[str] | None:
        plan = self.speaker(name).has
        return None if plan is None else {str(each) for each in plan.first}


@pytest.fixture
async def bed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bed]:
    monkeypatch.setattr(announcements, "speaker", Told)
    monkeypatch.setattr(announcements, "GLANCE", 0.005)
    monkeypatch.setattr(announcements, "LOOK", 0.05)
    monkeypatch.setattr(announcements, "RETRY", 0.02)
    bed = Bed(tmp_path)
    yield bed
    bed.task.cancel()
    await asyncio.gather(bed.task, return_exceptions=True)


VIP = {"203.0.113.80/32"}


async def test_one_that_forwards_is_announced_until_it_does_not(bed: Bed) -> None:
    bed.forwarding |= {"a", "b"}
    await until(lambda: bed.has("a") == VIP)
    assert bed.state("a") == "announcing"
    assert bed.bgp.shown("a")["neighbors_up"] == 1
    bed.forwarding.remove("a")
    await until(lambda: bed.has("a") == set())
    assert bed.state("a") == "withdrawn"
    assert bed.speaker("a").plans[-1] == NOTHING


async def test_the_last_one_stays_for_a_while(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """When none is ours it may be the controller that is cut off, and switches go on."""
    bed.forwarding.add("a")
    await until(lambda: bed.has("a") == VIP)
    bed.forwarding.clear()
    bed.bgp.closed("a", taken=False)
    reached = bed.speaker("a").looks
    await until(lambda: bed.speaker("a").looks > reached + 1)
    assert (bed.state("a"), bed.has("a")) == ("announcing", VIP)
    monkeypatch.setattr(announcements, "GRACE", 0.0)
    await until(lambda: bed.has("a") == set())
    assert bed.state("a") == "withdrawn"


async def test_what_the_controller_before_has_left_stays_while_it_is_not_known(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed.kept.add("a")
    await until(lambda: bed.speaker("a").looks > 0)
    assert (bed.state("a"), bed.has("a")) == ("unknown", None)
    monkeypatch.setattr(announcements, "GRACE", 0.0)
    await until(lambda: bed.state("b") == "withdrawn")
    await until(lambda: bed.has("b") == set())
    assert (bed.state("a"), bed.has("a")) == ("unknown", None)
    bed.forwarding.add("a")
    await until(lambda: bed.has("a") == VIP)


async def test_it_is_withdrawn_before_it_is_closed(bed: Bed) -> None:
    bed.forwarding.add("a")
    await until(lambda: bed.has("a") == VIP)
    bed.forwarding.clear()
    await bed.bgp.withdraw("a")
    assert bed.has("a") == set()
    await bed.bgp.withdraw("nobody")


async def test_a_speaker_that_does_not_answer_holds_up_nothing(bed: Bed) -> None:
    bed.forwarding.add("a")
    await until(lambda: bed.has("a") == VIP)
    bed.speaker("a").fails = "it is dead"
    bed.forwarding.clear()
    await bed.bgp.withdraw("a")
    await until(lambda: bed.bgp.shown("a")["bgp_trouble"] == "it is dead")
    assert bed.bgp.shown("a")["bgp_failures"] > 0
    bed.speaker("a").fails = ""
    await until(lambda: bed.has("a") == set())
    await until(lambda: bed.bgp.shown("a")["bgp_trouble"] == "")


async def test_a_drain_is_graceful_first_and_is_remembered(bed: Bed, tmp_path: Path) -> None:
    bed.forwarding |= {"a", "b"}
    await until(lambda: bed.has("a") == bed.has("b") == VIP)
    assert bed.bgp.drain("a", drains=True) == "draining"
    await until(lambda: bed.state("a") == "drained")
    await until(lambda: bed.has("a") == set())
    assert [(bool(plan.first), plan.graceful) for plan in bed.speaker("a").plans[-2:]] == [(True, True), (False, False)]
    assert OnDisk(tmp_path).drained == {"a"}
    with pytest.raises(NotNow, match="without b nothing would be served"):
        bed.bgp.drain("b", drains=True)
    with pytest.raises(NotNow, match="no switch c"):
        bed.bgp.drain("c", drains=True)
    with pytest.raises(NotNow, match=r"^there is no switch 'x{40}\.\.\.' with"):
        bed.bgp.drain("x" * 1_000_000, drains=True)
    with pytest.raises(NotNow, match=r"^there is no switch '\\x1b\[2J\\n' with"):
        bed.bgp.drain("\x1b[2J\n", drains=True)
    assert bed.bgp.drain("a", drains=False) == "announcing"
    await until(lambda: bed.has("a") == VIP)
    assert OnDisk(tmp_path).drained == set()


async def test_services_that_come_and_go_are_followed(bed: Bed) -> None:
    bed.forwarding.add("a")
    await until(lambda: bed.has("a") == VIP)
    bed.vips.add(Address(address("203.0.113.81")))
    bed.bgp.changed()
    await until(lambda: bed.has("a") == {*VIP, "203.0.113.81/32"})
    bed.vips.clear()
    bed.bgp.changed()
    await until(lambda: bed.has("a") == set())
    assert bed.state("a") == "announcing"
    bed.vips.add(Address(address("203.0.113.80")))
    bed.bgp.changed()
    await until(lambda: bed.has("a") == VIP)


async def test_another_controllers_switch_is_let_alone(bed: Bed) -> None:
    bed.forwarding.add("a")
    await until(lambda: bed.has("a") == VIP)
    bed.forwarding.clear()
    bed.bgp.closed("a", taken=True)
    reached = bed.speaker("a").looks
    await until(lambda: bed.speaker("a").looks > reached + 1)
    assert (bed.state("a"), bed.has("a")) == ("unknown", VIP)


async def test_one_that_stands_by_withdraws_nothing(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the other controller leads; then the switches have their time to come."""
    bed.others = True
    await until(lambda: bed.speaker("a").looks > 0)
    monkeypatch.setattr(announcements, "GRACE", 0.2)
    bed.bgp._began -= 60.0
    reached = bed.speaker("a").looks
    await until(lambda: bed.speaker("a").looks > reached + 10)
    assert (bed.state("a"), bed.has("a")) == ("unknown", None)
    bed.others = False
    bed.forwarding.add("a")
    await until(lambda: bed.has("a") == VIP)
    await until(lambda: bed.has("b") == set())
    bed.forwarding.clear()
    bed.others = True
    bed.bgp._began -= 60.0
    bed.bgp.closed("a", taken=True)
    reached = bed.speaker("a").looks
    await until(lambda: bed.speaker("a").looks > reached + 10)
    assert (bed.state("a"), bed.has("a")) == ("unknown", VIP)


async def test_a_speaker_hears_what_is_absent(bed: Bed) -> None:
    bed.forwarding.add("a")
    await until(lambda: bed.has("a") == VIP)
    assert {str(each) for each in bed.speaker("a").plans[-1].absent} == {"203.0.113.89/32"}


async def test_speakers_that_take_long_to_end_do_so_together(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may take a second, and the next controller waits for all."""
    both = asyncio.Barrier(2)
    for name in ("a", "b"):
        monkeypatch.setattr(bed.speaker(name), "close", both.wait)
    await until(lambda: bed.speaker("a").looks > 0)
    bed.task.cancel()
    await asyncio.wait_for(asyncio.gather(bed.task, return_exceptions=True), 5)


async def test_what_is_configured_no_more_was_announced_by_the_controller_before(
    bed: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program cannot be asked what it has: it is told to withdraw that, and then nobody needs to know any more."""
    monkeypatch.setattr(announcements, "GRACE", 0.0)
    bed.forwarding |= {"a", "b"}
    await until(lambda: bed.has("b") == VIP)
    bed.task.cancel()
    await asyncio.gather(bed.task, return_exceptions=True)
    assert OnDisk(tmp_path).announced == {"203.0.113.80", "203.0.113.89"}
    after = Bed(tmp_path)
    after.vips = {address("203.0.113.81")}
    await until(lambda: after.speaker("b").plans)
    absent = {str(each) for each in after.speaker("b").plans[-1].absent}
    assert absent == {*VIP, "203.0.113.81/32", "203.0.113.89/32"}
    await until(lambda: OnDisk(tmp_path).announced == {"203.0.113.81", "203.0.113.89"})
    after.task.cancel()
    await asyncio.gather(after.task, return_exceptions=True)


async def test_nothing_is_withdrawn_when_the_controller_stops(bed: Bed) -> None:
    bed.forwarding.add("a")
    await until(lambda: bed.has("a") == VIP)
    bed.task.cancel()
    await asyncio.gather(bed.task, return_exceptions=True)
    assert bed.has("a") == VIP
    assert bed.speaker("a").closed


async def test_it_ends_even_when_there_is_news_at_that_very_moment(bed: Bed) -> None:
    """asyncio.wait_for of Python 3.11 forgets that it is cancelled if what it waits for is there."""
    bed.forwarding.add("a")
    await until(lambda: bed.has("a") == VIP)
    reached = bed.speaker("a").looks
    await until(lambda: bed.speaker("a").looks > reached)
    bed.bgp._of["a"].wake.set()
    bed.task.cancel()
    _done, waiting = await asyncio.wait([bed.task], timeout=5)
    assert not waiting
    assert bed.speaker("a").closed

"""Policies of services that are in use, and those that the switch refuses: nobody is let in or shut out by half."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fullnat.config.model import Access, ServiceSettings
from fullnat.core.access import policies, prefix_lists
from fullnat.core.access.policies import CHUNK, IN_PLACE
from fullnat.core.declared.commands import Command, EditAccess, EditService, ServiceKey
from fullnat.core.interface import Failure, Op, Outcome, Write, Written
from fullnat.net.flow import Address, address
from fullnat.net.prefixes import LongestPrefix, Prefix
from fullnat.p4constants import PolicyFlag
from fullnat.tables.listed import Listed, ListedOfAll
from fullnat.tables.policy import Policy, PolicyOfAll
from fullnat.tables.virtual_service import VirtualService

from .builders import VPORT, config, virtual
from .commandkit import KEY, OTHER, two, updates
from .switch import Rig
from .test_policies import denying, many, prefixes

INSIDE, OUTSIDE = address("192.0.2.7"), address("203.0.113.7")
ALLOWED = Access(allow=prefixes("192.0.2.0/24"))


def lets_in(rig: Rig, source: Address, vport: int = VPORT) -> bool:
    """Whether the switch lets ``source`` begin something with a service now (p4src/core/policies)."""
    (service,) = (each for each in rig.switch.of(VirtualService) if each.vport == vport)
    for found in rig.switch.of(Policy) | rig.switch.of(PolicyOfAll):
        if isinstance(found, Policy) and found.policy != service.policy:
            continue
        entries = [*rig.switch.of(Listed)] if isinstance(found, Policy) else [*rig.switch.of(ListedOfAll)]
        named = [each for each in entries if each[0] == found.list_id]
        said = LongestPrefix({Prefix(*each[1:3]): each[3] for each in named}).find(source)
        if bool(found.flags & PolicyFlag.CLOSED) if said is None else said:
            return False
    return True


def each_write(rig: Rig, *commands: Command) -> Iterator[None]:
    """Between the updates that come of ``commands``."""
    rig.apply(*commands)
    while rig.switch.writes:
        write = rig.switch.writes.popleft()
        failed: dict[int, Failure] = {}
        for position, update in enumerate(write.updates):
            found = rig.switch.carry_out(Write((update,), 1), rig.now)
            assert found is not None
            if found.failed:
                failed[position] = found.failed[0]
            yield
        rig.send(Written(write.token, failed))


@pytest.mark.parametrize("access", [denying("203.0.113.0/24"), ALLOWED, Access(deny=many(CHUNK + 1))])
@pytest.mark.parametrize("key", [KEY, None])
def test_a_service_in_use_stays_while_its_first_list_is_on_its_way(access: Access, key: ServiceKey | None) -> None:
    """And nobody is shut out by a list that is not there yet."""
    rig = two()
    is_service_there = set()
    for _ in each_write(rig, EditAccess(key, access)):
        is_service_there.add({each.vport for each in rig.switch.of(VirtualService)} == {80, 81})
        assert lets_in(rig, INSIDE)
    assert is_service_there == {True}
    permits = OUTSIDE if access.allow or len(access.deny) == 1 else address("10.0.0.1")
    assert not lets_in(rig, permits)
    assert lets_in(rig, permits, 81) is (key is not None)


def test_a_list_that_is_refused_leaves_who_was_let_in() -> None:
    """The flags as well: those of the new list would shut out whom the old one does not have."""
    rig = two()
    updates(rig, EditAccess(KEY, denying("10.0.0.0/8")))
    rig.switch.fail_listed.append(Outcome.FULL)
    updates(rig, EditAccess(KEY, ALLOWED))
    assert lets_in(rig, INSIDE)
    assert lets_in(rig, OUTSIDE)
    assert not lets_in(rig, address("10.1.2.3"))


def test_an_exchange_that_is_refused_leaves_the_old_list_whole() -> None:
    """Until it is tried again, with the next command."""
    rig = two()
    old, new = denying("203.0.113.0/24"), Access(deny=many(IN_PLACE + 1))
    updates(rig, EditAccess(KEY, old))
    rig.switch.fail_policies.append(Outcome.REFUSED)
    updates(rig, EditAccess(KEY, new))
    assert [log.message for log in rig.switch.logs if log.level == "ERROR"] == ["modify of policy 1 failed: REFUSED"]
    assert not lets_in(rig, OUTSIDE)
    updates(rig)
    assert lets_in(rig, OUTSIDE)
    assert not lets_in(rig, address("10.0.0.1"))
    assert {each.list_id for each in rig.switch.of(Listed)} == {policy.list_id for policy in rig.switch.of(Policy)}


def test_a_list_stays_whole_until_the_last_of_two_exchanges_is_answered() -> None:
    """The second one is refused."""
    rig = two()
    switch = rig.switch
    second, third = Access(deny=many(IN_PLACE + 1)), Access(allow=many(IN_PLACE + 1, "172.16.0.0"))
    updates(rig, EditAccess(KEY, denying("203.0.113.0/24")))
    rig.apply(EditAccess(KEY, second))
    answer(rig)
    first_exchange = switch.writes.popleft()
    assert [type(found) for _, found in first_exchange.updates] == [Policy]
    rig.apply(EditAccess(KEY, third))
    while not any(isinstance(found, Policy) for _, found in switch.writes[0].updates):
        answer(rig)
    answered = switch.carry_out(first_exchange, rig.now)
    assert answered is not None
    rig.send(answered)
    switch.fail_policies.append(Outcome.REFUSED)
    rig.settle()
    (policy,) = switch.of(Policy)
    there = {Prefix(each.source, each.source_len) for each in switch.of(Listed) if each.list_id == policy.list_id}
    assert there == second.deny
    assert not lets_in(rig, address("10.0.4.0"))


def answer(rig: Rig) -> None:
    found = rig.switch.apply(rig.now)
    assert found is not None
    rig.send(found)


def test_a_policy_that_was_refused_holds_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "POLICIES", 3)
    rig = two()
    for _ in range(5):
        rig.switch.fail_policies.append(Outcome.FULL)
        updates(rig, EditService(KEY, ServiceSettings(scheduler="rr", new_rate=100)))
        updates(rig, EditService(KEY, ServiceSettings(scheduler="rr")))
        assert not rig.switch.of(Policy)
    updates(rig, *(EditAccess(key, denying("10.0.0.0/8")) for key in (KEY, OTHER)))
    assert {policy.policy for policy in rig.switch.of(Policy)} == {1, 2}


def test_a_policy_that_the_switch_does_not_give_up_keeps_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is to go once more with the next command."""
    monkeypatch.setattr(policies, "POLICIES", 3)
    rig = two()
    updates(rig, EditAccess(KEY, denying("10.0.0.0/8")))
    rig.switch.fail_policies.append(Outcome.REFUSED)
    updates(rig, EditAccess(KEY, Access()))
    assert {policy.policy for policy in rig.switch.of(Policy)} == {1}
    updates(rig, EditAccess(OTHER, denying("10.0.0.0/8")))
    assert {policy.policy for policy in rig.switch.of(Policy)} == {2}


def test_a_list_that_was_refused_holds_no_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefix_lists, "LISTS", 3)
    rig = two()
    for _ in range(5):
        rig.switch.fail_listed.append(Outcome.FULL)
        updates(rig, EditAccess(KEY, denying("10.0.0.0/8")))
        updates(rig, EditAccess(KEY, Access()))
        assert not rig.switch.of(Listed)
    updates(rig, *(EditAccess(key, denying("10.0.0.0/8")) for key in (KEY, OTHER)))
    assert {policy.list_id for policy in rig.switch.of(Policy)} == {1, 2}


def test_a_list_that_a_restarted_controller_does_not_know_goes_behind_its_policy() -> None:
    """An allowance without its list lets nobody in."""
    rig = Rig(config(virtual(access=ALLOWED)))
    rig.config = config(virtual())
    rig.switch.log_of_updates.clear()
    rig.restart()
    kinds = [type(found) for _, found in rig.switch.log_of_updates]
    assert kinds == [VirtualService, Policy, Listed]
    assert [operation for operation, _ in rig.switch.log_of_updates] == [Op.MODIFY, Op.DELETE, Op.DELETE]
    assert lets_in(rig, OUTSIDE)


def test_a_number_is_not_given_again_before_its_policy_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its entry was asked for and taken back before any answer."""
    monkeypatch.setattr(policies, "POLICIES", 3)
    rig = two()
    rig.apply(EditAccess(KEY, denying("10.0.0.0/8")))
    rig.apply(EditAccess(KEY, Access()))
    answer(rig)
    rig.apply(EditAccess(OTHER, denying("10.0.0.0/8")))
    rig.settle()
    (policy,) = rig.switch.of(Policy)
    assert policy.policy == 2
    assert not lets_in(rig, address("10.0.0.1"), 81)
    assert [log for log in rig.switch.logs if log.level == "ERROR"] == []

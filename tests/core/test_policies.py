"""Who may use a service: policies and their lists in the switch."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from fullnat.config.model import Access, ServiceSettings
from fullnat.core.access.policies import CHUNK, IN_PLACE
from fullnat.core.access.prefix_lists import PrefixList
from fullnat.core.declared.commands import (
    AddPrefixes,
    CommandError,
    EditAccess,
    EditService,
    EndRefused,
    RemovePrefixes,
    RemoveService,
)
from fullnat.core.interface import Op, Outcome, SwitchUp
from fullnat.net.flow import Address, address
from fullnat.net.prefixes import LongestPrefix, Prefix, parse
from fullnat.p4constants import PolicyFlag
from fullnat.tables.listed import Listed, ListedOfAll
from fullnat.tables.policy import UNIT, Policy, PolicyOfAll
from fullnat.tables.virtual_service import VirtualService
from hypothesis import given, settings
from hypothesis import strategies as st

from .builders import CLIENT, VIP, config, syn, virtual
from .commandkit import KEY, OTHER, two, updates
from .switch import Rig

ONES, ONES6 = Address(b"\xff" * 4), Address(b"\xff" * 8 + b"\0" * 8)
RATES = 0, 0, 0, 0, ONES, ONES6


def prefixes(*texts: str) -> frozenset[Prefix]:
    return frozenset(map(parse, texts))


def many(count: int, first: str = "10.0.0.0") -> frozenset[Prefix]:
    base = IPv4Address(first)
    return frozenset(Prefix(address(base + number), 32) for number in range(count))


def denying(*texts: str, **changes: object) -> Access:
    return Access(deny=prefixes(*texts), **changes)  # type: ignore[arg-type]


def entry(list_id: int, text: str, refused: bool) -> Listed:
    prefix = parse(text)
    return Listed(list_id, prefix.address, prefix.length, refused)


def test_a_service_has_a_policy_and_that_has_a_list() -> None:
    """Prefixes first, the policy that names them next, and then the service; so it is never open without its list."""
    rig = Rig(config(virtual(access=denying("192.0.2.0/24", "10.0.0.0/8", refused="rst"))))
    order = [found for _, found in rig.switch.log_of_updates if isinstance(found, (Listed, Policy, VirtualService))]
    (policy,) = rig.switch.of(Policy)
    listed = [entry(1, "192.0.2.0/24", True), entry(1, "10.0.0.0/8", True)]
    assert policy == Policy(1, 1, PolicyFlag.RESET, *RATES)
    assert order[-1] == VirtualService(6, VIP, 80, 0, None, 0, policy=1)
    assert [found for found in order if isinstance(found, Listed)] == listed
    assert order.index(policy) < len(order) - 1


def test_what_is_allowed_closes_the_service_to_others() -> None:
    """A denial of the same prefix counts; longer ones count before shorter ones, in the switch."""
    access = Access(allow=prefixes("192.0.2.0/24", "10.0.0.0/8"), deny=prefixes("10.0.0.0/8"))
    rig = Rig(config(virtual(access=access)))
    assert rig.switch.of(Policy) == {Policy(1, 1, PolicyFlag.CLOSED, *RATES)}
    assert rig.switch.of(Listed) == {entry(1, "192.0.2.0/24", False), entry(1, "10.0.0.0/8", True)}


def test_a_list_of_all_services_is_another_one() -> None:
    rig = two()
    asked = updates(rig, EditAccess(None, denying("192.0.2.0/24", refused="icmp")))
    assert rig.switch.of(PolicyOfAll) == {PolicyOfAll(1, 1, PolicyFlag.PROHIBIT, 0, 0, ONES, ONES6)}
    assert rig.switch.of(ListedOfAll) == {ListedOfAll(1, *parse("192.0.2.0/24"), True)}
    assert not [found for _, found in asked if isinstance(found, VirtualService)]
    updates(rig, EditAccess(None, Access()))
    assert not rig.switch.of(PolicyOfAll) | rig.switch.of(ListedOfAll)


def test_a_small_change_is_made_in_place() -> None:
    """By its difference: nothing else is written."""
    rig = two()
    updates(rig, EditAccess(KEY, denying("192.0.2.0/24", "10.0.0.0/8")))
    assert updates(rig, AddPrefixes(KEY, deny=prefixes("10.1.0.0/16", "10.0.0.0/9"))) == [
        (Op.INSERT, entry(1, "10.1.0.0/16", True)),
        (Op.INSERT, entry(1, "10.0.0.0/9", True)),
    ]
    assert updates(rig, RemovePrefixes(KEY, deny=prefixes("10.1.0.0/16", "10.0.0.0/8"))) == [
        (Op.DELETE, entry(1, "10.0.0.0/8", True)),
        (Op.DELETE, entry(1, "10.1.0.0/16", True)),
    ]


def test_a_large_change_is_exchanged_by_one_write() -> None:
    """The new list is all there before the policy names it; the old one goes behind that."""
    rig = two()
    old, new = many(IN_PLACE), many(IN_PLACE, "172.16.0.0")
    updates(rig, EditAccess(KEY, Access(deny=old)))
    (before,) = rig.switch.of(Policy)
    asked = updates(rig, EditAccess(KEY, Access(deny=new)))
    (at,) = [number for number, (_, found) in enumerate(asked) if isinstance(found, Policy)]
    assert asked[at] == (Op.MODIFY, before._replace(list_id=2))
    assert {operation for operation, _ in asked[:at]} == {Op.INSERT}
    assert {operation for operation, _ in asked[at + 1 :]} == {Op.DELETE}
    assert {(found.list_id, Prefix(*found[1:3])) for found in rig.switch.of(Listed)} == {(2, each) for each in new}


def test_what_the_refused_get_changes_with_the_list() -> None:
    """A list that is closed is another one: no moment treats by the flags of the one and the prefixes of the other."""
    rig = two()
    updates(rig, EditAccess(KEY, denying("10.0.0.0/8")))
    asked = updates(rig, EditAccess(KEY, Access(allow=prefixes("10.0.0.0/8"))))
    assert [found for _, found in asked if isinstance(found, (Policy, Listed))] == [
        entry(2, "10.0.0.0/8", False),
        Policy(1, 2, PolicyFlag.CLOSED, *RATES),
        entry(1, "10.0.0.0/8", True),
    ]


def test_a_new_service_waits_for_its_list() -> None:
    """Of more prefixes than are written at once; others do not wait."""
    rig = Rig(config(virtual(access=Access(deny=many(CHUNK + 1))), virtual(port=81)), up=False)
    rig.send(SwitchUp(()))
    answer = rig.switch.apply(rig.now)
    assert answer is not None
    rig.send(answer)
    assert {found.vport for found in rig.switch.of(VirtualService)} == {81}
    rig.settle()
    assert {found.vport for found in rig.switch.of(VirtualService)} == {80, 81}
    assert len(rig.switch.of(Listed)) == CHUNK + 1


def test_a_list_that_the_switch_refuses_is_not_taken() -> None:
    """The old one stays, and it is told; what has come of the new one goes."""
    rig = two()
    updates(rig, EditAccess(KEY, Access(deny=many(IN_PLACE))))
    rig.apply(EditAccess(KEY, Access(deny=many(IN_PLACE, "172.16.0.0"))))
    rig.switch.fail_listed.extend([Outcome.FULL])
    rig.settle()
    (policy,) = rig.switch.of(Policy)
    assert policy.list_id == 1
    assert len(rig.switch.of(Listed)) == IN_PLACE
    assert [log.message for log in rig.switch.logs if log.level == "ERROR"] == [
        "prefixes of a list are not as they should be in the switch: 1 FULL"
    ]


def test_what_the_switch_refuses_of_a_list_may_be_removed() -> None:
    """The wish has changed while it was under way, and its removal waits behind those of many others."""
    rig = two()
    rig.switch.strict = False
    rig.apply(EditAccess(KEY, Access(deny=many(CHUNK + 2))))
    answer = rig.switch.apply(rig.now)
    assert answer is not None
    rig.send(answer)
    rig.apply(EditAccess(KEY, denying("192.0.2.0/24")))
    rig.switch.fail_listed.extend([Outcome.FULL, Outcome.FULL])
    rig.settle()
    assert not rig.switch.of(Listed)
    assert [log.message for log in rig.switch.logs if log.level == "ERROR"] == [
        "prefixes of a list are not as they should be in the switch: 2 FULL"
    ]


def test_a_service_that_goes_takes_its_policy_along() -> None:
    rig = two()
    updates(rig, EditAccess(KEY, denying("10.0.0.0/8")))
    asked = updates(rig, RemoveService(KEY))
    of = [type(found) for _, found in asked if isinstance(found, (VirtualService, Policy, Listed))]
    assert of == [VirtualService, Policy, Listed]
    assert not rig.switch.of(Policy) | rig.switch.of(Listed)


def test_rates_are_in_the_policy() -> None:
    """A quarter more than the service may begin, among which the controller decides; of a source exactly as many."""
    rig = two()
    updates(rig, EditService(KEY, ServiceSettings(scheduler="rr", new_rate=100, source_rate=10, source_prefix=24)))
    mask = Address(b"\xff\xff\xff\0")
    assert rig.switch.of(Policy) == {Policy(1, 0, 0, UNIT // 125, UNIT, UNIT // 10, UNIT, mask, ONES6)}


def test_a_restarted_controller_finds_all_of_it() -> None:
    """And writes nothing; what is nobody's goes."""
    access = denying("192.0.2.0/24", "2001:db8::/32")
    rig = Rig(config(virtual(access=access), virtual(port=81, access=access), access=access))
    rig.switch.log_of_updates.clear()
    rig.restart()
    assert not rig.switch.log_of_updates
    stray = entry(77, "10.0.0.0/8", True)
    rig.switch.tables["list", *stray[:3]] = stray
    rig.restart()
    assert rig.switch.log_of_updates == [(Op.DELETE, stray)]


def test_sessions_go_on_unless_they_are_ended() -> None:
    """Of those refused, by the service's list or by that of all."""
    rig = two()
    for client, vport in ((CLIENT, 80), (address("203.0.113.8"), 80), (CLIENT, 81)):
        rig.send(syn(client=client, vport=vport))
    rig.settle()
    updates(rig, EditAccess(KEY, denying("203.0.113.9/32")))
    assert len(rig.switch.sessions()) == 3
    rig.apply(EndRefused(KEY))
    rig.advance(60)
    left = {(found.client, found.vport) for found in rig.switch.sessions().values()}
    assert (CLIENT, 80) not in left
    assert rig.controller.stats()["sessions_refused"] == 1
    assert rig.controller.model.services[OTHER].access == Access()


@pytest.mark.parametrize("prefix", ["10.0.0.0/9", "2001:db8::/32"])
def test_what_is_not_listed_cannot_be_removed(prefix: str) -> None:
    rig = two()
    updates(rig, EditAccess(KEY, denying("10.0.0.0/8")))
    with pytest.raises(CommandError, match=f"virtual server tcp .*: {prefix} is not in deny"):
        rig.apply(RemovePrefixes(KEY, deny=prefixes(prefix)))


def test_more_prefixes_than_the_switch_has_room_for_are_refused() -> None:
    """Half of its room is for what replaces them."""
    rig = Rig(config(), list_size=8)
    with pytest.raises(CommandError, match="the lists of services have 5 prefixes of IPv4: the switch has room for 4"):
        rig.apply(EditAccess(KEY, Access(deny=many(5))))
    rig.apply(EditAccess(KEY, Access(deny=many(4))), EditAccess(None, Access(deny=many(4))))


BITS = 4
SOURCES = [Address(bytes((number << 4, 0, 0, 0))) for number in range(1 << BITS)]
LISTS = st.dictionaries(
    st.integers(0, BITS).flatmap(
        lambda length: st.integers(0, (1 << length) - 1).map(
            lambda value: Prefix(Address(bytes((value << 8 - length, 0, 0, 0))), length)
        )
    ),
    st.booleans(),
)


@settings(max_examples=300, deadline=None)
@given(old=LISTS, new=LISTS)
def test_in_place_every_source_is_treated_by_one_of_both_lists(
    old: dict[Prefix, bool], new: dict[Prefix, bool]
) -> None:
    """After each single update; and once by the new one, always by it."""
    changing = PrefixList(Listed, 1)
    changing.there = old.copy()
    changing.change_to(new)
    before, after = LongestPrefix(old), LongestPrefix(new)
    table = old.copy()
    for operation, found in changing.updates(1000):
        assert isinstance(found, Listed)
        prefix = Prefix(found.source, found.source_len)
        if operation is Op.DELETE:
            del table[prefix]
        else:
            table[prefix] = found.refused
        now = LongestPrefix(table)
        for source in SOURCES:
            assert now.find(source) in (before.find(source), after.find(source))
    assert table == new

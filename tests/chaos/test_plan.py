"""What is to go wrong in a round."""

from __future__ import annotations

from chaos.faults import ACTIONS
from chaos.plan import CALM, FAULTS, KINDS, SPREAD, Of, planned

SOME = range(1, 200)


def test_the_same_seed_plans_the_same() -> None:
    assert [planned(7, number) for number in SOME] == [planned(7, number) for number in SOME]
    assert [planned(7, number) for number in SOME] != [planned(8, number) for number in SOME]


def test_a_round_never_has_switch_controller_and_etcd_fail_at_once() -> None:
    """Of three that fail at once sessions may be lost, which is no fault."""
    for number in SOME:
        of = [KINDS[fault.kind].of for fault in planned(7, number)]
        assert 1 <= len(of) <= FAULTS
        assert not {Of.SWITCH, Of.CONTROLLER, Of.ETCD} <= set(of)
        assert len(set(of)) == len(of)


def test_faults_are_in_order_and_end() -> None:
    for number in SOME:
        faults = planned(7, number, longest=2.0)
        assert faults == sorted(faults, key=lambda fault: fault.at)
        for fault in faults:
            assert CALM <= fault.at <= CALM + SPREAD
            assert 0 <= fault.lasts <= 2.0


def test_everything_happens_sooner_or_later_and_can() -> None:
    assert {fault.kind for number in SOME for fault in planned(7, number)} == set(KINDS)
    assert set(ACTIONS) == set(KINDS)

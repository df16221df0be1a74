"""The timer wheel fires everything once, never early, at most a tick late."""

from __future__ import annotations

from fullnat.core.timers import TimerWheel
from hypothesis import given
from hypothesis import strategies as st

TICK = 0.25
TIMES = st.floats(0, 1000, allow_nan=False)
STEPS = st.lists(st.tuples(st.sampled_from(["arm", "cancel", "due"]), st.integers(0, 5), TIMES), max_size=60)


@given(STEPS)
def test_against_a_plain_model(steps: list[tuple[str, int, float]]) -> None:
    wheel: TimerWheel[int] = TimerWheel(TICK)
    model: dict[int, float] = {}
    now = 0.0
    for action, item, value in steps:
        if action == "arm":
            wheel.arm(item, now + value)
            model[item] = now + value
        elif action == "cancel":
            wheel.cancel(item)
            model.pop(item, None)
        else:
            now += value
            fired = wheel.due(now)
            assert len(fired) == len(set(fired))
            for item in fired:
                assert model.pop(item) <= now
            assert all(deadline > now - TICK for deadline in model.values())
        assert len(wheel) == len(model)
        assert (wheel.deadline() is None) == (not model)
        deadline = wheel.deadline()
        if deadline is not None:
            assert min(model.values()) < deadline <= min(model.values()) + TICK
        for item in model:
            assert wheel.when(item) is not None


def test_rearming_leaves_nothing_behind() -> None:
    wheel: TimerWheel[str] = TimerWheel(TICK)
    for step in range(1000):
        wheel.arm("session", float(step))
        assert wheel.deadline() == step + TICK
    assert wheel.due(2000.0) == ["session"]
    assert wheel.deadline() is None
    assert wheel.due(3000.0) == []


@given(st.lists(st.floats(0, 10), max_size=40), st.integers(1, 7))
def test_a_limit_leaves_the_rest_due(times: list[float], limit: int) -> None:
    wheel: TimerWheel[int] = TimerWheel(TICK)
    for item, time in enumerate(times):
        wheel.arm(item, time)
    fired: list[int] = []
    while len(wheel):
        deadline = wheel.deadline()
        assert deadline is not None
        assert deadline <= 11
        batch = wheel.due(11, limit)
        assert 0 < len(batch) <= limit
        fired += batch
    assert sorted(fired) == list(range(len(times)))
    assert wheel.deadline() is None

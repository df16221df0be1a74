"""Controllers of several groups in one etcd: each group elects its own, and reads and writes what is its."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

import pytest
from fullnat.app.shared.keys import Keys
from fullnat.etcd.settings import of_group

from etcd.controllers import PREFIX, Controller, memo, template
from etcd.machines import Accepted, Switch
from etcd.store import Store
from etcd.virtual import now, run

T = TypeVar("T")
GROUPS = ("east", "eastern", "leader")
"""One begins as another, and one is called as a key is."""


@pytest.fixture(autouse=True)
def _no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time would pass while one works."""

    async def now(call: Callable[..., T], *arguments: Any) -> T:
        return call(*arguments)

    monkeypatch.setattr(asyncio, "to_thread", now)


def test_groups_in_one_etcd_never_mix() -> None:
    """Nor with a controller that has no groups, under the same prefix; and one that dies is replaced in its group."""

    async def work() -> None:
        log: list[Accepted] = []
        store, random = Store(now), Random(1)
        prefixes = [PREFIX, *(of_group(PREFIX, name) for name in GROUPS)]
        groups: list[list[Controller]] = []
        for number, prefix in enumerate(prefixes):
            switches = [Switch(f"s{number}", log)]
            groups.append([Controller(f"{name}{number}", store, switches, random, prefix) for name in "ab"])
        everybody = [each for group in groups for each in group]
        for controller in everybody:
            controller.start()
        await asyncio.sleep(2)
        leaders = [[each for each in group if each.role.election.term] for group in groups]
        assert [len(each) for each in leaders] == [1] * len(groups)
        for number, (leader,) in enumerate(leaders):
            leader.core.memory.put(template(number + 1), memo(number + 1))
        await asyncio.sleep(2)
        assert len({secret for each in everybody for secret in each.secrets}) == len(groups)
        kept = [store.below(Keys(prefix.encode()).memo) for prefix in prefixes]
        assert [len(each) for each in kept] == [1] * len(groups)
        ((dead,), *others) = leaders[1], *leaders[:1], *leaders[2:]
        terms = [each.role.election.elections for (each,) in others]
        await dead.kill([])
        await asyncio.sleep(5)
        (heir,) = set(groups[1]) - {dead}
        assert heir.role.election.term
        assert set(heir.role.store.found) == {template(2)}
        assert [each.role.election.elections for (each,) in others] == terms
        assert all(each.failure is None for each in everybody)
        for controller in everybody:
            await controller.stop()

    run(work())

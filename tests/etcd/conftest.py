from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from fullnat.etcd.channel import Members
from fullnat.etcd.client import Etcd
from fullnat.etcd.settings import Settings, endpoints

from etcd.fake import FakeEtcd
from etcd.real import Member, cluster

Connect = Callable[..., Etcd]
SECONDS = 20.0
"""What a call may take: tests run beside others."""


@pytest.fixture
async def fake() -> AsyncIterator[FakeEtcd]:
    made = FakeEtcd()
    yield made
    made.answers.set()
    await made.stop()


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes clients of these URLs."""
    made: list[Members] = []

    def client(*urls: str, **settings: Any) -> Etcd:
        members = Members(Settings(endpoints=endpoints(",".join(urls))[0], **settings), SECONDS)
        made.append(members)
        return Etcd(members)

    yield client
    for members in made:
        await members.close()


@pytest.fixture(scope="session")
def member(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    """etcd itself."""
    (made,) = cluster(tmp_path_factory.mktemp("etcd"))
    yield made
    made.stop()

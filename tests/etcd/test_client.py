"""The client: what it asks of etcd itself and of the fake one that other tests use, and what it says of troubles."""

from __future__ import annotations

import asyncio
import logging
import uuid
from pathlib import Path
from time import monotonic

import grpc
import pytest
from fullnat.etcd.client import PAGE, Change, Etcd, News
from fullnat.etcd.errors import Compacted, Denied, EtcdError, Full, Unreachable
from fullnat.etcd.mirror import Mirror
from p4rt.certificates import Authority
from p4rt.waiting import until

from etcd.conftest import Connect
from etcd.fake import FakeEtcd
from etcd.real import Member


@pytest.fixture(params=["fake", "real"])
async def etcd(request: pytest.FixtureRequest, connect: Connect, fake: FakeEtcd) -> Etcd:
    if request.param == "fake":
        return connect(await fake.start())
    member: Member = request.getfixturevalue("member")
    found = connect(member.url)
    while True:
        try:
            await found.get(b"/")
        except Unreachable:
            await asyncio.sleep(0.05)
        else:
            return found


@pytest.fixture
def prefix() -> bytes:
    return f"/{uuid.uuid4()}/".encode()


async def test_keys_are_made_once_and_changed_on_condition(etcd: Etcd, prefix: bytes) -> None:
    key, one, two = (prefix + name for name in (b"key", b"one", b"two"))
    assert await etcd.get(key) is None
    created = await etcd.create(key, b"first")
    assert created is not None
    assert await etcd.create(key, b"second") is None
    held = await etcd.get(key)
    assert held is not None
    assert held == (key, b"first", created, 0)
    assert await etcd.write((key, created), [Change(one, b"1"), Change(two, b"2")])
    assert not await etcd.write((key, created + 1), [Change(one, b"never")])
    assert await etcd.write((key, created), [Change(two, None), Change(key, b"third")])
    found, revision = await etcd.everything(prefix)
    assert [(each.key, each.value) for each in found] == [(key, b"third"), (one, b"1")]
    assert revision >= created + 2
    assert await etcd.write((key, created), [Change(key, None)])
    again = await etcd.create(key, b"anew")
    assert again is not None
    assert again > created


async def test_a_lease_takes_its_key_with_it(etcd: Etcd, prefix: bytes) -> None:
    lease = await etcd.grant(1)
    assert lease.seconds == 2
    await etcd.create(prefix, b"", lease.id)
    assert await etcd.keep_alive(lease.id)
    assert await etcd.time_to_live(lease.id) == (1, 2)
    held = await etcd.get(prefix)
    assert held is not None
    assert held.lease == lease.id
    await etcd.revoke(lease.id)
    assert await etcd.get(prefix) is None
    assert not await etcd.keep_alive(lease.id)
    assert (await etcd.time_to_live(lease.id)).seconds == -1


async def test_many_keys_come_in_pages(etcd: Etcd, prefix: bytes) -> None:
    lock = await etcd.create(prefix, b"")
    assert lock is not None
    keys = [prefix + b"%05d" % number for number in range(PAGE + 150)]
    for start in range(0, len(keys), 100):
        assert await etcd.write((prefix, lock), [Change(key, b"x") for key in keys[start : start + 100]])
    found, _ = await etcd.everything(prefix)
    assert [each.key for each in found] == [prefix, *keys]


async def test_a_watch_tells_what_has_happened_and_what_happens(etcd: Etcd, prefix: bytes) -> None:
    first = await etcd.create(prefix + b"a", b"1")
    assert first is not None
    news: list[News] = []
    heard = news.append

    async def watch() -> None:
        async for each in etcd.watch(prefix, first):
            heard(each)

    task = asyncio.create_task(watch())
    await until(lambda: any(each.changes for each in news))
    await etcd.write((prefix + b"a", first), [Change(prefix + b"b", b"2"), Change(prefix + b"a", None)])
    await until(lambda: sum(len(each.changes) for each in news) == 3)
    task.cancel()
    changes = [change for each in news for change in each.changes]
    assert changes[0] == (prefix + b"a", b"1")
    assert set(changes[1:]) == {(prefix + b"b", b"2"), (prefix + b"a", None)}
    assert news[0].revision == 0
    assert max(each.revision for each in news) > first


async def test_what_a_mirror_has_missed_beyond_recall_is_read_anew(connect: Connect, fake: FakeEtcd) -> None:
    """A gap in the watch: etcd has been compacted while it could not be reached."""
    etcd = connect(await fake.start())
    heard: dict[bytes, bytes | None] = {}
    mirror = Mirror(etcd, b"/p/", heard.__setitem__)
    for name in (b"gone", b"changed", b"same"):
        fake.store.create(b"/p/" + name, b"before")
    await mirror.read()
    task = asyncio.create_task(mirror.follow())
    await until(lambda: "WatchRequest" in fake.requests)
    await fake.stop()
    fake.store.write((b"/q", 0), [Change(b"/p/gone", None), Change(b"/p/changed", b"after"), Change(b"/p/new", b"x")])
    fake.store.create(b"/other", b"")
    fake.store.compact()
    await fake.start()
    await until(lambda: b"/p/new" in heard)
    assert heard == {b"/p/gone": None, b"/p/changed": b"after", b"/p/same": b"before", b"/p/new": b"x"}
    fake.store.create(b"/p/later", b"y")
    await until(lambda: heard.get(b"/p/later") == b"y")
    assert mirror.revision == fake.store.revision
    task.cancel()


async def test_a_watch_from_what_is_forgotten_says_so(connect: Connect, fake: FakeEtcd) -> None:
    etcd = connect(await fake.start())
    fake.store.create(b"/a", b"")
    fake.store.compact()
    with pytest.raises(Compacted, match="has forgotten what changed before revision 2"):
        async for _ in etcd.watch(b"/", 1):
            pass


# ---- several members, none, and slow ones


async def test_a_member_that_is_gone_is_passed_over(connect: Connect, fake: FakeEtcd) -> None:
    etcd = connect("http://127.0.0.1:1", await fake.start())
    assert await etcd.get(b"/x") is None
    assert etcd.members.asked.port == fake.port
    assert etcd.members.up


async def test_the_log_tells_once_that_etcd_is_lost_and_found(
    connect: Connect, fake: FakeEtcd, caplog: pytest.LogCaptureFixture
) -> None:
    etcd = connect(await fake.start())
    await etcd.get(b"/x")
    await fake.stop()
    with caplog.at_level(logging.INFO, "fullnat.etcd.channel"):
        for _ in range(3):
            with pytest.raises(Unreachable):
                await etcd.get(b"/x")
        assert not etcd.members.up
        assert etcd.members.failures == 3
        await fake.start()
        with caplog.at_level(logging.INFO):
            await until_answered(etcd)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert said[0].startswith(f"etcd at 127.0.0.1:{fake.port}")
    assert said[0].endswith("see --etcd and `etcdctl endpoint health`; trying again")
    assert said[1] == f"etcd answers again (127.0.0.1:{fake.port})"


async def until_answered(etcd: Etcd) -> None:
    while True:
        try:
            await etcd.get(b"/x")
        except Unreachable:
            await asyncio.sleep(0.02)
        else:
            return


async def test_a_member_that_says_nothing_costs_no_more_than_its_time(connect: Connect, fake: FakeEtcd) -> None:
    etcd = connect(await fake.start())
    await etcd.get(b"/x")
    fake.answers.clear()
    began = monotonic()
    with pytest.raises(Unreachable, match="does not answer in time"):
        await etcd.keep_alive(1, 0.2)
    assert 0.1 < monotonic() - began < 10


@pytest.mark.parametrize(
    ("code", "said", "kind", "told"),
    [
        ("UNAVAILABLE", "etcdserver: no leader", Unreachable, "no leader; see --etcd"),
        ("RESOURCE_EXHAUSTED", "etcdserver: mvcc: database space exceeded", Full, "compact and defragment etcd"),
        ("INVALID_ARGUMENT", "etcdserver: request is too large", Full, "--max-request-bytes"),
        ("PERMISSION_DENIED", "etcdserver: permission denied", Denied, "etcdctl role grant-permission"),
        ("INVALID_ARGUMENT", "etcdserver: user name is empty", Denied, "--etcd-user"),
    ],
)
async def test_what_etcd_refuses_is_one_line_with_what_to_do(
    connect: Connect, fake: FakeEtcd, code: str, said: str, kind: type[EtcdError], told: str
) -> None:
    etcd = connect(await fake.start())
    fake.refusal = grpc.StatusCode[code], said
    with pytest.raises(kind) as caught:
        await etcd.get(b"/x")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"etcd at 127.0.0.1:{fake.port}: ")


# ---- users and TLS


async def test_a_user_gets_a_token_and_another_when_it_has_ended(connect: Connect) -> None:
    fake = FakeEtcd("secret")
    etcd = connect(await fake.start(), user="lb", password="secret")
    assert await etcd.get(b"/x") is None
    fake.tokens.clear()
    assert await etcd.get(b"/x") is None
    assert await etcd.grant(1)
    assert fake.requests.count("AuthenticateRequest") == 2
    await fake.stop()


async def test_a_wrong_password_is_told(connect: Connect) -> None:
    fake = FakeEtcd("secret")
    etcd = connect(await fake.start(), user="lb", password="guess")
    with pytest.raises(Denied, match=r"authentication failed.*see --etcd-user and --etcd-password-file"):
        await etcd.get(b"/x")
    await fake.stop()


async def test_users_where_there_are_none_are_warned_of(
    connect: Connect, fake: FakeEtcd, caplog: pytest.LogCaptureFixture
) -> None:
    etcd = connect(await fake.start(), user="lb", password="secret")
    assert await etcd.get(b"/x") is None
    assert await etcd.get(b"/x") is None
    assert [record.getMessage() for record in caplog.records] == [
        "etcd has no authentication enabled: whoever reaches it can change what is in it"
    ]


async def test_tls_both_ways(connect: Connect, fake: FakeEtcd, tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    server, ours = authority.issue("localhost"), authority.issue("controller")
    url = await fake.start((server, authority.pair.cert))
    good = connect(url, ca=authority.pair.cert, cert=ours.cert, key=ours.key)
    assert await good.get(b"/x") is None
    for wrong in (
        {"ca": other.pair.cert, "cert": ours.cert, "key": ours.key},
        {"ca": authority.pair.cert},
    ):
        with pytest.raises(Unreachable):
            await connect(url, **wrong).get(b"/x")
    plain = FakeEtcd("")
    address = (await plain.start()).replace("http:", "https:")
    with pytest.raises(Unreachable, match=r"does it speak TLS\? If not, it is http:// in --etcd"):
        await connect(address, ca=authority.pair.cert).get(b"/x")
    await plain.stop()
    with pytest.raises(Unreachable, match="its certificate is not signed by what --etcd-ca holds"):
        await connect(url, ca=other.pair.cert, cert=ours.cert, key=ours.key).get(b"/x")

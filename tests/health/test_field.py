"""What people report of health checks of other balancers, tried on ours."""

from __future__ import annotations

import asyncio
import time

import pytest
from fullnat.config.model import Check, ServerSettings, ServiceSettings
from fullnat.core.declared.model import Declared, Model
from fullnat.health import prober as probing
from fullnat.health.connect import Target
from fullnat.health.failed import Failed
from fullnat.net.flow import Endpoint, address

from .conftest import serving, until
from .test_kinds import _asked, http
from .test_watch import KEY, SERVER, Fake, model, tcp

OTHER = Endpoint(address("198.51.100.2"), 8080)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    return Fake(monkeypatch)


async def test_all_servers_that_begin_down_do_so_at_a_reload(fake: Fake) -> None:
    """haproxy/haproxy#3298: with init-state down, of several servers that do not answer all but the first one are up
    for half a second after a reload."""
    fake.error = Failed("no good")
    fake.watch.follow(model())
    down = ServerSettings(checks=(tcp(start_down=True),))
    servers = {Endpoint(address(f"198.51.100.{host}"), 8080): down for host in range(2, 9)}
    fake.verdicts.clear()
    fake.watch.follow(Model(services={KEY: Declared(ServiceSettings(), {SERVER: ServerSettings(), **servers})}))
    told = {verdict.server: verdict.healthy for verdict in fake.verdicts}
    assert {server: told[server] for server in servers} == dict.fromkeys(servers, False)
    await fake.next(3 * len(servers))
    assert not any(verdict.healthy for verdict in fake.verdicts if verdict.server in servers)
    await fake.watch.close()


async def test_a_reload_has_no_server_up_that_was_down(fake: Fake) -> None:
    """haproxy/haproxy#918, #2085: a reload begins with all servers up, and clients get to those that are down."""
    fake.error = Failed("no good")
    both = {SERVER: ServerSettings(checks=(tcp(),)), OTHER: ServerSettings(checks=(tcp(),))}
    fake.watch.follow(Model(services={KEY: Declared(ServiceSettings(), both)}))
    await until(lambda: {v.server for v in fake.verdicts if not v.healthy} == {*both}, "both are down")
    fake.verdicts.clear()
    turned = {OTHER: ServerSettings(weight=3, checks=(tcp(),)), SERVER: ServerSettings(checks=(tcp(),))}
    fake.watch.follow(Model(services={KEY: Declared(ServiceSettings(quorum=1, scheduler="wrr"), turned)}))
    assert {(verdict.server, verdict.healthy) for verdict in fake.verdicts} == {(SERVER, False), (OTHER, False)}
    await fake.watch.close()


async def test_a_timeout_longer_than_the_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """traefik/traefik#9812: it is refused, or checks pile up. One is made after the other, and slow ones are good."""
    now, most, made = 0, 0, 0

    async def check(_settings: Check, _target: Target) -> None:
        nonlocal now, most, made
        now, made = now + 1, made + 1
        most = max(most, now)
        await asyncio.sleep(0.25)
        now -= 1

    monkeypatch.setattr(probing, "KINDS", {"tcp": check})
    prober = probing.Prober(Check(type="tcp", interval=0.1, timeout=5.0), Target("192.0.2.1", 1, False), lambda: None)
    task = asyncio.create_task(prober.run())
    await until(lambda: made > 3, "checks are made")
    task.cancel()
    assert (most, prober.state.healthy, prober.state.failed) == (1, True, 0)


async def test_a_connection_that_is_reset_is_a_failure_at_once() -> None:
    """envoyproxy/envoy#8622: with a long timeout a host that drops connections stays healthy."""

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    server = await asyncio.start_server(reset, "127.0.0.1", 0)
    async with server:
        target = Target("127.0.0.1", server.sockets[0].getsockname()[1], False)
        began = time.monotonic()
        assert await _asked(http(timeout=1000.0), target) in ("no answer of HTTP", "connection reset by peer")
        assert time.monotonic() - began < 5


async def test_who_recovers_is_asked_again_soon(fake: Fake) -> None:
    """envoyproxy/envoy#4902: a failing host is asked at the long interval, whatever the short one says. Once it
    answers, it is asked at the short one until it counts as up."""
    fake.error = Failed("no good")
    fake.watch.follow(model(tcp(interval=1.0, retry_interval=0.1, rise=3)))
    await until(lambda: not fake.healthy, "it is down")
    fake.error = None
    began = time.monotonic()
    await until(lambda: fake.healthy, "it is up")
    assert time.monotonic() - began < 2.0, "one interval, and two short ones"
    await fake.watch.close()


async def test_a_weight_that_somebody_gives_meanwhile_is_not_fought_over(fake: Fake) -> None:
    """iqiyi/dpvs#920: an operator and the checker set the same weight, and the last one counts."""
    fake.error = Failed("no good")
    fake.watch.follow(model(tcp(), weight=5))
    await until(lambda: not fake.healthy, "it is down")
    fake.watch.follow(model(tcp(), weight=9))
    assert (fake.healthy, fake.verdicts[-1].weight) == (False, None)
    fake.error = None
    await until(lambda: fake.healthy, "it is up")
    assert fake.verdicts[-1].weight is None, "it is what is configured"
    await fake.watch.close()


async def test_an_answer_that_never_ends() -> None:
    """A page without end (traefik/traefik#6706 has those that do not begin): the timeout is one of the whole answer."""
    endless = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (17 << 20)
    async with serving(endless) as target:
        assert await _asked(http(digest="0" * 32), target) == f"a body of more than {16 << 20} bytes"

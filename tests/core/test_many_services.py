"""With very many services a change of one is that of one: no other is visited, and nothing of another is written."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from random import Random
from time import process_time

import pytest
from fullnat.config.diff import diff, model_of
from fullnat.config.model import ServerSettings, ServiceSettings
from fullnat.core.controller import Controller
from fullnat.core.declared.commands import (
    AddLocal,
    AddServer,
    AddService,
    Command,
    EditServer,
    EditService,
    RemoveServer,
    RemoveService,
    ServiceKey,
)
from fullnat.core.interface import THE_SWITCH, Envelope, Op, Sizes, SwitchUp, Write, Written
from fullnat.net.flow import Endpoint, v4
from fullnat.p4constants import SessionFlag
from fullnat.tables.server_in import ServerIn
from fullnat.tables.server_out import ServerOut

from .builders import LOCAL, LOCAL2, config
from .switch import SECRET

SERVICES, SERVERS = 10_000, 10
FEW = 10
EDIT_SECONDS = 0.010
"""Of CPU; 0.2 ms were measured."""
SETTINGS = ServerSettings()
VIPS, BACKENDS = 0xC6120000, 0x0A000300
"""198.18.0.0, and in a subnet that a default route leads to."""
KEY: ServiceKey = (6, Endpoint(v4(VIPS), 80))
NEW = Endpoint(v4(BACKENDS), 9999)


def commands(services: int) -> Iterator[Command]:
    for number in range(services):
        key = 6, Endpoint(v4(VIPS + number), 80)
        yield AddService(key, ServiceSettings())
        yield AddLocal(key, LOCAL)
        for server in range(SERVERS):
            yield AddServer(key, Endpoint(v4(BACKENDS + server), 1000 + number), SETTINGS)


def loaded(services: int, server_ids: int = 1 << 17) -> Controller:
    """A controller whose switch holds everything that it has ids for."""
    controller = Controller(Sizes(1 << 20, server_ids), SECRET, Random(1))
    base = model_of(config())
    base.services.clear()
    controller.apply([*diff(controller.model, base), *commands(services)], 1.0)
    answer(controller, controller.handle(SwitchUp(()), 1.0, THE_SWITCH))
    return controller


def answer(controller: Controller, envelopes: list[Envelope]) -> list[Write]:
    """The writes among the effects; they succeed."""
    writes = [effect for _, effects in envelopes for effect in effects if isinstance(effect, Write)]
    for write in writes:
        if write.token:
            controller.handle(Written(write.token, {}), 1.0, THE_SWITCH)
    return writes


def calls(work: Callable[[], object]) -> int:
    """Calls of functions, Python's and C's, that ``work`` makes: its size, whatever else the machine does."""
    count = 0

    def see(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(see)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.fixture(scope="module")
def many() -> Controller:
    return loaded(SERVICES)


def test_one_server_more_is_two_entries_and_the_work_of_one(many: Controller) -> None:
    few = loaded(FEW)
    assert len(many.services()) == SERVICES
    number = SERVICES * SERVERS
    writes = answer(many, many.apply([AddServer(KEY, NEW, SETTINGS)], 1.0))
    assert [write.updates for write in writes] == [
        (
            (Op.INSERT, ServerIn(number, SessionFlag.TOA, *NEW)),
            (Op.INSERT, ServerOut(number, SessionFlag.TOA, *KEY[1])),
        )
    ]
    answer(few, few.apply([AddServer(KEY, NEW, SETTINGS)], 1.0))
    for command in (
        AddServer(KEY, NEW._replace(port=7), SETTINGS),
        EditServer(KEY, NEW, ServerSettings(weight=3)),
        RemoveServer(KEY, NEW._replace(port=7)),
        EditService(KEY, ServiceSettings(toa=False, reset_on_miss=False, scheduler="rr")),
        AddLocal(KEY, LOCAL2),
        AddService((6, Endpoint(v4(VIPS), 81)), ServiceSettings()),
        RemoveService((6, Endpoint(v4(VIPS), 81))),
    ):
        effort = [calls(lambda: answer(each, each.apply([command], 1.0))) for each in (few, many)]  # noqa: B023
        assert effort[0] == effort[1], command


def test_servers_that_have_no_id_are_not_visited_again_as_long_as_none_is_free() -> None:
    few, many = loaded(FEW, server_ids=SERVERS), loaded(40 * FEW, server_ids=SERVERS)
    for command in (AddServer(KEY, NEW, SETTINGS), EditService(KEY, ServiceSettings(toa=False))):
        effort = [calls(lambda: answer(each, each.apply([command], 1.0))) for each in (few, many)]  # noqa: B023
        assert effort[0] == effort[1], command
    answer(many, many.apply([RemoveServer(KEY, Endpoint(v4(BACKENDS), 1000))], 1.0))
    _, second = many.services()[:2]
    assert [server.server_id for server in second.servers] == [0] + [-1] * (SERVERS - 1)


def test_one_edit_takes_the_controller_less_than_10_ms(many: Controller) -> None:
    spent = []
    for weight in range(2, 7):
        started = process_time()
        many.apply([EditServer(KEY, Endpoint(v4(BACKENDS), 1000), ServerSettings(weight=weight))], 1.0)
        spent.append(process_time() - started)
    assert min(spent) < EDIT_SECONDS


def test_no_difference_is_no_command(many: Controller) -> None:
    assert diff(many.model, many.model) == []

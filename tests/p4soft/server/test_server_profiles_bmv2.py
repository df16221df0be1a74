"""The same members, groups, weights and one-shot sets on simple_switch_grpc: every packet gets the same member."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator

import pytest
from bmv2kit import Pair, both_started, loaded, needs_bmv2
from finsy.proto import p4r
from p4kit import DELETE, INSERT, MODIFY
from profilekit import (
    by_crc16,
    by_crc16_too,
    by_crc32,
    by_identity,
    by_profile,
    forward,
    group,
    keyed_frame,
    member,
    one_shot,
    selector_config,
    to_group,
    to_member,
)

from ptf_tests.targets import Target

pytestmark = needs_bmv2
SEED = 20260512


@pytest.fixture(scope="module")
def targets() -> Iterator[tuple[Target, Target]]:
    with both_started() as started:
        yield started


@pytest.fixture
async def pair(targets: tuple[Target, Target]) -> AsyncIterator[Pair]:
    """Both switches with the selector program and no entries."""
    async with loaded(targets, selector_config()) as made:
        yield made


def same(pair: Pair, *sent: bytes) -> set[int]:
    """What the actions wrote into the frames, which both switches agree on. No table drops anything."""
    found = pair.same(*sent)
    assert len(found) == len(sent)
    return {data[21] for _, data in found}


def frames(which: int, count: int, rng: random.Random) -> list[bytes]:
    return [
        keyed_frame(which, rng.getrandbits(16), rng.getrandbits(32), rng.getrandbits(46) << 2 & 0xFEFFFFFFFFFF)
        for _ in range(count)
    ]


TABLES = {"sixteen": (by_crc16, 0x41), "thirty_two": (by_crc32, 0x81), "same": (None, 0xC0)}


def entry(profile: str, action: p4r.TableAction) -> p4r.TableEntry:
    make, which = TABLES[profile]
    return make(which, action) if make is not None else by_identity(action)


@pytest.mark.parametrize("profile", TABLES)
async def test_groups(pair: Pair, profile: str) -> None:
    rng = random.Random(SEED)
    which = TABLES[profile][1]
    limit = 6 if profile == "same" else 0
    order = rng.sample(range(1, 40), 8)
    await pair.write(*((INSERT, member(n, profile)) for n in order))
    # Handles of BMv2 get out of step with the ids, and are used again.
    await pair.write(*((DELETE, member(n, profile)) for n in order[2:4]))
    late = [order[3], 50, order[2]]
    await pair.write(*((INSERT, member(n, profile)) for n in late))
    members = [*order[:2], *order[4:], *late]
    await pair.write((INSERT, group(1, *((n, 1) for n in members[:5]), profile=profile, max_size=limit)))
    await pair.write(
        (INSERT, group(2, (members[6], 2), (members[1], 1), (members[0], 3), profile=profile, max_size=limit))
    )
    await pair.write((INSERT, entry(profile, to_group(1))))
    assert len(same(pair, *frames(which, 64, rng))) > 1
    await pair.write((MODIFY, entry(profile, to_group(2))))
    assert len(same(pair, *frames(which, 64, rng))) > 1
    for _ in range(6):
        weights = [(n, rng.randrange(1, 3)) for n in rng.sample(members, rng.randrange(1, 4))]
        await pair.write((MODIFY, group(rng.choice((1, 2)), *weights, profile=profile, max_size=limit)))
        number = rng.choice(members)
        await pair.write((MODIFY, member(number, profile, action=forward(number + 100))))
        for to in (1, 2):
            await pair.write((MODIFY, entry(profile, to_group(to))))
            assert same(pair, *frames(which, 16, rng))
    await pair.write((MODIFY, entry(profile, to_member(members[4]))))
    assert len(same(pair, *frames(which, 8, rng))) == 1


@pytest.mark.parametrize("profile", TABLES)
async def test_one_shot_sets(pair: Pair, profile: str) -> None:
    rng = random.Random(SEED)
    which = TABLES[profile][1]
    await pair.write((INSERT, entry(profile, one_shot((1, 1), (2, 3), (3, 1)))))
    assert len(same(pair, *frames(which, 64, rng))) > 1
    for _ in range(6):
        marks = [(rng.randrange(250), rng.randrange(1, 3)) for _ in range(rng.randrange(1, 4))]
        await pair.write((MODIFY, entry(profile, one_shot(*marks))))
        assert same(pair, *frames(which, 16, rng))
    if profile == "sixteen":
        await pair.write((INSERT, by_crc16_too(0x42, one_shot((7, 2), (8, 2)))))
        await pair.write((DELETE, entry(profile, one_shot((1, 1)))))
        await pair.write((INSERT, by_crc16_too(0x43, one_shot((5, 3), (9, 1), (6, 2)))))
        assert len(same(pair, *frames(0x42, 32, rng), *frames(0x43, 32, rng), *frames(which, 8, rng))) > 3


async def test_a_plain_profile(pair: Pair) -> None:
    await pair.write((INSERT, member(4, "plain")), (INSERT, by_profile(7, to_member(4))))
    assert same(pair, keyed_frame(1, wide=7), keyed_frame(1, wide=8), keyed_frame(0x83)) == {4, 0xFF}

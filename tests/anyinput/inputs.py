"""Any input at all to the API, HTTP and the parsers: each is taken or refused in words, and nothing else.

``make fuzz-inputs [INPUTS=10000000] [JOBS=2] [SEED=n]`` says how far it is, and ends with what broke something.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import multiprocessing
import random
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, NoReturn

from anyinput.surfaces import BETWEEN, SOCKETS, SURFACES, Broken, Ground, ground

TURNS = 20
"""Between two looks at how large the model has become."""
AT_A_TIME = 20_000
"""Inputs between two words of progress, and two controllers."""


def _no_name(*_words: object, **_more: object) -> NoReturn:
    raise OSError("no names are asked for here")


async def rounds(seed: int, at_a_time: int = AT_A_TIME) -> AsyncGenerator[Counter[str], None]:
    """How many of each kind were tried in one round after another. Raises Broken."""
    socket.getaddrinfo = _no_name
    for number in range(sys.maxsize):
        with tempfile.TemporaryDirectory(prefix="any-input-") as directory:
            async with ground(random.Random(f"{seed} {number}"), Path(directory)) as at:
                yield await _round(at, at_a_time)


async def _round(at: Ground, inputs: int) -> Counter[str]:
    done: Counter[str] = Counter()
    kinds = [kind for kind, (_, often) in SURFACES.items() for _ in range(often)]
    try:
        while done.total() < inputs:
            for number, kind in enumerate(at.generator.choices(kinds, k=BETWEEN)):
                done[kind] += await SURFACES[kind][0](at)
                if number % TURNS == 0:
                    at.tidy()
            for kind, tried in SOCKETS.items():
                done[kind] += await tried(at)
    except Exception as error:
        raise Broken(f"{kind}: {at.last!r}: {type(error).__name__}: {error}") from error
    return done


async def _work(seed: int, queue: Any) -> None:
    try:
        async for done in rounds(seed):
            queue.put(done)
    except Broken as error:
        queue.put(f"seed {seed}: {error}")


def _job(seed: int, queue: Any) -> None:
    logging.disable(logging.CRITICAL)
    gc.set_threshold(100_000, 20, 20)
    asyncio.run(_work(seed, queue))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    # A process with gRPC in it is not to be forked.
    context = multiprocessing.get_context("spawn")
    queue: Any = context.Queue()
    seeds = range(wanted.seed * 1000, wanted.seed * 1000 + wanted.jobs)
    jobs = [context.Process(target=_job, args=(seed, queue), daemon=True) for seed in seeds]
    for job in jobs:
        job.start()
    done: Counter[str] = Counter()
    begun = time.monotonic()
    while done.total() < wanted.inputs:
        found = queue.get()
        if isinstance(found, str):
            print(f"\n{found}")
            return 1
        done += found
        speed = done.total() / (time.monotonic() - begun)
        print(f"\r{done.total():,} inputs, {speed:,.0f} a second", end="", flush=True)
    for job in jobs:
        job.terminate()
    print("".join(f"\n{number:>12,} {kind}" for kind, number in sorted(done.items())))
    print(f"{done.total():,} inputs: each was taken or refused")
    return 0


if __name__ == "__main__":
    sys.exit(main())

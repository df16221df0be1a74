"""Regular expressions of checks by HTTP: what they match, and that none of them holds anybody up."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fullnat.health import search

from topo.process import poll

from .conftest import serving, until
from .test_kinds import _asked, asked, http

PAGE = b"HTTP/1.1 200 OK\r\n\r\n" + "Lorem\nstatus: ÜP 42\n".encode()
NOT_THERE = "a body that regex does not match"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"regex": r"^status: \S+ \d+"}, NOT_THERE),
        ({"regex": r"^status: \S+ \d+$", "regex_options": "multiline"}, ""),
        ({"regex": r"STATUS: .P", "regex_options": "caseless"}, NOT_THERE),
        ({"regex": r"STATUS: üP", "regex_options": "caseless utf"}, ""),
        ({"regex": r"(?<=status: )(?!down)"}, ""),
        ({"regex": r"(o)rem", "regex_no_match": True}, "a body that regex matches"),
        ({"regex": r"Lorem$", "regex_no_match": True}, ""),
        ({"regex": "status", "regex_min_offset": 6}, ""),
        ({"regex": "status", "regex_min_offset": 7}, NOT_THERE),
        ({"regex": "status", "regex_min_offset": 1000}, NOT_THERE),
        ({"regex": "status", "regex_max_offset": 6}, ""),
        ({"regex": "status", "regex_max_offset": 5}, NOT_THERE),
        ({"regex": "status", "status": "404"}, "status 200, not 404"),
        (
            {"regex": "status", "digest": "0" * 32},
            f"a body with digest {hashlib.md5(PAGE[19:]).hexdigest()}, not {'0' * 32}",
        ),
    ],
)
def test_a_body_is_searched(options: dict[str, Any], reason: str) -> None:
    assert asked(http(**options), PAGE) == reason


def test_a_search_that_does_not_end_is_a_failure_of_its_server_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's re would look at this page for longer than the universe is old; others have their turn beside."""
    monkeypatch.setattr(search, "SECONDS", 0.2)
    hostile = b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * (1 << 20)
    backtracks, rescans = (
        http(regex=r"^(a+)+$(?<!a)"),
        http(regex=r"(?:a|aa)++\d|a*+b(*COMMIT)c", regex_options="no_start_optimize"),
    )

    async def ask() -> list[str]:
        async with serving(hostile) as bad, serving(PAGE) as good:
            checks = [
                (backtracks, bad),
                (http(regex="status", timeout=0.5), good),
                (rescans, bad),
                (http(regex="Lorem"), good),
            ]
            began = time.thread_time()
            found = await asyncio.gather(*(_asked(check, target) for check, target in checks))
            assert time.thread_time() - began < 0.3, "nobody waits for the two searches"
            return found

    ended = "regex: the search has not ended in 0.2 s"
    first, second, third, fourth = asyncio.run(ask())
    assert (second, fourth) == ("", "")
    assert {first, third} <= {ended, "regex: match limit exceeded", NOT_THERE}
    assert ended in (first, third)


def test_a_search_that_is_given_up_answers_nobody_else() -> None:
    async def ask() -> str:
        async with serving(b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * (1 << 20)) as bad, serving(PAGE) as good:
            hostile = asyncio.create_task(_asked(http(regex=r"a*+b(*COMMIT)c", regex_options="no_start_optimize"), bad))
            searcher = search._searchers.setdefault(asyncio.get_running_loop(), search.Searcher())
            await until(lambda: searcher._process is not None, "the search has begun")
            hostile.cancel()
            return await _asked(http(regex="Lorem"), good)

    assert asyncio.run(ask()) == ""


def test_the_process_that_searches_ends_with_us() -> None:
    program = (
        "import asyncio; from fullnat.config.model import Check; from fullnat.health import search;"
        "s = search.Searcher(); check = Check(type='http', regex='a');"
        "print(asyncio.run(s.find(check, b'a')), s._process.pid, flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as ours:
        assert ours.stdout is not None
        found, pid = ours.stdout.readline().split()
        ours.kill()
    assert found == b"True"
    poll(lambda: not Path(f"/proc/{int(pid)}/cmdline").exists(), 10, "it has ended")

"""Any input at all to the API, HTTP and the parsers: each is taken or refused in words, and nothing else.

``make fuzz-inputs [INPUTS=10000000] [JOBS=2] [SEED=n]`` says how far it is, and ends with what broke something.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import random
import shlex
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from api.apikit import Api
from api.test_wrong import SEEDS, get, post
from cli.samples import CONFIG_TEXT
from fullnat.api import http
from fullnat.api.identity import Identity, Role
from fullnat.config import file, keepalived
from fullnat.config.errors import ConfigError
from fullnat.fnatadm import commands, saved
from fullnat.fnatadm.parse import UsageError, parse

AT_A_TIME = 2000
"""Inputs between two words of progress, and two controllers."""
EXAMPLE = (Path(__file__).parents[2] / "docs" / "example.toml").read_text()
CHECK = '{"type": "http", "path": "/", "status": "200-299", "fall": 3, "tls": true, "host": "a"}'
REQUESTS = (
    *SEEDS,
    get("/v1/network"),
    get("/v1/stats"),
    post(b'{"commands": [{"clear": {}}, {"drain_all": {"within": 3}}]}'),
    post(
        f'{{"commands": [{{"edit_service": {{"protocol": "tcp", "virtual": "203.0.113.80:80", "settings": {{"checks": '
        f'{{"check": [{CHECK}]}}}}}}}}]}}'.encode()
    ),
    post(
        b'{"commands": [{"add_interface": {"port": 4, "mac": "02:00:00:00:00:04", "address": "10.4.0.1/24", "further": '
        b'["2001:db8::1/64"]}}]}'
    ),
    post(b'{"config": "punt_rate = 5"}').replace(b"/apply", b"/compare"),
)
LINES = (
    "-A -t 203.0.113.80:443 -s wrr -p 60 -M 255.255.255.0 -V 90 --option toa=false --check 'type=http path=/up'\n"
    "-a -t 203.0.113.80:443 -r 10.0.0.11:8443 -b -w 100 -x 9 -y 5\n-P -t 203.0.113.80:443 -z 10.0.1.5\n"
    "-A -u [2001:db8::1]:53 -s rr -o\n-a -u [2001:db8::1]:53 -r [2001:db8::2]:53 -i --tun-type gue --tun-port 6080\n"
    "--set 0 99 0\n"
)
CONF = """\
global_defs {
    router_id a
}
$A = 10.0.0
local_address_group g {
    10.0.1.1-4
}
virtual_server 203.0.113.80 80 {
    lb_algo wrr
    lb_kind FNAT
    protocol TCP
    laddr_group_name g
    @fullnat new_rate 5
    real_server ${A}.11 8080 {
        weight 2
        HTTP_GET {
            url {
                path /
                status_code 200
            }
            connect_timeout 3
        }
    }
}
"""
PIECES = (
    *(
        "\r\n",
        "\0",
        "{",
        "}",
        "[",
        "]",
        '"',
        "'",
        ":",
        "%",
        "\\",
        "#",
        "!",
        "$",
        "@",
        "-1",
        "1e999",
        "null",
        "nan",
        " ",
    ),
    *("\u00e9", "\u2028", "9" * 40, "[" * 50, "::", "0.0.0.0", "255.255.255.255", "/33", "true", "\t", "=", "[[a]]"),
)


class Broken(Exception):
    """What an input did that none may do."""


class Closed:
    """The end of a connection whose client reads nothing."""

    def __init__(self) -> None:
        self.answer = b""

    def write(self, data: bytes) -> None:
        self.answer += data

    async def drain(self) -> None:
        pass


def mutated(generator: random.Random, seed: str) -> str:
    """``seed`` with a few changes."""
    text = seed
    for _ in range(generator.randrange(1, 6)):
        at = generator.randrange(len(text) + 1)
        length = generator.choice((1, 2, 5, 20, 60))
        match generator.randrange(5):
            case 0:
                text = text[:at] + generator.choice(PIECES) + text[at:]
            case 1:
                text = text[:at] + text[at + length :]
            case 2:
                text = text[:at] + chr(generator.randrange(256)) + text[at + 1 :]
            case 3:
                text = text[:at] + text[at : at + length] + text[at:]
            case _:
                other = generator.randrange(len(text) + 1)
                text = text[:at] + text[other : other + length] + text[at + length :]
    return text


async def _http(api: Api, text: str) -> None:
    reader, writer = asyncio.StreamReader(limit=http.HEAD_BYTES), Closed()
    reader.feed_data(text.encode("latin-1", "replace"))
    reader.feed_eof()
    caller = Identity("a test", Role.ADMIN)
    served: Any = writer
    await http.serve(reader, served, b"", caller, api.dispatcher)
    if b"HTTP/1.1 500" in writer.answer or b"the controller failed" in writer.answer:
        raise Broken(writer.answer[-200:])


async def _toml(_api: Api, text: str) -> None:
    with contextlib.suppress(ConfigError):
        file.parse(text)


async def _keepalived(_api: Api, text: str) -> None:
    """Without what other files have."""
    try:
        document, problems, vain = keepalived.parse(text.replace("include", "exclude"), "f")
        file.of_document(document, problems, vain=vain)
    except ConfigError:
        pass


async def _lines(_api: Api, text: str) -> None:
    saved.document(text.split("\n"))


async def _line(_api: Api, text: str) -> None:
    try:
        line = parse(shlex.split(text))
        if line.command.name in commands.CHANGES:
            commands.messages(line)
    except UsageError as error:
        if "\n" in str(error):
            raise Broken(repr(str(error))) from None
    except ValueError as error:
        if "quotation" not in str(error) and "escaped" not in str(error):
            raise


KINDS: dict[str, tuple[Callable[[Api, str], Awaitable[None]], tuple[str, ...], int]] = {
    "http": (_http, tuple(request.decode("latin-1") for request in REQUESTS), 4),
    "toml": (_toml, (EXAMPLE, CONFIG_TEXT, CONFIG_TEXT), 1),
    "keepalived": (_keepalived, (CONF,), 2),
    "lines": (_lines, (LINES,), 2),
    "line": (_line, tuple(LINES.splitlines()), 4),
}
"""What is done with an input, what it is made of, and how often its turn is."""


def _no_name(*_words: object, **_more: object) -> NoReturn:
    raise OSError("no names are asked for here")


def rounds(seed: int) -> Iterator[Counter[str]]:
    """How many of each kind were tried in one round after another. Raises Broken."""
    socket.getaddrinfo = _no_name
    generator = random.Random(seed)
    kinds = [kind for kind, (_, _, often) in KINDS.items() for _ in range(often)]
    while True:
        with tempfile.TemporaryDirectory(prefix="any-input-") as directory:
            yield asyncio.run(_round(generator, kinds, Api(Path(directory))))


async def _round(generator: random.Random, kinds: list[str], api: Api) -> Counter[str]:
    done: Counter[str] = Counter()
    for _ in range(AT_A_TIME):
        kind = generator.choice(kinds)
        tried, seeds, _ = KINDS[kind]
        text = mutated(generator, generator.choice(seeds))
        try:
            await tried(api, text)
        except Exception as error:
            raise Broken(f"{kind}: {text!r}: {type(error).__name__}: {error}") from error
        done[kind] += 1
    return done


def _work(seed: int, queue: Any) -> None:
    try:
        for done in rounds(seed):
            queue.put(done)
    except Broken as error:
        queue.put(str(error))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    queue: Any = multiprocessing.Queue()
    jobs = [
        multiprocessing.Process(target=_work, args=(wanted.seed * 1000 + number, queue), daemon=True)
        for number in range(wanted.jobs)
    ]
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
        print(
            f"\r{done.total():,} inputs, {done.total() / (time.monotonic() - begun):,.0f} a second", end="", flush=True
        )
    for job in jobs:
        job.terminate()
    print(f"\n{dict(done)}: each was taken or refused")
    return 0


if __name__ == "__main__":
    sys.exit(main())

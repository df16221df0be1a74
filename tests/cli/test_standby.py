"""The programs that ``fullnat run`` tells are those of the controller in charge."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fullnat.cli.controlclient import NobodyListens, ask
from p4rt.fake_switch import FakeSwitch
from p4rt.waiting import until

from cli.samples import CONFIG_TEXT


class Machine:
    """Where controllers run; ``told`` is what their program was told."""

    def __init__(self, directory: Path, address: str) -> None:
        self.directory, self.address = directory, address
        self.book = directory / "book"
        self.book.touch()
        program = directory / "program"
        program.write_text(f'#!/bin/sh\necho "$FULLNAT_STATE" >>{self.book}\n')
        program.chmod(0o755)
        own = f'omega = true\nquorum_up = "{program}"\nquorum_down = "{program}"\n'
        (directory / "c.toml").write_text(CONFIG_TEXT.replace("[[virtual_server]]\n", f"[[virtual_server]]\n{own}"))

    @property
    def told(self) -> list[str]:
        return self.book.read_text().split()

    async def start(self, name: str, *words: str) -> asyncio.subprocess.Process:
        command = ["-m", "fullnat.cli.main", "run", str(self.directory / "c.toml"), "--grpc-addr", self.address]
        command += ["--state-dir", str(self.directory / f"state.{name}")]
        command += ["--control-socket", str(self.directory / name), "--election-id", "5", *words]
        return await asyncio.create_subprocess_exec(sys.executable, *command, stderr=subprocess.PIPE, env=os.environ)

    @asynccontextmanager
    async def controller(self, state: str) -> AsyncIterator[None]:
        """One that has come to be in this ``state``, and is told to end."""
        process = await self.start("first")
        try:
            await self.until(state)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            await process.communicate()
        assert process.returncode == 0

    async def until(self, state: str) -> None:
        async with asyncio.timeout(60):
            while True:
                if await asyncio.to_thread(self._state) == state:
                    return
                await asyncio.sleep(0.02)

    def _state(self) -> str:
        try:
            return str(next(ask(self.directory / "first", "stats"))["switch"]["state"])
        except NobodyListens:
            return "not there"


@asynccontextmanager
async def machine(directory: Path) -> AsyncIterator[tuple[Machine, FakeSwitch]]:
    switch = FakeSwitch()
    try:
        yield Machine(directory, await switch.start()), switch
    finally:
        await switch.stop()


async def test_one_that_stands_by_tells_nothing_until_it_is_primary(tmp_path: Path) -> None:
    async with machine(tmp_path) as (here, switch):
        switch.take_over(10**6)
        async with here.controller("standby"):
            pass
        assert here.told == []
        async with here.controller("standby"):
            switch.give_up()
            await until(lambda: here.told == ["up"], 20)
            switch.take_over(10**6)
            await here.until("standby")
        assert here.told == ["up"]
        switch.give_up()
        async with here.controller("serving"):
            await until(lambda: here.told == ["up", "up"], 20)
        assert here.told == ["up", "up", "down"]


async def test_one_that_cannot_start_tells_nothing(tmp_path: Path) -> None:
    async with machine(tmp_path) as (here, switch):
        switch.take_over(10**6)
        async with here.controller("standby"):
            switch.give_up()
            await until(lambda: here.told == ["up"], 20)
            second = await here.start("first")
            _, said = await second.communicate()
            assert (second.returncode, here.told) == (1, ["up"])
            assert b"another controller has the control socket" in said
            third = await here.start("third", "--http-addr", here.address)
            _, said = await third.communicate()
            assert (third.returncode, here.told) == (1, ["up"])
            assert b"cannot serve the page at" in said

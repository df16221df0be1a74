"""Chromium without a window, driven by the DevTools protocol over a pipe: as a user's mouse and keyboard would."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

SECONDS = 60.0
_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1300,900")
_MIDDLE = """(() => {
  const found = document.querySelector(%s);
  found.scrollIntoView({block: "center"});
  const box = found.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
})()"""

Json = dict[str, Any]


class Browser:
    def __init__(self, reader: asyncio.StreamReader, write: int) -> None:
        self._reader = reader
        self._write = write
        self._numbers = itertools.count(1)
        self._session = ""
        self.answers: list[str | bool] = []
        """What the next dialogs are answered: false is "cancel", and a text is typed first."""
        self.asked: list[str] = []
        """What dialogs have said."""

    async def call(self, method: str, **parameters: Any) -> Json:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = json.loads((await self._reader.readuntil(b"\0"))[:-1])
            if answer.get("method") == "Page.javascriptDialogOpening":
                self._dialog(answer["params"]["message"])
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def _dialog(self, said: str) -> None:
        """It holds the page up until it is answered."""
        self.asked.append(said)
        wanted = self.answers.pop(0)
        parameters: Json = {"accept": wanted is not False}
        if isinstance(wanted, str):
            parameters["promptText"] = wanted
        message = {"id": 0, "method": "Page.handleJavaScriptDialog", "params": parameters, "sessionId": self._session}
        os.write(self._write, json.dumps(message).encode() + b"\0")

    async def open(self, address: str) -> None:
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        await self.call("Page.enable")
        await self.call("Page.navigate", url=address)

    async def value(self, expression: str) -> Any:
        """Of JavaScript, as the page has it."""
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"].get("value")

    async def until(self, expression: str) -> None:
        async with asyncio.timeout(SECONDS):
            while not await self.value(expression):  # noqa: ASYNC110 -- it is the browser that is waited for
                await asyncio.sleep(0.05)

    async def click(self, selector: str) -> None:
        """In the middle of what is there, by mouse."""
        box = await self.value(_MIDDLE % json.dumps(selector))
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)


@contextlib.asynccontextmanager
async def browser(program: str, directory: Path) -> AsyncIterator[Browser]:
    """Chromium has file descriptors 3 and 4 for the protocol."""
    from_us, to_us = os.pipe(), os.pipe()
    script = f'exec "$0" "$@" 3<&{from_us[0]} 4>&{to_us[1]}'
    flags = (*_FLAGS, "--remote-debugging-pipe", f"--user-data-dir={directory}")
    process = await asyncio.create_subprocess_exec(
        "bash",
        *("-c", script, program, *flags, "about:blank"),
        pass_fds=(from_us[0], to_us[1]),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "HOME": str(directory)},
    )
    os.close(from_us[0])
    os.close(to_us[1])
    reader = asyncio.StreamReader(limit=1 << 24)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(to_us[0], "rb")
    )
    try:
        yield Browser(reader, from_us[1])
    finally:
        transport.close()
        os.close(from_us[1])
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

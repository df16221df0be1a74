"""The fullnat command in this process, and a control socket for it to ask."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from app.fake_core import FakeCore
from click.testing import CliRunner, Result
from fullnat.api.handlers import Handlers
from fullnat.api.listener import Listener, Where
from fullnat.api.server import Dispatcher
from fullnat.app.changes import Changes
from fullnat.app.runner import CoreRunner
from fullnat.app.snapshot import Snapshots
from fullnat.app.switch import SwitchOwner
from fullnat.cli.main import main
from fullnat.config import file
from fullnat.p4constants import DropReason, ToaResult
from fullnat.p4rt import program
from fullnat.p4rt.client import Client
from fullnat.p4rt.grpc_transport import GrpcTransport
from p4rt.fake_switch import FakeSwitch
from p4rt.waiting import until

from cli.samples import CONFIG_TEXT, LOCALS, SERVICES, TEMPLATES, VIEWS


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


class Running:
    """A control socket, with a fake core and switch behind it, on a thread of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.switch = FakeSwitch()
        self.metrics: tuple[str, int] = ("127.0.0.1", 0)
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._main()))
        self._thread.start()
        assert self._started.wait(10)

    async def _main(self) -> None:
        compiled = program.load()
        core = FakeCore(file.parse(CONFIG_TEXT))
        core.views, core.service_views, core.local_views = VIEWS, SERVICES, LOCALS
        core.template_views = TEMPLATES
        address = await self.switch.start()
        runner = CoreRunner(core)
        owner = SwitchOwner(
            runner,
            lambda: Client(GrpcTransport(address), compiled, device_id=1, election_id=lambda: 1),
        )
        tasks = [asyncio.create_task(runner.run()), asyncio.create_task(owner.run())]
        await until(lambda: owner.serving)
        schema = owner.client.schema  # type: ignore[union-attr]
        self.switch.counters[schema.server_in_counter.id, 3] = (10, 1000)
        self.switch.counters[schema.server_out_counter.id, 3] = (20, 2000)
        self.switch.counters[schema.drop_counter.id, DropReason.NO_SESSION] = (5, 300)
        self.switch.counters[schema.toa_counter.id, ToaResult.OK] = (6, 0)
        handlers = Handlers(Snapshots(runner, owner), Changes(runner, self.path.with_suffix(".toml")))
        control = Listener(Where(self.path), Dispatcher(handlers))
        await control.start()
        self._started.set()
        await self._stop.wait()
        await control.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.switch.stop()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()

"""The package on a machine with systemd: everything that the documents promise of the services, by systemctl."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from install.debkit import NoDebian, bootstrap, later, scratch
from install.systemdkit import PACKAGES, Machine, NoSystemd, booted
from topo import standard
from topo.process import poll
from topo.world import World, ask, world

pytestmark = [pytest.mark.timeout(1500)]
RELEASE = "bookworm"
SWITCH, CONTROLLER, EMBEDDED = "p4soft.service", "fullnat.service", "fullnat-embedded.service"


@pytest.fixture
def everything() -> Iterator[World]:
    """Clients and servers, and no balancer."""
    with world(start=False) as made:
        yield made


@pytest.fixture
def machine(package: Path, everything: World) -> Iterator[Machine]:
    """The balancer's machine, with the package as it comes."""
    with scratch() as place:
        root = place / "root"
        try:
            bootstrap(RELEASE, root, PACKAGES)
            with booted(root, everything.network, everything.network.topology.switch) as made:
                made.install(package)
                yield made
        except (NoDebian, NoSystemd) as error:
            pytest.skip(str(error))


def stats(machine: Machine) -> dict[str, Any]:
    return dict(json.loads(machine.run("fullnat", "stats", "--json")))


def serving(machine: Machine) -> None:
    def is_serving() -> bool:
        with contextlib.suppress(AssertionError):
            return bool(stats(machine)["switch"]["state"] == "serving")
        return False

    poll(is_serving, 60, "the controller serves the switch", 0.2)


def configure(machine: Machine, everything: World) -> None:
    """As docs/install.md says."""
    ports = " ".join(f"-i {s.port}@{s.switch_interface}" for s in everything.network.topology.subnets)
    (machine.root / "etc/default/p4soft").write_text(f'P4SOFT_OPTIONS="{ports}"\n')
    (machine.root / "etc/fullnat/fullnat.toml").write_text(standard.config())
    machine.run("systemctl", "restart", "p4soft")
    machine.run("systemctl", "reload", "fullnat")
    serving(machine)


def test_the_services_as_the_documents_promise_them(
    machine: Machine, everything: World, package: Path, tmp_path: Path
) -> None:
    # Enabled, started, ready, without having been told anything.
    for unit in (SWITCH, CONTROLLER):
        assert (machine.active(unit), machine.property(unit, "UnitFileState")) == (True, "enabled")
    serving(machine)
    configure(machine, everything)
    assert everything.get("c1").toa is not None
    check_reload(machine, everything)
    check_stop_and_start(machine, everything)
    check_upgrade_under_load(machine, everything, later(package, "99", tmp_path))
    check_watchdog(machine, everything)
    check_restart_of_the_switch(machine, everything)
    check_embedded(machine, everything)
    check_removal(machine)


def check_reload(machine: Machine, everything: World) -> None:
    """A file with errors is refused, systemctl says so, and nothing changes."""
    path = machine.root / "etc/fullnat/fullnat.toml"
    good = path.read_text()
    path.write_text(good.replace('scheduler = "rr"', 'scheduler = "best"'))
    machine.run("systemctl", "reload", "fullnat", status=1)
    assert re.search(
        r"fullnat\.toml:\d+: \[virtual_server 1\] scheduler: 'best' is not one of", machine.journal(CONTROLLER)
    )
    assert everything.get("c1").toa is not None
    path.write_text(good.replace('scheduler = "rr"', 'scheduler = "sh"'))
    machine.run("systemctl", "reload", "fullnat")
    changed = f"virtual server tcp {standard.VIP}:{standard.VPORT}: changed (scheduler rr -> sh)"
    poll(lambda: changed in machine.journal(CONTROLLER), 20, "the journal names the change", 0.2)
    path.write_text(good)
    machine.run("systemctl", "reload", "fullnat")


def check_stop_and_start(machine: Machine, everything: World) -> None:
    """The controller ends and no session; SIGTERM is a success."""
    with contextlib.closing(everything.http("c1")) as connection:
        first = ask(connection)
        machine.run("systemctl", "stop", "fullnat")
        assert (machine.property(CONTROLLER, "Result"), machine.active(SWITCH)) == ("success", True)
        assert ask(connection).peer == first.peer
        machine.run("systemctl", "start", "fullnat")
        serving(machine)
        assert stats(machine)["controller"]["sessions_adopted"] >= 1
        assert ask(connection).peer == first.peer


class Load:
    """One connection that is asked again and again, and others that are opened, asked and closed. They have the
    patience of a browser, and repeat nothing themselves."""

    def __init__(self, everything: World) -> None:
        self.failures: list[str] = []
        self._everything = everything
        self._answers = [0, 0]
        self._over = threading.Event()

    def done(self) -> int:
        """Answers of the slower of both."""
        return min(self._answers)

    def over(self) -> None:
        self._over.set()

    def _open(self, client: str) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(str(standard.VIP), standard.VPORT, timeout=60)
        with self._everything.network.inside(client):
            connection.connect()
        return connection

    def keep(self) -> None:
        try:
            with contextlib.closing(self._open("c1")) as connection:
                peer = ask(connection).peer
                while not self._over.wait(0.02):
                    assert ask(connection).peer == peer
                    self._answers[0] += 1
        except Exception as error:
            self.failures.append(f"the open connection: {error!r}")

    def begin(self) -> None:
        while not self._over.wait(0.02):
            try:
                with contextlib.closing(self._open("c2")) as connection:
                    ask(connection)
                    self._answers[1] += 1
            except Exception as error:
                self.failures.append(f"a new connection: {error!r}")


@contextlib.contextmanager
def loaded(everything: World) -> Iterator[Load]:
    load = Load(everything)
    threads = [threading.Thread(target=work) for work in (load.keep, load.begin)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.over()
        for thread in threads:
            thread.join()


def check_upgrade_under_load(machine: Machine, everything: World, newer: Path) -> None:
    """Connections that are open go on, and those that begin meanwhile come about; the switch is left as it is."""
    switch, controller = machine.main_pid(SWITCH), machine.main_pid(CONTROLLER)
    with loaded(everything) as load:
        poll(lambda: load.done() > 10, 30, "there is load", 0.05)
        machine.run("fullnat", "upgrade", "--check", "--grpc-addr", "unix:/run/p4soft/p4runtime.sock")
        machine.install(newer)
        serving(machine)
        before = load.done()
        poll(lambda: load.done() > before + 10, 30, "the load goes on", 0.05)
    assert load.failures == []
    assert machine.main_pid(SWITCH) == switch
    assert machine.main_pid(CONTROLLER) != controller
    assert "Version: 99\n" in machine.run("dpkg", "--status", "fullnat")


def check_watchdog(machine: Machine, everything: World) -> None:
    """A controller that hangs is ended and started anew; no session notices."""
    place = machine.root / "etc/systemd/system/fullnat.service.d/watchdog.conf"
    place.parent.mkdir(parents=True)
    place.write_text("[Service]\nWatchdogSec=2\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "fullnat")
    serving(machine)
    hung = machine.main_pid(CONTROLLER)
    with contextlib.closing(everything.http("c1")) as connection:
        first = ask(connection)
        machine.run("systemctl", "kill", "--kill-who=main", "--signal=STOP", "fullnat")
        poll(lambda: machine.main_pid(CONTROLLER) not in (0, hung), 60, "another controller runs", 0.2)
        serving(machine)
        assert ask(connection).peer == first.peer
    assert "Watchdog timeout" in machine.journal(CONTROLLER)
    place.unlink()
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "fullnat")
    serving(machine)


def check_restart_of_the_switch(machine: Machine, everything: World) -> None:
    """Its controller writes its sessions again, and new connections come about as soon as it is back."""
    with contextlib.closing(everything.http("c1")) as connection:
        first = ask(connection)
        machine.run("systemctl", "restart", "p4soft")
        serving(machine)
        assert ask(connection).peer == first.peer
    assert everything.get("c1").toa is not None
    machine.run("systemctl", "kill", "--kill-who=main", "--signal=KILL", "p4soft")
    poll(lambda: machine.active(SWITCH) and machine.main_pid(SWITCH) > 0, 60, "the switch runs again", 0.2)

    def answered() -> bool:
        with contextlib.suppress(OSError):
            return everything.get("c2").toa is not None
        return False

    poll(answered, 60, "new connections come about")


def check_embedded(machine: Machine, everything: World) -> None:
    """Both in one process, as docs/install.md has it."""
    (machine.root / "etc/default/fullnat").write_text(
        (machine.root / "etc/default/p4soft").read_text().replace("P4SOFT_OPTIONS", "FULLNAT_EMBEDDED_OPTIONS")
    )
    machine.run("systemctl", "disable", "--now", "fullnat", "p4soft")
    machine.run("systemctl", "enable", "--now", "fullnat-embedded")
    serving(machine)
    assert [machine.active(unit) for unit in (SWITCH, CONTROLLER, EMBEDDED)] == [False, False, True]
    assert everything.get("c1").toa is not None
    machine.run("systemctl", "stop", "fullnat-embedded")
    assert machine.property(EMBEDDED, "Result") == "success"


def check_removal(machine: Machine) -> None:
    machine.run("apt-get", "purge", "--yes", "fullnat", limit=300)
    assert machine.run("systemctl", "list-unit-files", "--no-legend", "fullnat*", "p4soft*", status=1) == ""
    assert not (machine.root / "usr/lib/fullnat").exists()
    assert os.listdir(machine.root / "var/lib").count("fullnat") == 0

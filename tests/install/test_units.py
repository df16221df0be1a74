"""The units of systemd: sound, hardened alike, and with command lines that our commands take."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from fullnat.cli.main import main as fullnat
from p4soft.cli import parse

from install.unitkit import UNITS, Unit

NAMES = ("fullnat.service", "p4soft.service", "fullnat-embedded.service")
SWITCHES = ("p4soft.service", "fullnat-embedded.service")
EXPOSURE = 3.0
NEED_SYSTEMD = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


def analyze(*arguments: str | Path) -> str:
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@NEED_SYSTEMD
@pytest.mark.parametrize("name", NAMES)
def test_exposure(name: str) -> None:
    said = analyze("security", "--offline=true", UNITS / name)
    (level,) = re.findall(rf"Overall exposure level for {name}: ([\d.]+)", said)
    assert float(level) < EXPOSURE


@NEED_SYSTEMD
def test_nothing_in_them_is_unknown_to_systemd(tmp_path: Path) -> None:
    """With commands and manual pages that are here."""
    for name in NAMES:
        text = (UNITS / name).read_text()
        text = re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE)
        (tmp_path / name).write_text(re.sub(r"/usr/bin/(fullnat|p4soft)", "/bin/true", text))
    assert analyze("verify", *(tmp_path / name for name in NAMES)) == ""


def test_the_hardening_is_the_same_but_for_what_a_switch_needs() -> None:
    def hardening(name: str) -> set[str]:
        text = (UNITS / name).read_text()
        return set(text[text.index("\nRestrictAddressFamilies") :].split("\n[Install]")[0].split())

    controller, *switches = (hardening(name) for name in ("fullnat.service", *SWITCHES))
    assert switches[0] == switches[1]
    families = {"AF_NETLINK", "AF_PACKET", "AF_XDP"}
    assert switches[0] - controller == families
    # The processor's flags are read from /proc/cpuinfo.
    assert controller - switches[0] == {"ProcSubset=pid"}


@pytest.mark.parametrize("name", NAMES)
def test_no_root_and_one_capability_at_most(name: str) -> None:
    unit = Unit.read(UNITS / name)
    assert (unit.one("User"), unit.one("NoNewPrivileges"), unit.one("Type")) == ("fullnat", "yes", "notify")
    wanted = ["CAP_NET_RAW"] if name in SWITCHES else [""]
    assert unit.settings["CapabilityBoundingSet"] == wanted
    assert unit.settings["AmbientCapabilities"] == (wanted if name in SWITCHES else [])


def test_p4soft_takes_its_command_line() -> None:
    unit = Unit.read(UNITS / "p4soft.service")
    program, *arguments = unit.command({"P4SOFT_OPTIONS": "-i 1@eth1 -i 2@eth2"})
    options = parse(arguments)
    assert program == "/usr/bin/p4soft"
    assert options.interface == [(1, "eth1"), (2, "eth2")]
    assert options.grpc_server_addr == "unix:/run/p4soft/p4runtime.sock"


@pytest.mark.parametrize(
    ("name", "environment", "expected"),
    [
        ("fullnat.service", {}, {"grpc_addr": "unix:/run/p4soft/p4runtime.sock", "embedded": False}),
        (
            "fullnat.service",
            {"FULLNAT_SWITCH": "switch.example:9559", "FULLNAT_OPTIONS": "--metrics-addr 127.0.0.1:9560"},
            {"grpc_addr": "switch.example:9559", "metrics_addr": ("127.0.0.1", 9560)},
        ),
        (
            "fullnat-embedded.service",
            {"FULLNAT_EMBEDDED_OPTIONS": "-i 1@eth1"},
            {"embedded": True, "interfaces": ((1, "eth1"),)},
        ),
    ],
)
def test_fullnat_takes_its_command_line(name: str, environment: dict[str, str], expected: dict[str, object]) -> None:
    unit = Unit.read(UNITS / name)
    program, command, *arguments = unit.command(unit.environment() | environment)
    assert (program, command) == ("/usr/bin/fullnat", "run")
    given = fullnat.commands["run"].make_context("run", arguments).params
    paths = {"config": "/etc/fullnat/fullnat.toml", "state_dir": "/var/lib/fullnat"}
    paths["control_socket"] = "/run/fullnat/fullnat.sock"
    assert {key: str(given[key]) for key in paths} == paths
    assert {key: given[key] for key in expected} == expected

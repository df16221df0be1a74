"""The samples of Debian's keepalived package, and what keepalived itself says of what is written for it."""

from __future__ import annotations

import json
import shutil
import subprocess
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from fullnat.config import file
from fullnat.config.errors import ConfigError
from fullnat.config.written import GRAMMARS, document
from fullnat.core.declared.modes import Mode

SAMPLES = Path("/usr/share/doc/keepalived/samples")
GOLDEN = Path(__file__).with_name("samples.json")
EXPECTED = json.loads(GOLDEN.read_text())
"""By the name of a sample: its services as the TOML file would have them, or what is wrong with it; and what it says in
vain, with its lines."""
OURS = """\
fullnat {
    interface {
        port 1
        mac 02:00:00:00:00:01
        address 203.0.113.1/24 2001:db8::1/64
    }
    route {
        prefix 0.0.0.0/0
        gateway 203.0.113.254
    }
    route {
        prefix ::/0
        gateway 2001:db8::254
    }
}
include SAMPLE
"""
EXAMPLE = Path(__file__).parents[3] / "docs" / "example.toml"


def read(directory: Path, sample: Path) -> dict[str, object]:
    """As EXPECTED has it."""
    path = directory / "k.conf"
    path.write_text(OURS.replace("SAMPLE", str(sample)))

    def short(lines: tuple[str, ...]) -> list[str]:
        return [line.replace(f"{SAMPLES}/", "") for line in lines]

    try:
        found = file.load(path)
    except ConfigError as error:
        return {"problems": short(error.problems)}
    return {"services": document(found)["virtual_server"], "vain": short(found.vain)}


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples of Debian's keepalived package are not there")
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_sample_of_debian(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, SAMPLES / name) == EXPECTED[name]


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples of Debian's keepalived package are not there")
def test_every_sample_with_a_virtual_server_is_expected() -> None:
    there = {path.name for path in SAMPLES.iterdir() if path.suffix != ".gz" and "virtual_server" in path.read_text()}
    assert there == set(EXPECTED)


@pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed")
def test_keepalived_and_fullnat_take_the_file_of_the_guide(tmp_path: Path) -> None:
    path = tmp_path / "keepalived.conf"
    guide = (Path(__file__).parents[3] / "docs" / "from-keepalived.md").read_text()
    example = next(block for block in guide.split("\n\n") if block.startswith("    @fullnat fullnat {"))
    path.write_text(textwrap.dedent(example) + "\n")
    done = subprocess.run(["keepalived", "-t", "-f", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    (virtual,) = file.load(path).virtual_servers
    assert (virtual.mode, virtual.established_timeout, len(virtual.local_addresses)) == (Mode.FULLNAT, 90, 4)
    assert [check.type for check in virtual.real_servers[0].checks] == ["tcp"]


@pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed")
def test_keepalived_takes_what_is_written_for_it(tmp_path: Path) -> None:
    """Of what it can do: NAT, DR and tunnels. It passes over our own lines."""
    example = file.load(EXAMPLE)
    web, marked, dns = (replace(virtual, mode=Mode.NAT, local_addresses=()) for virtual in example.virtual_servers[:3])
    modes = (Mode.NAT, Mode.DR, Mode.TUNNEL)
    address = web.real_servers[0].address
    reals = [
        replace(web.real_servers[0], address=address + number, mode=mode, port=web.port)
        for number, mode in enumerate(modes)
    ]
    # It looks whether programs are there, and whose they are.
    reals = [replace(real, notify_up="", notify_down="", notify_user="") for real in reals]
    web = replace(web, quorum=4, hysteresis=1, quorum_up="", quorum_down="", notify_user="")
    sorry = replace(
        reals[0], address=address + 9, weight=1, upper_threshold=0, lower_threshold=0, checks=(), sorry=True
    )
    reals.append(sorry)
    config = replace(example, virtual_servers=(replace(web, real_servers=tuple(reals)), marked, dns))
    path = tmp_path / "keepalived.conf"
    path.write_text(GRAMMARS["keepalived"](document(config))[0])
    done = subprocess.run(
        ["keepalived", "--config-test", "--use-file", str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")

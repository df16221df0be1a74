"""What the documents show, run: every block of commands in the order of its page, on machines of its own.

A block marked ``sh`` runs here. What other tests run, and what cannot run, is indented, and in
:data:`.elsewhere.ELSEWHERE`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fullnat.config import file
from fullnat.config.model import Check
from fullnat.core.declared.modes import Mode

from deploy.links import ROOT
from docs.elsewhere import ELSEWHERE
from docs.test_commands import PAGES
from topo import namespaces

_PROGRAMS = [
    "LD_PRELOAD",
    "apt",
    "apt-get",
    "curl",
    "ethtool",
    "fullnat",
    "ip",
    "make",
    "mount",
    "p4soft",
    "pip",
    "ptf",
    "python3",
    "sysctl",
    "systemctl",
    "toa-attach",
    "toa-check",
    "toa-detach",
    "/opt/fullnat/bin/pip",
]
DOCS = ROOT / "docs"
_BLOCK = re.compile(r"^```sh\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
_SHOWN = re.compile(r"^```\n\n    (\S.*)$", flags=re.MULTILINE)
"""What a page shows below its commands, as a whole line that they print."""
_HIDE = "mkdir -p /run/netns; mount -t tmpfs tmpfs /run/netns; mount -t tmpfs tmpfs /tmp; set -eux\n"


def blocks(page: str) -> list[str]:
    text = (DOCS / page).read_text()
    found = _BLOCK.findall(text)
    assert len(found) == text.count("```sh"), page
    return list(found)


def run(script: str, place: Path) -> list[str]:
    """The lines that a script prints, in namespaces in which the names of the documents are free."""
    file = place / "script"
    file.write_text(_HIDE + script.replace("kill $(jobs -p)", "kill $(jobs -p); wait || true"))
    command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", str(file)]
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(Path.home())}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_tutorial_and_what_goes_on_from_it(tmp_path: Path) -> None:
    if (reason := namespaces.unavailable()) is not None:
        pytest.skip(reason)
    *tutorial, clean_up = blocks("tutorial.md")
    modes = blocks("modes.md")
    lines = run("\n".join([*tutorial, *modes, clean_up]), tmp_path)
    for page in ("tutorial.md", "modes.md"):
        for shown in _SHOWN.findall((DOCS / page).read_text()):
            assert shown in lines, (page, shown)
    output = "\n".join(lines)
    assert re.search(r"^10\.0\.0\.10[0-3] .*GET / HTTP", output, flags=re.MULTILINE)
    (adopted,) = re.findall(r"sessions_adopted\s+(\d+)", output)
    assert int(adopted) >= 1
    # By both servers once; by the first before that, and in either of the other modes.
    assert (lines.count("hello from the second server"), lines.count("hello from the server")) == (1, 4)
    assert len(re.findall(r"^192\.0\.2\.10 .*GET / HTTP", output, flags=re.MULTILINE)) == 2


def test_what_servers_are_told_to_do(tmp_path: Path) -> None:
    if (reason := namespaces.unavailable()) is not None:
        pytest.skip(reason)
    if not Path("/proc/sys/net/mptcp").exists():
        pytest.skip("this kernel has no MPTCP")
    before = "ip link set lo up\nip mptcp endpoint add 127.0.0.1 id 1 signal\n"
    lines = run(before + "\n".join([*blocks("real-servers.md"), "ip mptcp endpoint show | wc -l"]), tmp_path)
    assert lines == ["net.mptcp.enabled = 0", "127.0.0.1 id 1 signal ", "0"]


def test_a_group_of_switches_is_tried_on_one_machine(tmp_path: Path) -> None:
    if (reason := namespaces.unavailable()) is not None:
        pytest.skip(reason)
    lines = run("ip link set lo up\n" + "\n".join(blocks("switches.md")), tmp_path)
    assert [line.split()[:2] for line in lines] == [["right", "standby"], ["right", "active"]]


def test_groups_that_services_are_spread_over_are_tried_on_one_machine(tmp_path: Path) -> None:
    if (reason := namespaces.unavailable()) is not None:
        pytest.skip(reason)
    lines = run("ip link set lo up\n" + "\n".join(blocks("scale.md")), tmp_path)
    assert [line.split()[:2] for line in lines[:4]] == [
        ["address", "group"],
        ["203.0.113.80", "east"],
        ["east1", "active"],
        ["west1", "active"],
    ]
    (refused,) = lines[4:]
    assert refused.endswith("virtual server tcp 203.0.113.80:443 is of group east, and this controller has group west")


def test_the_keepalived_conf_that_is_shown_is_one(tmp_path: Path) -> None:
    """With what a reader has to know of it: it runs as it stands, and keepalived passes over what is ours."""
    text = (DOCS / "from-keepalived.md").read_text()
    (shown,) = re.findall(r"^    @fullnat fullnat \{\n(?:    .*\n)+", text, flags=re.MULTILINE)
    path = tmp_path / "keepalived.conf"
    path.write_text(re.sub("^    ", "", shown, flags=re.MULTILINE))
    config = file.load(path)
    assert [str(interface.address) for interface in config.interfaces] == ["192.0.2.1/24", "10.0.0.1/24"]
    (virtual,) = config.virtual_servers
    assert (virtual.scheduler, virtual.mode, virtual.established_timeout) == ("wrr", Mode.FULLNAT, 90.0)
    assert [str(local) for local in virtual.local_addresses] == [f"10.0.0.{n}" for n in range(100, 104)]
    assert [(str(real.address), real.port, real.weight) for real in virtual.real_servers] == [("10.0.0.11", 80, 2)]
    assert virtual.real_servers[0].checks == (Check(type="tcp", interval=60.0),)


def indented() -> list[tuple[str, str]]:
    """Page and command of everything that is shown and no block of :func:`blocks`."""
    found = []
    for page in PAGES:
        text = re.sub(r"^```sh\n.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        lines = re.findall(r"^(?: {4,}|(?<=```\n))(\S.*)$", text, flags=re.MULTILINE)
        commands = [line for line in lines if re.split(r"[\s=]", line)[0] in _PROGRAMS]
        found += [(page.relative_to(ROOT).as_posix(), command) for command in commands]
    return found


def test_everything_else_is_run_elsewhere_or_says_why_not() -> None:
    shown = indented()
    known = [(page, begin) for page, commands in ELSEWHERE.items() for begin in commands]
    assert [(page, it) for page, it in shown if not any(page == at and it.startswith(how) for at, how in known)] == []
    assert [(at, how) for at, how in known if not any(page == at and it.startswith(how) for page, it in shown)] == []
    places = {place for commands in ELSEWHERE.values() for place in commands.values() if "/" in place.split()[0]}
    assert [place for place in places if " " not in place and not (ROOT / place).exists()] == []

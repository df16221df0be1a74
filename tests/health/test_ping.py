"""Pings of a controller without rights, as its unit runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

NOBODY = 65534
_CHECK = f"""
import asyncio, os, sys
from pathlib import Path
from fullnat.config.model import Check
from fullnat.health.connect import Target
from fullnat.health.prober import Prober
from pyroute2 import IPRoute

groups, address = sys.argv[1:]
with IPRoute() as ip:
    ip.link("set", index=1, state="up")
Path("/proc/sys/net/ipv4/ping_group_range").write_text(groups)
os.setgroups([])
os.setresgid({NOBODY}, {NOBODY}, {NOBODY})
os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
check = Check(type="ping", timeout=5.0)
print(asyncio.run(Prober(check, Target(address, 0, ":" in address), lambda: None)._once()))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace is root's to make")
@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not on PATH")
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(("groups", "said"), [("0 2147483647", ""), ("1 0", "Operation not permitted")])
def test_a_ping_needs_no_right_where_the_kernel_lets_all_groups(address: str, groups: str, said: str) -> None:
    """net.ipv4.ping_group_range, which is of IPv6 as well; systemd opens it to all. Elsewhere the check itself is at
    fault, and says nothing of the server."""
    command = ["unshare", "--net", sys.executable, "-c", _CHECK, groups, address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if said:
        assert said in done.stderr
    else:
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")

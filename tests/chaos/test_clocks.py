"""A time of day of a process's own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from chaos.clocks import Clocks

SAYS = """\
import sys, time
for _ in sys.stdin:
    print(time.time(), time.monotonic(), flush=True)
"""


def test_the_time_of_day_jumps_while_a_process_runs(tmp_path: Path) -> None:
    clocks = Clocks(tmp_path, ("a", "b"))
    clocks.set("b", 5000.0)
    env = {**os.environ, **clocks.environment("a")}
    with subprocess.Popen(
        [sys.executable, "-c", SAYS], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        off = []
        for seconds in (0.0, -3600.0, 86400.0, 0.0):
            clocks.set("a", seconds)
            process.stdin.write("\n")
            process.stdin.flush()
            wall, monotonic = map(float, process.stdout.readline().split())
            off.append(round((wall - time.time() - seconds) / 10))
            assert abs(monotonic - time.monotonic()) < 10
        process.stdin.close()
    assert off == [0, 0, 0, 0]

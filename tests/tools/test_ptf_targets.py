"""The packet tests' own switches: what cannot start says why, instead of never answering."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from ptf_tests.targets import Bmv2

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="veth pairs need root")


def test_a_switch_that_ends_at_once_is_an_error_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "simple_switch_grpc"
    program.write_text("#!/bin/sh\necho a library is missing >&2\nexit 127\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    # Where a program of our own would stand.
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    target = Bmv2()
    with pytest.raises(RuntimeError, match=r"simple_switch_grpc does not serve .*: a library is missing"):
        target.start()
    here = {name for _, name in socket.if_nameindex()}
    assert not {name for name in here if name.startswith(f"pt{os.getpid()}")}

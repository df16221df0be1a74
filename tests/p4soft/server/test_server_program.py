"""The compiled test program is what its source compiles to."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from finsy.proto import p4i
from google.protobuf import text_format
from p4kit import CONFIG, P4INFO, PROGRAMS


@pytest.mark.skipif(shutil.which("p4c-bm2-ss") is None, reason="p4c-bm2-ss is not on PATH")
def test_the_committed_kinds_program_is_fresh(tmp_path: Path) -> None:
    command = ["p4c-bm2-ss", "--std", "p4-16", "--arch", "v1model", "--Werror"]
    command += [
        "--p4runtime-files",
        str(tmp_path / "kinds.p4info.txtpb"),
        "-o",
        str(tmp_path / "kinds.json"),
        "kinds.p4",
    ]
    subprocess.run(command, cwd=PROGRAMS, check=True)
    compiled = json.loads((tmp_path / "kinds.json").read_bytes())
    assert compiled == json.loads(CONFIG)
    info = text_format.Parse((tmp_path / "kinds.p4info.txtpb").read_text(), p4i.P4Info())
    assert info == P4INFO

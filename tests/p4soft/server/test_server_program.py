"""The compiled test programs are what their sources compile to."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from finsy.proto import p4i
from google.protobuf import text_format
from p4kit import PROGRAMS, read_p4info


@pytest.mark.skipif(shutil.which("p4c-bm2-ss") is None, reason="p4c-bm2-ss is not on PATH")
@pytest.mark.parametrize("name", ["kinds", "selector", "value_sets"])
def test_the_committed_program_is_fresh(tmp_path: Path, name: str) -> None:
    command = ["p4c-bm2-ss", "--std", "p4-16", "--arch", "v1model", "--Werror"]
    command += [
        "--p4runtime-files",
        str(tmp_path / f"{name}.p4info.txtpb"),
        "-o",
        str(tmp_path / f"{name}.json"),
        f"{name}.p4",
    ]
    subprocess.run(command, cwd=PROGRAMS, check=True)
    compiled = json.loads((tmp_path / f"{name}.json").read_bytes())
    assert compiled == json.loads((PROGRAMS / f"{name}.json").read_bytes())
    info = text_format.Parse((tmp_path / f"{name}.p4info.txtpb").read_text(), p4i.P4Info())
    assert info == read_p4info(name)

"""What is written of the program for the ASIC: the page, the packet tests' record, and what was compiled, agree."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from p4src.compile import source_hash, version_of
from p4src.tofino import unsafe_sums
from ptf_tests.targets import CAPABILITIES
from ptf_tests.tofino import BY_CONTROLLER, CAN, LACKS, LACKS_ON_2

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/tofino.md").read_text()


def test_the_record_names_tests_that_exist() -> None:
    tests = "".join(path.read_text() for path in ROOT.glob("ptf_tests/test_*.py"))
    assert {name for name in BY_CONTROLLER if not re.search(rf"^class {name}\(", tests, flags=re.M)} == set()


def test_every_lack_is_on_the_page() -> None:
    assert LACKS.keys() | LACKS_ON_2.keys() <= CAPABILITIES.keys()
    assert CAN.isdisjoint(LACKS)
    told = set(re.findall(r"^\| `([\w-]+)` \|", PAGE, flags=re.M))
    assert set(LACKS) - {"second-opinion"} | set(LACKS_ON_2) <= told


ASSEMBLY = """\
phv egress:
  hdr.tcp.seq: W16
  hdr.toa_v4.kind: {  stage 6..12: H20(8..15) }
  hdr.toa_v4.length: {  stage 6..12: H20(0..7) }
  m.session.flags: B20
  m.other.0-15: {  stage 0: %s }
deparser egress:
  partial_checksum 1:
    - W16: { }  # egress::hdr.tcp.seq
    - H20: { swap: 1 }
        # - bit[15..8]: egress::hdr.toa_v4.kind
        # - bit[7..0]: egress::hdr.toa_v4.length
  full_checksum 1:
    - partial_checksum 1: { }
stage 0 ingress:
"""


def test_what_is_summed_has_its_containers_for_itself() -> None:
    """Tofino 1 sums the containers of TOA in segments without TOA as well: what else was in one is in the checksum."""
    assert unsafe_sums(ASSEMBLY % "H21") == []
    assert unsafe_sums(ASSEMBLY % "H20") == ["m.other.0-15 is in H20, with hdr.toa_v4.kind, hdr.toa_v4.length"]


def test_the_report_is_of_these_sources() -> None:
    manifest = json.loads((ROOT / "p4src/compiled/tofino/manifest.json").read_text())
    assert manifest["sources_sha256"] == source_hash("tna"), "p4src changed: run make tofino"
    assert re.fullmatch(r"\d+(\.\d+)+", manifest["p4c"]), "who compiled it"


@pytest.mark.parametrize("stream", [1, 2])
def test_compilers_tell_their_version_on_either_stream(tmp_path: Path, stream: int) -> None:
    compiler = tmp_path / "p4c-any"
    compiler.write_text(f"#!/bin/sh\nprintf '/usr/bin/p4c-any.bin\\nVersion 9.13.4\\n' >&{stream}\n")
    compiler.chmod(0o755)
    assert version_of(str(compiler)) == "9.13.4"

"""One controller, the P4Info of every target: sizes and widths differ, and come from there."""

from __future__ import annotations

from pathlib import Path

import pytest
from finsy.proto import p4r
from fullnat import compiled
from fullnat.compiled import TARGETS, TOFINO
from fullnat.core.interface import Op, ProbeResult
from fullnat.net.flow import v4
from fullnat.p4rt import program
from fullnat.p4rt.errors import ProgramError
from fullnat.p4rt.program import Program
from fullnat.p4rt.schema import Schema
from fullnat.tables.own_address import OwnAddress
from fullnat.tables.port import Port
from fullnat.tables.server_in import ServerIn
from fullnat.tables.server_out import ServerOut
from fullnat.tables.session import SessionEntry

SESSION_IDS = {"v1model": 1 << 20, "tofino1": 1 << 16, "tofino2": 1 << 18}


@pytest.fixture
def device_config(tmp_path: Path) -> Path:
    """Stands for what the SDE makes."""
    path = tmp_path / "device_config.bin"
    path.write_bytes(b"packed")
    return path


def loaded(target: str, device_config: Path) -> Program:
    return program.load(target=target, device_config=device_config)


@pytest.mark.parametrize("target", TARGETS)
def test_the_contract_holds(target: str, device_config: Path) -> None:
    found = loaded(target, device_config)
    schema = Schema(found.p4info, found.sizes)
    assert found.device_config == b"packed"
    assert found.sizes.session_ids == SESSION_IDS[target]
    assert found.sizes.server_ids == schema.server_in_counter.size == schema.server_out_counter.size
    session = SessionEntry(found.sizes.session_ids - 1, 1, 6, v4(1), 2, v4(3), 4, v4(5), 6, v4(7), 8, 9, 10, 90.0)
    for entry in (
        session,
        Port(1, 2),
        OwnAddress(v4(3), "own_vip"),
        ServerIn(1, 2, v4(3), 4),
        ServerOut(1, 2, v4(3), 4),
    ):
        assert schema.encode(Op.INSERT, entry)


@pytest.mark.parametrize("target", TARGETS)
def test_bytes_are_told_where_they_are_counted(target: str, device_config: Path) -> None:
    """Tofino 2 counts a session's packets only: its bytes are not known, which is not 0."""
    found = loaded(target, device_config)
    sessions = Schema(found.p4info, found.sizes).sessions
    session = SessionEntry(7, 1, 6, v4(1), 2, v4(3), 4, v4(5), 6, v4(7), 8, 9, 10, 90.0)
    entries = [p4r.Update.FromString(wire).entity.table_entry for wire in sessions.encode(Op.INSERT, session)]
    entries[0].counter_data.packet_count, entries[1].counter_data.packet_count = 3, 4
    if target != "tofino2":
        entries[0].counter_data.byte_count, entries[1].counter_data.byte_count = 300, 400
    octets = (None, None) if target == "tofino2" else (300, 400)
    response = p4r.ReadResponse(entities=[p4r.Entity(table_entry=entry) for entry in entries]).SerializeToString()
    results = sessions.probe_results([session], sessions.hits([session], [response]))
    assert results == [(7, ProbeResult(None, 3, octets[0], 4, octets[1]))]


def test_programs_have_cookies_of_their_own(device_config: Path) -> None:
    cookies = {loaded(target, device_config).cookie for target in TARGETS} | {program.load().cookie}
    device_config.write_bytes(b"packed anew")
    cookies |= {loaded(target, device_config).cookie for target in TARGETS}
    assert len(cookies) == 2 * len(TARGETS) + 1


@pytest.mark.parametrize("target", TOFINO)
def test_an_asic_needs_what_its_sde_makes(target: str) -> None:
    with pytest.raises(ProgramError, match=r"device configuration.*docs/tofino\.md"):
        program.load(target=target)


def test_a_missing_device_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="nowhere"):
        program.load(target="tofino1", device_config=tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("manifest.json", f'{{"pipeline_cookie": {cookie}}}') for cookie in ("Infinity", "-5", "0", f"{1 << 64}")),
        ("manifest.json", "[" * 200_000),
        ("fullnat.json", "[]"),
        ("fullnat.json", "garbage"),
    ],
    ids=lambda text: text[:24],
)
def test_a_build_that_cannot_be_is_one_line(tmp_path: Path, name: str, text: str) -> None:
    for each in ("fullnat.json", "fullnat.p4info.txtpb", "manifest.json"):
        (tmp_path / each).write_bytes((compiled.directory() / each).read_bytes())
    program.load(tmp_path)
    (tmp_path / name).write_text(text)
    with pytest.raises(ProgramError, match="the compiled P4 program cannot be read: "):
        program.load(tmp_path)

"""What another build of the program has in common with ours, and what keeps the controller from going by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from finsy.proto import p4i
from fullnat import compiled
from fullnat.core.interface import Op
from fullnat.p4constants import DropReason
from fullnat.p4rt import contract, program
from fullnat.p4rt.errors import SchemaError
from fullnat.p4rt.pipeline import encoding, is_ours
from fullnat.p4rt.program import Program
from fullnat.p4rt.schema import Schema, of_another
from google.protobuf import text_format

from p4rt import entries
from p4rt.variants import room, variant

OWN = program.load()
OTHER = variant(OWN, room(sessions=1 << 10), renumbered=True)


def changed(change: Callable[[p4i.P4Info], object], sizes: Mapping[str, int] | None = None) -> Program:
    made = variant(OWN, sizes)
    change(made.p4info)
    return made


def said(old: str, new: str, **sizes: int) -> Program:
    """Its annotations have this instead."""

    def change(info: p4i.P4Info) -> None:
        texts = [text.replace(old, new) for text in info.pkg_info.annotations]
        assert texts != list(info.pkg_info.annotations)
        del info.pkg_info.annotations[:]
        info.pkg_info.annotations.extend(texts)

    return changed(change, sizes)


def add_table(info: p4i.P4Info) -> None:
    info.tables.add().preamble.name = "of_tomorrow"


def bits(table: str, field: int, count: int) -> Program:
    def change(info: p4i.P4Info) -> None:
        found = next(each for each in info.tables if each.preamble.name == table)
        found.match_fields[field].bitwidth = count

    return changed(change)


def test_our_own_program_says_its_constants() -> None:
    told = contract.constants_of(OWN.p4info)
    assert told["DropReason"] == {reason.name: reason.value for reason in DropReason}
    assert list(contract.differences(OWN.p4info, OWN.p4info)) == []


@pytest.mark.parametrize("chip", compiled.TOFINO)
def test_that_of_an_asic_is_of_another_target_and_differs_in_nothing_else(chip: str) -> None:
    path = compiled.directory() / f"tofino/{chip}.p4info.txtpb"
    (difference,) = contract.differences(text_format.Parse(path.read_text(), p4i.P4Info()), OWN.p4info)
    assert difference.endswith("all switches of a group are of one target")


def test_sizes_change_no_bytes_and_ids_do() -> None:
    assert encoding(OWN.p4info) == encoding(variant(OWN, room(sessions=7, servers=3)).p4info)
    assert encoding(OWN.p4info) != encoding(OTHER.p4info)
    session = entries.session(1)
    ours, theirs = Schema(OWN.p4info, OWN.sizes), of_another(OTHER, OWN)
    assert (ours.encoding, theirs.encoding) == (encoding(OWN.p4info), encoding(OTHER.p4info))
    assert ours.encode(Op.INSERT, session) != theirs.encode(Op.INSERT, session)


def test_room_is_that_of_the_smallest_table_of_sessions() -> None:
    assert variant(OWN, {"session_out6": 12}).sizes.session_ids == 12
    assert variant(OWN, {"server_out": 5}).sizes.server_ids == 5


@pytest.mark.parametrize(
    "other",
    [
        variant(OWN),
        OTHER,
        said("BAD_COOKIE=47 ", ""),
        said("DROP_REASONS=48", "OF_TOMORROW=48 DROP_REASONS=49", drop_ctr=49),
        said("PUNT_REASONS=19", "PUNT_REASONS=18"),
        said("UNJUDGED=128", ""),
        said("PROXY_EVERY=64", "PROXY_EVERY=64 OF_TOMORROW=128"),
        bits("ipv4_host", 0, 40),
        bits("port", 0, 16),
        changed(add_table),
    ],
)
def test_what_is_in_nobodys_way(other: Program) -> None:
    """A reason to drop that only one of the two knows, and flags that nobody sends."""
    of_another(other, OWN)


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (said("NO_SESSION=3", "NO_SESSION=30"), "PuntReason.NO_SESSION is 30, expected 3"),
        (said("SPLICE=18", "SPLICE=18 OF_TOMORROW=19"), "PuntReason.OF_TOMORROW is new"),
        (said("INJECT=1 ", ""), "PacketOutAction.INJECT is not there, expected 1"),
        (said("MSS_FLOOR=536", "MSS_FLOOR=500"), "Number.MSS_FLOOR is 500, expected 536"),
        (said("RST_IN=16", "RST_IN=junk"), "SessionEvent.RST_IN is -1, expected 16"),
        (said("@constants", "@variables"), "it does not say what its numbers mean"),
        (bits("virtual_service", 2, 8), "table virtual_service: vport has 8 bits, expected 16"),
        (bits("port", 0, 8), "table port: port has 8 bits, expected 32"),
    ],
)
def test_what_is_in_the_way(other: Program, difference: str) -> None:
    with pytest.raises(SchemaError) as caught:
        of_another(other, OWN)
    assert difference in caught.value.differences


def test_a_program_of_somebody_else() -> None:
    assert is_ours(OTHER.p4info)
    assert not is_ours(p4i.P4Info())

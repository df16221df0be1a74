"""The enumerations of the P4 program, read from its source, so that these tests need nothing compiled."""

from __future__ import annotations

import re
from pathlib import Path

from fullnat.core.interface import Constants

SOURCE = Path(__file__).parents[2] / "p4src" / "include" / "constants.p4"


def enumerations() -> dict[str, dict[str, int]]:
    text = re.sub(r"/\*.*?\*/", "", SOURCE.read_text(), flags=re.DOTALL)
    found: dict[str, dict[str, int]] = {}
    for name, body in re.findall(r"enum bit<\d+> (\w+) \{(.*?)\}", text, flags=re.DOTALL):
        found[name] = {member: int(value) for member, value in re.findall(r"(\w+)\s*=\s*(\d+)", body)}
    return found


def number(name: str) -> int:
    found = re.search(rf"const bit<\d+> {name} = (\d+);", SOURCE.read_text())
    assert found is not None
    return int(found[1])


def constants(session_ids: int = 1 << 20, server_ids: int = 65536) -> Constants:
    enums = enumerations()
    return Constants(
        PacketOutAction=enums["PacketOutAction"],
        PacketOutFlag=enums["PacketOutFlag"],
        PuntReason=enums["PuntReason"],
        ServiceFlag=enums["ServiceFlag"],
        SessionFlag=enums["SessionFlag"],
        SessionEvent=enums["SessionEvent"],
        Direction=enums["Direction"],
        ToaResult=enums["ToaResult"],
        DropReason=enums["DropReason"],
        MSS_FLOOR=number("MSS_FLOOR"),
        TOA_V4_BYTES=number("TOA_V4_BYTES"),
        session_ids=session_ids,
        server_ids=server_ids,
    )

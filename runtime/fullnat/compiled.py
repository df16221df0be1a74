"""Where the compiled P4 program is. In a source tree the directory is a link to ``p4src/compiled``."""

from __future__ import annotations

from pathlib import Path

V1MODEL = "v1model"
TOFINO = ("tofino1", "tofino2")
TARGETS = (V1MODEL, *TOFINO)
"""What the program is compiled for: BMv2 and p4soft, or a generation of the ASIC."""
CPU_PORTS = {V1MODEL: 255, "tofino1": 192, "tofino2": 0}
"""The port between switch and controller, as the program has it (CPU_PORT in p4src/arch/*/headers.p4)."""


def directory() -> Path:
    """The directory with fullnat.json, fullnat.p4info.txtpb and manifest.json.

    Raises FileNotFoundError when it is not there.
    """
    place = Path(__file__).resolve().parent / "compiled"
    if not (place / "manifest.json").is_file():
        raise FileNotFoundError(f"no compiled P4 program in {place}; run 'make p4'")
    return place

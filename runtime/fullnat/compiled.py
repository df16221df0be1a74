"""Where the compiled P4 program is: ``fullnat/compiled`` when installed, ``p4src/compiled`` in a source tree."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def directory() -> Path:
    """The directory with fullnat.json, fullnat.p4info.txtpb, fullnat.constants.json and manifest.json.

    A source tree's own comes first, so that a change of the P4 program is seen without installing it.
    Raises FileNotFoundError when there is neither.
    """
    places = (_PACKAGE.parents[1] / "p4src" / "compiled", _PACKAGE / "compiled")
    for place in places:
        if (place / "manifest.json").is_file():
            return place
    raise FileNotFoundError(f"no compiled P4 program in {' or '.join(str(place) for place in places)}; run 'make p4'")

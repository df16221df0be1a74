"""Every reason the program can give is tested."""

import re
import unittest
from pathlib import Path

from fullnat.p4constants import DropReason, PacketOutAction, PuntReason, SessionEvent, ToaResult

NOT_COUNTED = {
    "NONE": "nothing happened",
    "IPV4_OPTIONS": "only where a target lacks ip-options",
    "NO_NEIGHBOR": "as a DropReason: the packet goes to the controller and is counted as a punt",
}


class EveryReasonIsTested(unittest.TestCase):
    """Each drop reason, punt reason, TOA result and session event stands in the expectation of some test."""

    def runTest(self) -> None:
        here = Path(__file__)
        tests = "".join(path.read_text() for path in here.parent.glob("*.py") if path != here)
        missing = [
            f"{enumeration.__name__}.{name}"
            for enumeration in (DropReason, PuntReason, ToaResult, SessionEvent, PacketOutAction)
            for name in enumeration.__members__
            # The last member of an enumeration that indexes counters is its size.
            if not name.endswith(("REASONS", "RESULTS"))
            and name not in NOT_COUNTED
            and not re.search(f'["|]{name}["|]|{enumeration.__name__}.{name}\\b', tests)
        ]
        assert missing == []

"""Whatever a file holds, it is a configuration or problems with places: never anything else."""

from __future__ import annotations

from pathlib import Path

from fullnat.config.errors import ConfigError
from fullnat.config.keepalived import keywords, parse
from hypothesis import given, settings
from hypothesis import strategies as st

WORDS = st.sampled_from(
    [
        *keywords.BLOCKS,
        *keywords.VIRTUAL_SERVER,
        *keywords.REAL_SERVER,
        *(
            "{",
            "}",
            "\n",
            "\n",
            "\n",
            '"',
            "'",
            "#",
            "!",
            "\\\n",
            "$A",
            "${A}",
            "$A = ",
            "@fullnat ",
            "@x ",
            "include ",
        ),
        *(
            "10.0.0.1",
            "10.0.0.1-9",
            "2001:db8::1",
            "2001:db8::1-f",
            "80",
            "0",
            "-1",
            "group",
            "g",
            "interface",
            "\x00",
            "é",
        ),
    ]
)


@settings(max_examples=3000, deadline=None)
@given(st.lists(WORDS, max_size=40).map(" ".join) | st.text(max_size=80))
def test_any_text(text: str) -> None:
    try:
        _, problems, vain = parse(text, "f")
    except ConfigError as error:
        told = list(error.problems)
    else:
        told = [*problems.sorted(), *vain]
    assert all(line.split(":")[0] == "f" or ".py" in line or Path(line.split(":")[0]).exists() for line in told), told

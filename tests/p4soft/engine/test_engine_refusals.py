"""Programs that cannot run: the message names the construct and the limit."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from enginekit import PROGRAMS
from finsy.proto import p4r
from p4soft.api import PipelineError
from p4soft.codegen.describe import read_program
from p4soft.codegen.unit import generate
from p4soft.server.sizes import sized


def table(document: Any, name: str) -> Any:
    return next(t for p in document["pipelines"] for t in p["tables"] if t["name"] == name)


def begun(document: Any, name: str, *entries: tuple[int, list[dict[str, str]]]) -> None:
    """Give a table entries, of (priority, key), with the first of its actions that has no parameters."""
    found = table(document, name)
    bare = {a["id"] for a in document["actions"] if not a["runtime_data"]}
    action = {"action_id": next(i for i in found["action_ids"] if i in bare), "action_data": []}
    found["entries"] = [{"match_key": key, "action_entry": action, "priority": priority} for priority, key in entries]


def service(start: int, end: int) -> list[dict[str, str]]:
    mask = {"match_type": "ternary", "key": "0x06", "mask": "0xff"}
    return [{"match_type": "range", "start": hex(start), "end": hex(end)}, mask]


def without_key(document: Any) -> None:
    begun(document, "tbl_router90", (1, []))


def backwards(document: Any) -> None:
    begun(document, "MyIngress.service", (1, service(80, 80)), (2, service(9, 8)))


def twice(document: Any) -> None:
    begun(document, "MyIngress.service", (1, service(1, 2)), (2, service(1, 2)), (1, service(1, 2)))


def twice_exactly(document: Any) -> None:
    entries = table(document, "MyIngress.fixed_class")["entries"]
    entries.append(entries[0] | {"priority": 2})


def too_wide(document: Any) -> None:
    table(document, "MyIngress.fixed_class")["entries"][0]["match_key"][0]["key"] = "0x163"


def large_headers(document: Any) -> None:
    kind = next(k for k in document["header_types"] if k["name"] == "ports_t")
    kind["fields"] = [["src", 16, False], ["dst", 16, False], *([f"f{n}", 2000, False] for n in range(13))]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (without_key, "table 'tbl_router90' has no key, so it can have no entries"),
        (backwards, r"entries\[1\]\.match_key\[0\].*the range starts at 0x9, after its end 0x8"),
        (twice, r"entries\[2\].*a second entry of table 'MyIngress.service' with the key of .*entries\[0\]"),
        (
            twice_exactly,
            r"entries\[1\].*a second entry of table 'MyIngress.fixed_class' with the key of .*entries\[0\]",
        ),
        (too_wide, r"entries\[0\].*key does not fit in 8 bits"),
        (large_headers, "headers take 3328 bytes and its deparser's 3288, together more than 6016"),
    ],
)
def test_the_construct_and_its_limit_are_named(change: Callable[[Any], None], text: str) -> None:
    document = json.loads((PROGRAMS / "router.json").read_bytes())
    change(document)
    config = json.dumps(document).encode()
    with pytest.raises(PipelineError, match=text):
        generate(config)
    if change is not large_headers:
        with pytest.raises(PipelineError, match=text):
            read_program(config)


def test_json_that_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(PipelineError, match="not a BMv2 JSON file"):
        read_program(b"[" * 100_000)
    config = p4r.ForwardingPipelineConfig(p4_device_config=b"[" * 100_000)
    config.p4info.tables.add(size=8, has_initial_entries=True).preamble.name = "t"
    assert sized(config) == config.p4_device_config


def test_headers_that_just_fit(bench: Callable[[str], Any]) -> None:
    document = json.loads((PROGRAMS / "router.json").read_bytes())
    large_headers(document)
    kind = next(k for k in document["header_types"] if k["name"] == "ports_t")
    del kind["fields"][-2:]
    bench("router").load(json.dumps(document).encode())

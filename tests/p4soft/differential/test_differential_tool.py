"""The tool behind ``make differential``; where simple_switch_grpc is there, on the small programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import differential
import pytest
from bmv2kit import needs_bmv2
from p4kit import PROGRAMS

SMALL = [PROGRAMS / f"{name}.json" for name in ("calls", "paths", "router", "selector", "stacks", "idioms")]


def run(directory: Path, *arguments: Path | str) -> int:
    return differential.main([*map(str, arguments), "--output", str(directory)])


def outcomes(directory: Path) -> dict[str, dict[str, Any]]:
    found = [json.loads(line) for line in (directory / "outcomes.jsonl").read_text().splitlines()]
    return {outcome["sample"]: outcome for outcome in found}


def test_load_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, PROGRAMS / "kinds.json", PROGRAMS / "value_sets.json", "--load-only") == 0
    assert {name: outcome["loads"] for name, outcome in outcomes(tmp_path).items()} == {
        "kinds": {"p4soft": True},
        "value_sets": {"p4soft": True},
    }
    assert "loaded by p4soft                   2" in capsys.readouterr().out


def test_what_p4soft_refuses_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads((PROGRAMS / "kinds.json").read_text())
    document["actions"][0]["primitives"] = [{"op": "frobnicate", "parameters": []}]
    (tmp_path / "odd.json").write_text(json.dumps(document))
    (tmp_path / "odd.txtpb").write_text((PROGRAMS / "kinds.p4info.txtpb").read_text())
    run(tmp_path / "out", tmp_path / "odd.json", "--load-only")
    assert "'frobnicate' is not supported" in capsys.readouterr().out
    assert outcomes(tmp_path / "out")["odd"]["loads"] == {"p4soft": False}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("absent.json", None, "absent.json has no P4Info beside it"),
        ("alone.json", "{}", "alone.json has no P4Info beside it"),
        ("broken.json", "{", "broken.json or broken.p4info.txtpb"),
    ],
)
def test_a_sample_that_is_none_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str | None, expected: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    (tmp_path / "broken.p4info.txtpb").write_text("")
    assert run(tmp_path, tmp_path / name) == 1
    said = capsys.readouterr()
    assert expected in said.out.splitlines()[0]
    assert said.err == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[known]]\nsamples = ['a']\nkinds = ['odd']\nwhy = 'so'\n", "there is no kind odd"),
        ("[[known]]\nsamples = ['a']\n", "KeyError: 'kinds'"),
        ("[[", "TOMLDecodeError"),
    ],
)
def test_a_wrong_list_of_known_differences(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, expected: str
) -> None:
    (tmp_path / "known.toml").write_text(text)
    assert run(tmp_path, PROGRAMS / "kinds.json", "--known", tmp_path / "known.toml") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line


@pytest.mark.parametrize(("listed", "status"), [(["frames"], 0), (["abort"], 1), ([], 1)])
def test_the_exit_status_says_whether_differences_are_known(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    listed: list[str],
    status: int,
) -> None:
    made = {"sample": "kinds", "loads": {"simple_switch_grpc": True, "p4soft": True}, "refusal": "", "entries": 3}
    made |= {
        "frames": 9,
        "came_out": 5,
        "differing": 1,
        "stf": False,
        "differences": {"frames": ["in 1 00: nothing, 2 00"]},
    }
    monkeypatch.setattr(differential, "run_apart", lambda *_: made)
    (tmp_path / "known.toml").write_text(f"[[known]]\nsamples = ['kinds']\nkinds = {listed}\nwhy = 'it has a reason'\n")
    assert run(tmp_path, PROGRAMS / "kinds.json", "--known", tmp_path / "known.toml") == status
    said = capsys.readouterr().out
    assert "kinds: loaded by simple_switch_grpc, p4soft; 3 entries, 9 frames in, 5 out, 1 differ" in said
    assert ("frames: known, it has a reason" if listed == ["frames"] else "frames: NOT KNOWN") in said


@needs_bmv2
@pytest.mark.timeout(300)
def test_the_small_programs_fare_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, *SMALL, "--frames", "200") == 0, capsys.readouterr().out
    found = outcomes(tmp_path)
    assert found.keys() == {path.stem for path in SMALL}
    for name, outcome in found.items():
        assert outcome["loads"] == {"simple_switch_grpc": True, "p4soft": True}, name
        assert outcome["frames"] == 200, name
        # There are frames too short for the header that these two rely on.
        assert outcome["differences"].keys() <= ({"undefined"} if name in ("idioms", "paths") else set()), name

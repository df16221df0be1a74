"""simple_switch_grpc and p4soft on the same programs: ``make differential SAMPLES="DIR FILE.p4 PAIR.json ..."``.

Every sample is loaded by both, gets the same random entries and the same random frames, and what comes out is compared
frame by frame, by port; then the counters. p4soft also runs the STF file beside a source (x.stf), if there is one. P4
sources need p4c-bm2-ss on PATH; a JSON file has its P4Info beside it (x.p4info.txtpb). Each sample runs in a process of
its own. Without simple_switch_grpc, or with --load-only, p4soft is only asked whether it loads them.

Differences that are known, with their reasons, are in known.toml. The exit status is 1 if there are others, among them
a program that only simple_switch_grpc loads; 2 if the arguments are no good.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import tomllib
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "softswitch"), str(ROOT / "tests/p4soft/server")]

from samples import SampleError, find, have  # noqa: E402  (after the path is set)

KNOWN = HERE / "known.toml"
OUTPUT = ROOT / "build" / "differential"
FRAMES = 300
SEED = 20261129
_LIMIT = 600.0
_KINDS = ("load", "write", "frames", "chance", "undefined", "abort", "endless", "counters", "stf")

Known = Mapping[tuple[str, str], str]
"""Reasons by sample and kind of difference."""


def read_known(path: Path) -> Known:
    """Raises SampleError."""
    try:
        entries = tomllib.loads(path.read_text()).get("known", [])
        found = {
            (name, kind): entry["why"] for entry in entries for name in entry["samples"] for kind in entry["kinds"]
        }
    except OSError as error:
        raise SampleError(f"{path}: {error.strerror}") from None
    except (KeyError, TypeError, tomllib.TOMLDecodeError) as error:
        raise SampleError(f"{path}: {type(error).__name__}: {error}") from None
    unknown = sorted({kind for _, kind in found} - set(_KINDS))
    if unknown:
        raise SampleError(f"{path}: there is no kind {', '.join(unknown)}; there are {', '.join(_KINDS)}")
    return found


def unlisted(outcome: Mapping[str, Any], known: Known) -> list[str]:
    """The kinds of difference that are not known."""
    return [kind for kind in outcome["differences"] if (outcome["sample"], kind) not in known]


def run_apart(sample: Path, compiled: Path, frames: int, seed: int, load_only: bool) -> dict[str, Any]:
    """:func:`compare` in a child process, so that nothing that goes wrong in there ends this one.

    The child is no fork of this process, whose threads may hold locks that nobody in the child would ever release.
    """
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(theirs, sample, compiled, frames, seed, load_only))
    child.start()
    theirs.close()
    try:
        if ours.poll(_LIMIT):
            outcome: dict[str, Any] = ours.recv()
            return outcome
        problem = f"takes more than {_LIMIT:.0f} s"
    except EOFError:
        child.join(10)
        problem = f"the process of p4soft ended with status {child.exitcode}"
    finally:
        child.kill()
        child.join()
        ours.close()
    return _broken(sample.stem, problem)


def _broken(name: str, problem: str) -> dict[str, Any]:
    empty = {"loads": {}, "refusal": problem, "entries": 0, "frames": 0, "came_out": 0, "differing": 0, "stf": False}
    return {"sample": name, **empty, "differences": {"load": [problem]}}


def _child(pipe: Any, path: Path, compiled: Path, frames: int, seed: int, load_only: bool) -> None:
    from compare import compare
    from compare import load_only as only_loaded

    try:
        sample = have(path, compiled)
        outcome = only_loaded(sample) if load_only else compare(sample, frames, seed)
        pipe.send(outcome.plain())
    except Exception:
        pipe.send(_broken(path.stem, traceback.format_exc(limit=-3)))
    pipe.close()
    sys.stdout.flush()
    os._exit(0)


def lines(outcome: Mapping[str, Any], known: Known) -> Iterator[str]:
    """What is said of a sample."""
    loads = ", ".join(name for name, loaded in outcome["loads"].items() if loaded) or "neither"
    counts = f"{outcome['entries']} entries, {outcome['frames']} frames in, {outcome['came_out']} out"
    yield f"{outcome['sample']}: loaded by {loads}; {counts}, {outcome['differing']} differ"
    if outcome["refusal"]:
        yield f"    {outcome['refusal']}"
    for kind, examples in outcome["differences"].items():
        reason = known.get((outcome["sample"], kind))
        yield f"    {kind}: " + (f"known, {reason}" if reason else "NOT KNOWN")
        yield from (f"        {line}" for example in examples if not reason for line in example.splitlines())


def summary(outcomes: Sequence[Mapping[str, Any]], problems: Sequence[str], known: Known) -> str:
    both = [o for o in outcomes if sum(o["loads"].values()) == 2]
    alike = [o for o in both if not o["differences"]]
    new = [o["sample"] for o in outcomes if unlisted(o, known)]
    counts = {
        "samples": len(outcomes) + len(problems),
        "compiled": len(outcomes),
        "loaded by simple_switch_grpc": sum(o["loads"].get("simple_switch_grpc", False) for o in outcomes),
        "loaded by p4soft": sum(o["loads"].get("p4soft", False) for o in outcomes),
        "loaded by both": len(both),
        "run by STF on p4soft": sum(o["stf"] for o in outcomes),
        "alike": len(alike),
        "with known differences": sum(bool(o["differences"]) for o in outcomes) - len(new),
        "with others": len(new),
    }
    text = "\n".join(f"{name:30}{count:6}" for name, count in counts.items())
    return f"{text}\n" + (f"not known: {' '.join(new)}\n" if new else "")


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="differential", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("samples", nargs="+", type=Path, help="x.p4, x.json with x.p4info.txtpb, or a directory of .p4")
    parser.add_argument("--frames", type=int, default=FRAMES, help=f"per sample ({FRAMES})")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--jobs", type=int, default=1, help="samples at a time (1)")
    parser.add_argument("--known", type=Path, default=KNOWN, help="known differences (known.toml beside this file)")
    parser.add_argument(
        "--output", type=Path, default=OUTPUT, help="compiled samples, outcomes.jsonl (build/differential)"
    )
    parser.add_argument("--load-only", action="store_true", help="only load them into p4soft")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    given = arguments(argv)
    try:
        known = read_known(given.known)
        paths = list(find(given.samples))
    except SampleError as error:
        print(f"differential: {error}", file=sys.stderr)
        return 2
    load_only = given.load_only or shutil.which("simple_switch_grpc") is None
    compiled = given.output / "compiled"
    outcomes, problems = [], []

    def one(path: Path) -> dict[str, Any] | str:
        try:
            have(path, compiled)
        except SampleError as error:
            return f"{path.stem}: {error}"
        return run_apart(path, compiled, given.frames, given.seed, load_only)

    given.output.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(given.jobs) as pool, (given.output / "outcomes.jsonl").open("w") as file:
        for outcome in pool.map(one, paths):
            if isinstance(outcome, str):
                problems.append(outcome)
                print(outcome, flush=True)
                continue
            outcomes.append(outcome)
            file.write(json.dumps(outcome) + "\n")
            file.flush()
            print("\n".join(lines(outcome, known)), flush=True)
    print(summary(outcomes, problems, known), end="")
    return int(any(unlisted(o, known) for o in outcomes) or (bool(problems) and not outcomes))


if __name__ == "__main__":
    sys.exit(main())

"""p4soft explain: what a program consists of, as text."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from enginekit import PROGRAMS
from p4soft.cli import main
from p4soft.explain import explain, plain, show

ROUTER = """\
Tables (without p4c's own for statements: 4)
  table                  in       key                                                  size  actions                                                                      with
  MyIngress.route        ingress  hdr.ipv4.dst:32 lpm                                  64    MyIngress.via(next_hop:32), MyIngress.connected(), MyIngress.drop() default  counter
  MyIngress.neighbor     ingress  m.next_hop:32 exact                                  4     MyIngress.forward(port:9, dst:48, src:48), MyIngress.drop() default          idle timeout
  MyIngress.service      ingress  hdr.ports.dst:16 range, hdr.ipv4.protocol:8 ternary  16    MyIngress.classify(class:8), NoAction() const default                        -
  MyIngress.acl          ingress  hdr.ipv4.src:32 ternary, hdr.ipv4.protocol:8 exact   16    MyIngress.drop(), MyIngress.classify(class:8), NoAction() const default      -
  MyIngress.fixed_class  ingress  m.class:8 exact                                      1     MyIngress.drop(), NoAction() const default                                   1 initial entries

Parser states
  state  does                          selects by                         goes to
  start  extract ethernet              ethernet.type:16                   0x800: ipv4, default: accept
  ipv4   extract ipv4, assign, verify  ipv4.fragment:13, ipv4.protocol:8  0x0 0x6: ports, 0x0 0x11: ports, default: accept
  ports  extract ports                 -                                  accept

Headers
  header    type        bytes  fields
  ethernet  ethernet_t  14     dst:48, src:48, type:16
  ipv4      ipv4_t      20     version:4, ihl:4, tos:8, length:16, id:16, flags:3, fragment:13, ttl:8, protocol:8, checksum:16, src:32, dst:32
  ports     ports_t     4      src:16, dst:16
"""  # noqa: E501


def sections(name: str) -> dict[str, list[list[str]]]:
    """Title (its first word) to rows, lists joined."""
    found, _ = explain((PROGRAMS / f"{name}.json").read_bytes())
    return {
        s.title.split()[0]: [[c if isinstance(c, str) else " | ".join(c) for c in row] for row in s.rows] for s in found
    }


def test_a_program_in_plain_text() -> None:
    found, _ = explain((PROGRAMS / "router.json").read_bytes())
    text = plain(found)
    assert text.startswith(ROUTER + "\nMetadata\n")
    assert text.endswith(
        "\nCounters\n  counter        size\n  MyIngress.bad  4\n\nChecksums\n"
        "  field          algorithm  is\n"
        "  ipv4.checksum  csum16     updated\n"
        "  ipv4.checksum  csum16     verified"
    )


def test_state_and_digests() -> None:
    found = sections("state")
    assert found["Meters"] == [["MyIngress.packet_meter", "8", "packets"], ["MyIngress.byte_meter", "8", "bytes"]]
    assert found["Registers"] == [["MyIngress.cells", "16", "32"], ["MyIngress.wide_cells", "4", "200"]]
    assert found["Counters"] == [["MyIngress.hits", "16"]]
    (policed,) = found["Tables"]
    assert policed[0] == "MyIngress.policed"
    assert policed[-1] == "meter (packets)"
    assert sections("paths")["Digests"] == [["note_t", "scalars.tmp_0:8 | scalars.tmp_1:16 | scalars.tmp_2:9"]]


def test_stacks_unions_and_masks() -> None:
    found = sections("stacks")
    states = {row[0]: row[1:] for row in found["Parser"]}
    assert states["start"][1:] == [
        "kind.kind:8",
        "0x1: labels | 0x2: text | 0x3: options | 0x4: skip | 0x5&&&0xfd: accept | default: bad",
    ]
    assert states["labels"][0] == "extract labels.next | assign"
    assert states["small"][0] == "extract options.next.small"
    assert ["text", "text_t", "1..9", "length:8 | text:varbit"] in found["Headers"]


@pytest.mark.parametrize("name", ["router", "state", "stacks", "paths", "kinds"])
def test_the_command_prints_plain_text_into_a_pipe(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = PROGRAMS / f"{name}.json"
    found, code = explain(path.read_bytes())
    assert main(["explain", str(path)]) == 0
    assert capsys.readouterr().out == plain(found) + "\n"
    assert main(["explain", "--c", str(path)]) == 0
    assert capsys.readouterr().out.rstrip("\n") == code.rstrip("\n")


def test_drawn_tables_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "160")
    found, _ = explain((PROGRAMS / "stacks.json").read_bytes())
    show(found)
    text = capsys.readouterr().out
    assert "Parser states" in text
    assert "labels[0]" in text
    assert "\u2502" in text


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (["explain"], 2, "PROG.json (see p4soft explain --help)"),
        (["explain", "--d", "x"], 2, "--d"),
        (["explain", "/nonexistent.json"], 1, "cannot read /nonexistent.json: No such file or directory"),
        (["explain", str(PROGRAMS)], 1, "Is a directory"),
        (["explain", str(PROGRAMS / "router.p4")], 1, "router.p4: "),
        (["run"], 2, "run needs PROG.json"),
        (["run", "x.json"], 2, "--p4info"),
        (["run", "-i", "1@lo"], 2, "run needs PROG.json"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], status: int, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("p4soft: ")
    assert captured.err.count("\n") == 1
    assert expected in captured.err


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "p4soft.cli", "explain", "--c", str(PROGRAMS / "router.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def test_action_profiles() -> None:
    found = sections("selector")
    assert found["Action"] == [
        ["MyIngress.plain", "32", ""],
        ["MyIngress.sixteen", "64", "crc16 | key.nibble:4 | key.twelve:12 | key.wide:32"],
        ["MyIngress.thirty_two", "64", "crc32 | eth.src:48 | key.wide:32"],
        ["MyIngress.same", "64", "identity | key.twelve:12 | eth.src:48"],
    ]
    assert [row[0] for row in found["Tables"]] == [
        f"MyIngress.by_{name}" for name in ("profile", "crc16", "crc16_too", "crc32", "identity")
    ]
    assert found["Tables"][1][5] == "counter | profile MyIngress.sixteen"

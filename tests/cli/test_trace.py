"""fullnat trace: what it asks, and how it shows what it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from struct import pack
from typing import Any

import pytest

from cli.controllerkit import invoke

FRAME = bytes.fromhex("020000000001020000000002" + "0800" + "45" + "00" * 19)
TOLD = {
    "port": 1,
    "vlan": 0,
    "packet": "udp 192.0.2.1:5 > 192.0.2.2:6",
    "verdict": "dropped",
    "reason": "NO_ROUTE",
    "why": "",
    "because": "ipv4_route: no_route (core/x.p4:1)",
    "out_port": 0,
    "out_vlan": 0,
    "out_frame": "",
    "steps": [
        {"table": "port", "key": [{"name": "port", "value": "1"}], "result": "hit", "action": "set", "params": []},
    ],
    "changes": [{"field": "ipv4.ttl", "before": "9", "after": "8"}],
    "counters": ["drop_ctr[NO_ROUTE]"],
    "digests": [],
    "log": [],
    "unknown": ["registers"],
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the controller is asked."""
    every: list[Any] = []

    def answer(_path: Path | None, call: str, message: dict[str, Any]) -> Iterator[dict[str, Any]]:
        every.append((call, message))
        count = len(message.get("packets", ())) + len(message.get("frames", ()))
        return iter([dict(TOLD) for _ in range(count)])

    monkeypatch.setattr("fullnat.cli.trace.tell_all", answer)
    return every


def capture(path: Path, link: int, *records: bytes, order: str = "<", missing: int = 0) -> Path:
    data = pack(order + "IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    for record in records:
        data += pack(order + "IIII", 0, 0, len(record), len(record) + missing) + record
    path.write_bytes(data)
    return path


def test_a_description(asked: list[Any]) -> None:
    result = invoke("trace", "udp", "192.0.2.1:5", "to", "192.0.2.2:6", "--port", "3")
    assert result.output.splitlines() == [
        "udp 192.0.2.1:5 > 192.0.2.2:6, into port 1",
        "  table  key          action",
        "  port   port=1  hit  set",
        "dropped: NO_ROUTE",
        "  decided by ipv4_route: no_route (core/x.p4:1)",
        "  field     came as  leaves as",
        "  ipv4.ttl  9        8",
        "  counter: drop_ctr[NO_ROUTE]",
        "  not known: registers",
    ]
    assert asked == [
        ("trace", {"log": False, "to_us": False, "packets": ["udp 192.0.2.1:5 to 192.0.2.2:6"], "port": 3})
    ]


def test_an_interface_of_a_vlan_is_named_with_it(
    asked: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = TOLD | {"vlan": 12, "verdict": "forwarded", "out_port": 1, "out_vlan": 20}
    monkeypatch.setattr("fullnat.cli.trace.tell_all", lambda *_: iter([told]))
    lines = invoke("trace", "udp", "192.0.2.1:5", "to", "192.0.2.2:6", "vlan", "12").output.splitlines()
    assert lines[0] == "udp 192.0.2.1:5 > 192.0.2.2:6, into port 1 VLAN 12"
    assert lines[3] == "forwarded: by port 1 VLAN 20"
    path = capture(tmp_path / "c", 1, FRAME)
    assert invoke("trace", "--pcap", path).output.splitlines()[:2] == [
        "   port  packet                         verdict",
        "1  1.12  udp 192.0.2.1:5 > 192.0.2.2:6  forwarded  by port 1 VLAN 20",
    ]


def test_json(asked: list[Any]) -> None:
    assert json.loads(invoke("trace", "x", "--json").output) == TOLD


def test_a_dump(asked: list[Any]) -> None:
    dump = "\t0x0000:  0200 0000 0001 0200\n\t0x0008:  0000 0002 0800\n"
    assert invoke("trace", "--hex", dump).exit_code == 0
    assert asked[0][1]["frames"] == ["0200000000010200000000020800"]


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_capture(asked: list[Any], tmp_path: Path, order: str) -> None:
    path = capture(tmp_path / "c", 1, FRAME, FRAME[:20], order=order, missing=9)
    assert invoke("trace", "--pcap", path).output.splitlines() == [
        "   port  packet                         verdict",
        "1  1     udp 192.0.2.1:5 > 192.0.2.2:6  dropped  NO_ROUTE [9 bytes not captured]",
        "2  1     udp 192.0.2.1:5 > 192.0.2.2:6  dropped  NO_ROUTE [9 bytes not captured]",
        "2 dropped NO_ROUTE",
    ]
    assert asked[0][1] == {"log": False, "to_us": False, "frames": [FRAME.hex(), FRAME[:20].hex()]}
    assert invoke("trace", "--pcap", path, "-v").output.count("into port 1") == 2
    assert invoke("trace", "--pcap", path, "--limit", 1).output.splitlines()[-1] == "1 dropped NO_ROUTE"


@pytest.mark.parametrize(
    ("link", "head"),
    [(101, b""), (228, b""), (113, bytes(14) + b"\x08\x00"), (276, b"\x08\x00" + bytes(18))],
)
def test_a_capture_without_mac_addresses(asked: list[Any], tmp_path: Path, link: int, head: bytes) -> None:
    invoke("trace", "--pcap", capture(tmp_path / "c", link, head + FRAME[14:]))
    assert asked[0][1]["to_us"]
    assert bytes.fromhex(asked[0][1]["frames"][0])[12:] == FRAME[12:]


def test_what_is_no_capture(asked: list[Any], tmp_path: Path) -> None:
    def says(data: bytes) -> str:
        (tmp_path / "c").write_bytes(data)
        result = invoke("trace", "--pcap", tmp_path / "c")
        assert result.exit_code == 1
        return result.output.removeprefix(f"Error: {tmp_path}/").strip()

    good = capture(tmp_path / "good", 1, FRAME).read_bytes()
    assert says(b"") == says(b"nothing of the kind, however long") == "c is not a pcap file"
    assert says(b"\x0a\x0d\x0d\x0a" + bytes(40)).startswith("c is in pcapng, not pcap: editcap -F pcap ")
    assert says(good[:20] + b"\x69\0\0\0") == "c has packets of link type 105, not of Ethernet or IP"
    assert says(good[:24]) == "c has no packets"
    assert says(good[:30]) == says(good[:-1]) == "c: packet 1 is cut off"
    assert says(good[:32] + b"\xff\xff\xff\x7f" + good[36:]).startswith("c: packet 1 has 2147483647 bytes")
    assert "No such file" in invoke("trace", "--pcap", tmp_path / "absent").output
    assert asked == []


@pytest.mark.parametrize("words", [(), ("x", "--hex", "00"), ("--hex", "0"), ("--hex", "zz")])
def test_wrong_command_lines(words: tuple[str, ...]) -> None:
    result = invoke("trace", *words)
    assert result.exit_code == 2
    assert result.output.splitlines()[-1].startswith("Error: ")


def test_a_port_and_its_vlan(asked: list[Any]) -> None:
    packet = "udp 192.0.2.1:5 > 192.0.2.2:6"
    assert invoke("trace", packet, "--port", "1.12").exit_code == 0
    assert invoke("trace", f"{packet} vlan 7", "--port", "1.12").exit_code == 0
    assert [message["packets"] for _, message in asked] == [[f"{packet} vlan 12"], [f"{packet} vlan 7"]]
    assert [message["port"] for _, message in asked] == [1, 1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--hex", FRAME.hex(), "--port", "1.12"), "--port 1.12: a frame has its tag itself; say --port 1"),
        (("udp 192.0.2.1:5 > 192.0.2.2:6", "--port", "511"), "'511' is not a number up to 510"),
        (("udp 192.0.2.1:5 > 192.0.2.2:6", "--port", "1.x"), "'x' is not a number up to 4094"),
    ],
)
def test_a_port_that_is_none(asked: list[Any], words: tuple[str, ...], said: str) -> None:
    result = invoke("trace", *words)
    assert (result.exit_code, asked) == (2, [])
    assert said in result.output

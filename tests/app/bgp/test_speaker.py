"""Speakers that fail, hang, say anything and come back: FRR by its vtysh, and programs."""

from __future__ import annotations

import asyncio
import json
import sys
from ipaddress import IPv4Interface, ip_network
from pathlib import Path

import pytest
from fullnat.app.bgp import command, speaker
from fullnat.app.bgp.command import SpeakerError
from fullnat.app.bgp.plan import NOTHING, Plan
from fullnat.app.bgp.speaker import Program
from fullnat.config.bgp import Bgp
from fullnat.config.model import Interface
from p4rt.waiting import until

INTERFACES = (Interface(port=1, mac=1, address=IPv4Interface("198.51.100.11/24")),)


SCRIPT = """
import sys
with open(sys.argv[1], "a") as out:
    print("start", file=out, flush=True)
    for line in sys.stdin:
        print(line.strip(), file=out, flush=True)
        if "192.0.2.9" in line:
            sys.exit(3)
    print("end", file=out, flush=True)
"""


async def test_a_program_is_told_line_by_line(tmp_path: Path) -> None:
    out = tmp_path / "out"
    bgp = Bgp(local_as=65001, program=(sys.executable, "-c", SCRIPT, str(out)))
    program = Program(bgp, INTERFACES)
    first, spare = ip_network("203.0.113.80/32"), ip_network("10.8.0.101/32")
    assert await program.tell(Plan(frozenset({first}), frozenset({spare})))
    assert not await program.tell(Plan(frozenset({first}), frozenset({spare})))
    assert await program.tell(Plan(frozenset({first}), graceful=True))

    def lines() -> list[object]:
        text = out.read_text().splitlines() if out.exists() else []
        return [json.loads(line) if line.startswith("{") else line for line in text]

    hops = ["198.51.100.11"]
    spare_said = {"announce": str(spare), "next_hops": hops, "prepend": 2, "graceful_shutdown": False}
    said = {"announce": str(first), "next_hops": hops, "prepend": 0, "graceful_shutdown": False}
    wanted = ["start", spare_said, said, {"withdraw": str(spare)}, said | {"graceful_shutdown": True}]
    await until(lambda: lines() == wanted)
    await program.close()
    await until(lambda: lines() == [*wanted, "end"])


async def test_a_program_that_ends_is_started_anew_and_told_everything(tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = Program(Bgp(local_as=65001, program=(sys.executable, "-c", SCRIPT, str(out))), INTERFACES)
    plan = Plan(frozenset({ip_network("192.0.2.9/32")}))
    assert await program.tell(plan)
    process = program._process
    assert process is not None
    await process.wait()
    with pytest.raises(SpeakerError, match="ended with 3, and is started anew"):
        await program.tell(plan)
    assert await program.tell(plan)
    await until(lambda: out.read_text().count('"announce"') == 2)
    await program.close()


async def test_a_program_that_is_started_anew_withdraws_what_is_no_more(tmp_path: Path) -> None:
    """What was announced stays when a program ends: in this controller's time, and in that of the one before."""
    out = tmp_path / "out"
    program = Program(Bgp(local_as=65001, program=(sys.executable, "-c", SCRIPT, str(out))), INTERFACES)
    gone, deadly, before = map(ip_network, ("192.0.2.8/32", "192.0.2.9/32", "192.0.2.7/32"))
    assert await program.tell(Plan(frozenset({gone, deadly}), absent=frozenset({before})))
    process = program._process
    assert process is not None
    await process.wait()
    with pytest.raises(SpeakerError, match="is started anew"):
        await program.tell(NOTHING)
    assert await program.tell(NOTHING)
    assert not await program.tell(NOTHING)

    def withdrawn() -> list[list[str]]:
        runs = out.read_text().split("start\n")[1:]
        lines = [[json.loads(line) for line in run.splitlines() if line.startswith("{")] for run in runs]
        return [[line["withdraw"] for line in run if "withdraw" in line] for run in lines]

    await until(lambda: withdrawn() == [[str(before)], [str(gone), str(deadly)]])
    await program.close()


FAKE = """
import sys
path, lines = sys.argv[1], sys.stdin.read()
with open(path, "a") as out:
    out.write(lines.replace("show running-config", "").replace("show bgp summary json", "").strip())
if "show" in lines:
    print("router bgp 65001" if "router" in open(path).read() else "")
    print(" no bgp network import-check" if "import-check" in open(path).read() else "")
    print("end")
    print("{}")
"""


async def test_a_line_that_frr_does_not_show_is_told_once(tmp_path: Path) -> None:
    """Which it may know by default: "frr defaults datacenter" has others than "traditional"."""
    out = tmp_path / "out"
    out.touch()
    frr = speaker.Frr(Bgp(local_as=65001, prepend=0, vtysh=(sys.executable, "-c", FAKE, str(out))), INTERFACES)
    assert await frr.tell(NOTHING)
    await frr.look()
    for _ in range(3):
        assert not await frr.tell(NOTHING)
        await frr.look()
    assert out.read_text().count("ebgp-requires-policy") == 1
    out.write_text("")
    await frr.look()
    assert await frr.tell(NOTHING)
    assert out.read_text().count("ebgp-requires-policy") == 1


FORGETS = """
import sys
path, lines = sys.argv[1], sys.stdin.read()
with open(path, "a") as out:
    out.write(lines)
print("router bgp 65001" if "router" in lines else "")
if sys.argv[2:] and "network 203" in lines:
    print(" address-family ipv4 unicast", "  network 203.0.113.80/32", sep="\\n")
print("{}")
"""


async def test_frr_that_was_killed_when_it_had_just_been_told_is_told_again(tmp_path: Path) -> None:
    """What it does not show then is no default of it."""
    out = tmp_path / "out"
    vtysh = (sys.executable, "-c", FORGETS, str(out), "takes")
    frr = speaker.Frr(Bgp(local_as=65001, prepend=0, vtysh=vtysh), INTERFACES)
    plan = Plan(frozenset({ip_network("203.0.113.80/32")}))
    for number in (1, 2, 3):
        assert await frr.tell(plan)
        await frr.look()
        assert out.read_text().count("network 203.0.113.80/32") == number


@pytest.mark.parametrize("words", [("true",), ("cat",), (sys.executable, "-c", FORGETS, "/dev/null")])
async def test_what_takes_commands_and_is_not_frr_is_told_so(words: tuple[str, ...]) -> None:
    frr = speaker.Frr(Bgp(local_as=65001, prepend=0, vtysh=words), INTERFACES)
    for _ in range(2):
        with pytest.raises(SpeakerError, match=r"does not show: (router bgp 65001|network 203.0.113.80/32)"):
            await frr.tell(Plan(frozenset({ip_network("203.0.113.80/32")})))


@pytest.mark.parametrize("script", ["sleep 60 & exec sleep 60", "sleep 60; true", "cat >/dev/null; sleep 60 & echo ok"])
async def test_a_command_whose_children_hang_is_given_up(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "PATIENCE", 0.1)
    frr = speaker.Frr(Bgp(local_as=65001, vtysh=("sh", "-c", script)), INTERFACES)
    async with asyncio.timeout(10):
        with pytest.raises(SpeakerError, match=r"takes longer than 0.1 s"):
            await frr.look()


async def test_a_command_may_leave_somebody_who_holds_its_errors() -> None:
    """As ssh does, with ControlPersist."""
    async with asyncio.timeout(10):
        assert await command.run(("sh", "-c", "cat; setsid sleep 20 >/dev/null & exit 0"), "hello\n") == "hello\n"


async def test_what_speaks_without_end_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "PATIENCE", 60.0)
    with pytest.raises(SpeakerError, match="yes says more than 16 MB"):
        await command.run(("yes",), "")
    deep = 'print(chr(10) + chr(123) + chr(34) + "a" + chr(34) + ":" + "[" * 200000)'
    frr = speaker.Frr(Bgp(local_as=65001, vtysh=(sys.executable, "-c", deep)), INTERFACES)
    await frr.look()
    assert frr.sessions == {}


async def test_a_command_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "PATIENCE", 60.0)
    with pytest.raises(SpeakerError, match="/nowhere: No such file"):
        await Program(Bgp(local_as=1, program=("/nowhere",)), INTERFACES).tell(NOTHING)
    with pytest.raises(SpeakerError, match="/nowhere: No such file"):
        await speaker.Frr(Bgp(local_as=1, vtysh=("/nowhere",)), INTERFACES).tell(NOTHING)
    false = speaker.Frr(Bgp(local_as=1, vtysh=("sh", "-c", "echo no daemon >&2; exit 1")), INTERFACES)
    with pytest.raises(SpeakerError, match="ended with 1: no daemon"):
        await false.tell(NOTHING)
    refuses = speaker.Frr(Bgp(local_as=1, vtysh=("sh", "-c", "cat >/dev/null; echo '% BGP is already running'")), ())
    with pytest.raises(SpeakerError, match="FRR says: BGP is already running"):
        await refuses.tell(NOTHING)
    monkeypatch.setattr(command, "PATIENCE", 0.1)
    with pytest.raises(SpeakerError, match=r"sleep 100 takes longer than 0.1 s"):
        await speaker.Frr(Bgp(local_as=1, vtysh=("sleep", "100")), INTERFACES).tell(NOTHING)

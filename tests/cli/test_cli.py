"""The fullnat command: what users see, and one line for their mistakes."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

import pytest
from fullnat.cli.lvs_names import LVS_NAMES
from fullnat.cli.rates import rates
from fullnat.cli.stats import notes, sections
from fullnat.core.stats import NAMES
from fullnat.p4constants import CookieEvent, DropReason, PuntReason, ToaResult

from cli.controllerkit import invoke

# ---------------------------------------------------------------------------------------------- sessions


def test_sessions_are_shown_as_a_plain_table_when_piped(running: Path) -> None:
    result = invoke("sessions", "--control-socket", running)
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "pro  expire  state        source          virtual          local          destination     in pkts  out pkts",
        "TCP  01:30   ESTABLISHED  192.0.2.9:1024  203.0.113.80:80  10.0.1.1:5000  10.0.0.11:8080  1        3",
        "TCP  -       SYN_RECV     192.0.2.8:1025  203.0.113.80:80  10.0.1.2:5001  10.0.0.12:8080  -        -",
    ]


def test_sessions_as_json_lines_have_stable_names(running: Path) -> None:
    result = invoke("sessions", "--json", "--control-socket", running)
    first, second = (json.loads(line) for line in result.output.splitlines())
    assert first == {
        "protocol": "tcp",
        "client": "192.0.2.9:1024",
        "virtual": "203.0.113.80:80",
        "local": "10.0.1.1:5000",
        "server": "10.0.0.11:8080",
        "state": "ESTABLISHED",
        "phase": "installed",
        "age": 4.5,
        "expires": 90.25,
        "session_id": 1,
        "delta": 77,
        "in_packets": 1,
        "in_bytes": 2,
        "out_packets": 3,
        "out_bytes": 4,
    }
    assert (second["expires"], second["in_packets"]) == (None, None)


@pytest.mark.parametrize(
    ("filters", "clients"),
    [
        (["client=192.0.2.9"], ["192.0.2.9:1024"]),
        (["client=192.0.2.9:1024"], ["192.0.2.9:1024"]),
        (["client=192.0.2.9:1"], []),
        (["virtual=203.0.113.80", "state=syn_recv"], ["192.0.2.8:1025"]),
        (["server=10.0.0.11"], ["192.0.2.9:1024"]),
        (["protocol=tcp"], ["192.0.2.9:1024", "192.0.2.8:1025"]),
    ],
)
def test_sessions_can_be_selected(running: Path, filters: list[str], clients: list[str]) -> None:
    options = [part for value in filters for part in ("--filter", value)]
    result = invoke("sessions", "--json", "--control-socket", running, *options)
    assert [json.loads(line)["client"] for line in result.output.splitlines()] == clients


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("virtual", "203.0.113.81", "there is no virtual server 203.0.113.81"),
        ("virtual", "203.0.113.80:81", "there is no virtual server 203.0.113.80:81"),
        ("server", "10.0.0.13", "there is no real server 10.0.0.13"),
        ("local", "10.0.1.9:5000", "there is no local address 10.0.1.9:5000"),
        ("state", "OPEN", "unknown state 'OPEN'; there are NONE, ESTABLISHED, SYN_SENT, "),
        ("protocol", "sctp", "unknown protocol 'sctp'; there are tcp"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_filter_that_names_what_is_not_there_is_one_line(
    running: Path, name: str, value: str, says: str, options: tuple[str, ...]
) -> None:
    result = invoke("sessions", *options, "--filter", f"{name}={value}", "--control-socket", running)
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {says}")
    assert result.output.count("\n") == 1


@pytest.mark.parametrize(
    "options", ["client=192.0.2.7", "local=10.0.1.1:9", "state=close_wait", "server=10.0.0.11:8080,client=192.0.2.8"]
)
def test_a_filter_that_selects_nothing_of_what_is_there_is_an_empty_list(running: Path, options: str) -> None:
    filters = [part for value in options.split(",") for part in ("--filter", value)]
    result = invoke("sessions", "--json", "--control-socket", running, *filters)
    assert (result.exit_code, result.output) == (0, "")


@pytest.mark.parametrize(
    "value", ["foo", "10.0.0", "10.0.0.1:", "10.0.0.1:65536", "10.0.0.1:x", "::1:y", "10.0.0.0/33"]
)
@pytest.mark.parametrize("name", ["client", "virtual"])
def test_a_filter_that_is_no_address_is_one_line(running: Path, name: str, value: str) -> None:
    result = invoke("sessions", "--filter", f"{name}={value}", "--control-socket", running)
    says = f"Error: {name} {value!r} is none of ADDRESS, ADDRESS:PORT and PREFIX/LENGTH\n"
    assert (result.exit_code, result.output) == (1, says)


@pytest.mark.parametrize("value", ["10.9.0.1", "10.9.0.1:80", "2001:db8::1", "[2001:db8::1]:80"])
def test_a_client_that_is_not_there_is_an_empty_list(running: Path, value: str) -> None:
    result = invoke("sessions", "--json", "--filter", f"client={value}", "--control-socket", running)
    assert (result.exit_code, result.output) == (0, "")


def test_a_filter_can_be_given_once(running: Path) -> None:
    options = ("--filter", "client=10.0.0.1", "--filter", "client=10.0.0.2")
    result = invoke("sessions", *options, "--control-socket", running)
    assert (result.exit_code, result.output.splitlines()[-1]) == (
        2,
        "Error: Invalid value for '--filter': client is given twice",
    )


def test_a_wrong_filter_is_one_line(running: Path) -> None:
    result = invoke("sessions", "--filter", "colour=red", "--control-socket", running)
    assert result.exit_code == 1
    assert result.output == (
        "Error: unknown filter 'colour'; there are client, virtual, local, server, state, protocol\n"
    )
    assert invoke("sessions", "--filter", "colour", "--control-socket", running).exit_code == 2


# ---------------------------------------------------------------------------------------------- stats


def test_stats_as_json(running: Path) -> None:
    found = json.loads(invoke("stats", "--json", "--control-socket", running).output)
    service = found["services"][0]
    assert {name: service[name] for name in ("protocol", "virtual", "scheduler", "active", "inactive")} == {
        "protocol": "tcp",
        "virtual": "203.0.113.80:80",
        "scheduler": "rr",
        "active": 3,
        "inactive": 5,
    }
    assert service["servers"][0] == {
        "healthy": True,
        "reason": "",
        "checked": None,
        "check_counts": [],
        "sorry": False,
        "on_duty": True,
        "ejected": None,
        "server": "10.0.0.11:8080",
        "mode": "fullnat",
        "weight": 1,
        "effective_weight": 0,
        "checked_weight": 0,
        "quic_id": "",
        "new_rate": 0,
        "upper_threshold": 0,
        "lower_threshold": 0,
        "full": False,
        "warming": None,
        "out_for": None,
        "reset_in": None,
        "templates": 0,
        "draining": False,
        "active": 2,
        "inactive": 4,
        "connections": 9,
        "unanswered": 2,
        "in_packets": 10,
        "in_bytes": 1000,
        "out_packets": 20,
        "out_bytes": 2000,
        "rates": dict.fromkeys(("connections", "in_packets", "out_packets", "in_bytes", "out_bytes"), 0.0),
    }
    assert (service["connections"], service["unanswered"], service["in_packets"]) == (12, 4, 10)
    assert service["refused"] == {"no_local_port": 3}


def test_stats_of_the_whole_as_json(running: Path) -> None:
    found = json.loads(invoke("stats", "--json", "--control-socket", running).output)
    assert found["drops"]["no_session"] == {"packets": 5, "bytes": 300}
    assert found["toa"]["ok"]["packets"] == 6
    assert set(found["punts"]) >= {"service_syn", "arp"}
    assert found["local_addresses"] == [
        {
            "address": "10.0.1.1",
            "used": 7,
            "free": 8,
            "conflicts": 0,
            "exhausted": 0,
            "draining": False,
            "connections": 21,
        }
    ]
    assert found["switch"]["state"] == "serving"
    assert found["switch_counters"] is True


def test_stats_as_tables(running: Path) -> None:
    lines = invoke("stats", "--control-socket", running).output.splitlines()
    rows = {" ".join(line.split()) for line in lines}
    assert {
        "# Services",
        "TCP 203.0.113.80:80 rr 3 5 12 4 10 20 1000 2000",
        "-> 10.0.0.11:8080 fullnat 1 2 4 9 2 10 20 1000 2000",
        "-> 10.0.0.12:8080 (draining) nat 0 1 1 1 1 0 0 0 0",
        "# Local addresses",
        "10.0.1.1 7 8 21 0 0",
        "# Refused",
        "service reason value",
        "TCP 203.0.113.80:80 rr no_local_port 3",
        "# Drops by reason",
        "no_session 5 300",
        "syn_received 4",
    } <= rows


def test_rates_are_differences_per_second(running: Path) -> None:
    result = invoke("stats", "--rate", "--interval", "0.1", "--json", "--control-socket", running)
    found = json.loads(result.output)
    name = "TCP 203.0.113.80:80 rr"
    assert found["rates"]["services"][name] == dict.fromkeys(
        ("connections", "unanswered", "in_packets", "out_packets", "in_bytes", "out_bytes"), 0.0
    )
    before = found
    later = json.loads(json.dumps(before))
    later["services"][0]["servers"][0]["in_packets"] += 30
    later["services"][0]["in_packets"] += 30
    later["drops"]["no_session"] = {"packets": 105, "bytes": 6300}
    later["punts"]["arp"]["packets"] += 3
    later["toa"]["ok"]["packets"] -= 1
    later["local_addresses"][0]["exhausted"] += 1
    later["services"][0]["refused"] = {"no_local_port": 4, "service_full": 6}
    later["controller"] |= {"syn_received": later["controller"]["syn_received"] + 10, "sessions": 7, "new": 2}
    later["switch"]["packet_outs"] += 40
    changed = rates(before, later, 2.0)
    assert changed["services"][name]["in_packets"] == 15.0
    assert changed["services"]["TCP 203.0.113.80:80  -> 10.0.0.11:8080 fullnat"]["in_packets"] == 15.0
    assert changed["drops"]["no_session"] == {"packets": 50.0, "bytes": 3000.0}
    assert (changed["punts"]["arp"]["packets"], changed["toa"]["ok"]["packets"]) == (1.5, 0.0)
    assert changed["local_addresses"] == {"10.0.1.1": {"connections": 0.0, "conflicts": 0.0, "exhausted": 0.5}}
    assert changed["refused"] == {name: {"no_local_port": 0.5, "service_full": 3.0}}
    assert (changed["controller"]["syn_received"], changed["controller"]["new"]) == (5.0, 1.0)
    assert "sessions" not in changed["controller"]
    assert changed["switch"]["packet_outs"] == 20.0


def test_rates_are_shown_of_everything_that_is_counted(running: Path) -> None:
    found = json.loads(invoke("stats", "--json", "--control-socket", running).output)
    later = json.loads(json.dumps(found))
    later["drops"]["no_session"]["packets"] += 3
    later["drops"]["no_session"]["bytes"] += 300
    later["controller"]["syn_received"] += 1
    shown = {title: (columns, rows) for title, columns, rows in sections(later | {"rates": rates(found, later, 2.0)})}
    assert shown["Drops by reason"] == (("reason", "pps", "bit/s"), [("no_session", "1.5", "1200")])
    assert shown["Controller"] == (("counter", "per second"), [("syn_received", "0.5")])
    assert shown["Switch"] == (("counter", "per second"), [("state", "serving")])
    assert shown["Local addresses"][0] == ("address", "used", "free", "conns/s", "conflicts/s", "exhausted/s")
    assert "TOA" not in shown, "nothing has changed"
    assert "in pps" in invoke("stats", "--rate", "--interval", "0.1", "--control-socket", running).output


def test_what_lvs_counts_is_told_in_its_format(running: Path) -> None:
    result = invoke("stats", "--lvs", "--control-socket", running)
    lines = result.output.splitlines()
    assert [line.partition(":")[0].strip() for line in lines] == list(LVS_NAMES)
    assert "fullnat_add_toa_ok       :         6" in lines
    assert "defence_tcp_drop         :         5" in lines
    assert "synproxy_ok_ack          :         0" in lines
    for other in ("--json", "--rate"):
        result = invoke("stats", "--lvs", other, "--control-socket", running)
        assert result.exit_code == 2
        assert result.output.splitlines()[-1] == "Error: --lvs goes with neither --json nor --rate"


def test_lvs_names_stand_for_counters_that_there_are() -> None:
    there = {
        "toa": {result.name.lower() for result in ToaResult},
        "cookies": {event.name.lower() for event in CookieEvent},
        "drops": {reason.name.lower() for reason in DropReason},
        "punts": {reason.name.lower() for reason in PuntReason},
        "controller": set(NAMES),
    }
    assert {place for places in LVS_NAMES.values() for place in places} <= {
        (group, name) for group, names in there.items() for name in names
    }


# ---------------------------------------------------------------------------------------------- mistakes


def test_times_are_those_of_here(running: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = json.loads(invoke("stats", "--json", "--control-socket", running).output)
    found["etcd"] = {"leads": True, "leader": "one", "leader_since": 1_700_000_000.5, "seconds": {}}
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        (rows,) = [rows for title, _, rows in sections(found) if title == "Controllers sharing etcd"]
    time.tzset()
    assert rows == [("leads", "True"), ("leader", "one"), ("leader_since", "2023-11-15 07:13:20+09:00")]


@pytest.mark.parametrize("command", ["sessions", "stats"])
def test_no_controller_is_one_line(tmp_path: Path, command: str) -> None:
    path = tmp_path / "none.sock"
    result = invoke(command, "--control-socket", path)
    assert result.exit_code == 1
    assert result.output == f"Error: no controller is running: nobody listens at {path}\n"


@pytest.mark.parametrize("answer", [b"junk\n", b"\xff\n", b"5\n", b"null\n", b"[]\n", b"[" * 100_000 + b"\n"])
def test_what_is_no_controller_is_one_line(tmp_path: Path, answer: bytes) -> None:
    path = tmp_path / "s"

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(answer)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        result = invoke("stats", "--control-socket", path)
        server.join()
    assert (result.exit_code, result.output) == (1, f"Error: {path}: what answers there is no controller\n")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"draining": False, "full": False, "warming": None, "out_for": None, "reset_in": None}, ""),
        ({"full": True}, " (full)"),
        ({"warming": 0.0}, " (slow start)"),
        ({"has_quorum": False}, " (no quorum)"),
        ({"has_quorum": True}, ""),
        ({"has_quorum": True, "cookies_for": 61.4}, " (cookies for every SYN, for 61 s)"),
        ({"has_quorum": True, "cookies_for": None}, ""),
        ({"on_duty": True, "sorry": False}, ""),
        ({"on_duty": False, "sorry": False}, " (off duty: a sorry server serves)"),
        ({"on_duty": False, "sorry": True}, " (sorry server)"),
        ({"draining": True, "out_for": 61.2, "reset_in": 0.0}, " (draining, out for 61 s, reset in 0 s)"),
    ],
)
def test_what_is_said_of_a_server(values: dict[str, object], said: str) -> None:
    assert notes(values) == said

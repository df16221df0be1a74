"""Where packets would go: on a p4soft in this process, read as it is and as by P4Runtime."""

from __future__ import annotations

from collections.abc import AsyncIterator
from ipaddress import IPv4Interface, IPv6Interface, ip_network
from typing import Any

import pytest

pytest.importorskip("p4soft.engine")

from fullnat.app.traces import TRACED, Words
from fullnat.app.tracing import MOST_PACKETS, Arrival, Arrivals, BadRequest
from fullnat.config.model import Interface, StaticRoute
from fullnat.core.declared.model import Model
from fullnat.core.interface import Op
from fullnat.net.flow import v4
from fullnat.p4rt.client import Client
from fullnat.p4rt.inprocess import InProcessTransport
from fullnat.p4rt.program import Program
from fullnat.p4rt.tracing import Tracer
from fullnat.tables.host import Host
from fullnat.tables.next_hop import NextHop, Way
from fullnat.tables.own_address import OwnAddress
from fullnat.tables.port import Port
from fullnat.tables.route import Route
from fullnat.tables.virtual_service import VirtualService
from p4soft.api import MeterConfig, ToolchainError
from p4soft.embedded import Switch
from p4soft.interpreter.remote import METERS

CPU_PORT = 255
ENTRIES = [
    Port(1, 0x020000000001),
    OwnAddress(v4(0xCB00710A), "own_vip"),
    VirtualService(6, v4(0xCB00710A), 80, 0),
    Route(v4(0x0A000000), 24, "route_connected"),
    Route(v4(0x0A090000), 16, "route_drop"),
    NextHop(65535, Way(2, 0x020000000002, 0x02000000000B, 1500)),
    Host(v4(0x0A00000B), 65535),
    Port(5 << 16 | 2, 0x020000000002),
    NextHop(65534, Way(5 << 16 | 2, 0x020000000002, 0x02000000000C, 1500)),
    Host(v4(0x0A00000C), 65534),
]
MODEL = Model(
    interfaces={
        1: Interface(port=1, mac=0x020000000001, address=IPv4Interface("198.51.100.1/24")),
        5 << 16 | 2: Interface(port=2, mac=0x020000000002, address=IPv6Interface("2001:db8::1/64"), vlan=5),
    },
    routes={ip_network("192.0.2.0/24"): StaticRoute(prefix=ip_network("192.0.2.0/24"), gateway=None)},
)


class Hidden(InProcessTransport):
    """Shows nothing but what P4Runtime has."""

    def state(self) -> None:
        return None


@pytest.fixture
async def switch() -> AsyncIterator[Switch]:
    try:
        made = Switch(device_id=1, cpu_port=CPU_PORT, ports={1: None, 2: None})
    except ToolchainError as error:
        pytest.skip(f"p4soft cannot compile here: {error}")
    await made.start()
    yield made
    await made.stop()


async def connected(switch: Switch, compiled: Program, kind: type[InProcessTransport]) -> Client:
    client = Client(kind(switch.service), compiled, device_id=1, election_id=lambda: 10)
    await client.open()
    await client.receive()
    if await client.ensure_pipeline():
        updates = [update for entry in ENTRIES for update in client.schema.encode(Op.INSERT, entry)]
        assert await client.write(updates) == {}
    return client


GOES = {
    "tcp 198.51.100.7:1234 > 203.0.113.10:80 SYN": ("controller", "SERVICE_SYN", ["punt_ctr[SERVICE_SYN]"]),
    "tcp 198.51.100.7:1234 > 203.0.113.10:81 SYN": ("dropped", "NO_SERVICE", ["drop_ctr[NO_SERVICE]"]),
    "udp 198.51.100.7:5 > 10.9.0.1:53": ("dropped", "ROUTE", ["drop_ctr[ROUTE]"]),
    "udp 198.51.100.7:5 > 10.0.0.11:53 ttl 9": ("forwarded", "", []),
    "icmp 198.51.100.7 > 203.0.113.10 type 13": ("dropped", "PROTOCOL", ["drop_ctr[PROTOCOL]"]),
}


@pytest.mark.parametrize("kind", [InProcessTransport, Hidden])
async def test_where_packets_go(switch: Switch, compiled: Program, kind: type[InProcessTransport]) -> None:
    client = await connected(switch, compiled, kind)
    before = [port.rx_packets for port in switch.engine.port_stats()]
    run = Tracer(compiled).begin(client)
    words = Words(compiled.p4info, run.program)
    found: dict[int, Any] = {}
    for arrival in Arrivals(MODEL.network(), None, to_us=False).every(GOES, ()):
        trace = await run.follow(arrival.port, arrival.frame)
        told = words.told(trace, cpu_port=CPU_PORT, with_log=True)
        assert set(told) | {"unknown"} == TRACED
        found[len(found)] = told
    assert [(t["verdict"], t["reason"], t["counters"]) for t in found.values()] == list(GOES.values())
    assert found[0]["why"] == "SYN to a virtual service, no session"
    assert found[0]["because"].startswith("decide.judge_without_session.segment_rules: punt (core/decide/")
    assert found[0]["steps"][0] == {
        "table": "port",
        "key": [{"name": "port", "value": "1"}],
        "result": "hit",
        "action": "port_set",
        "params": [{"name": "mac", "value": "02:00:00:00:00:01"}],
    }
    assert found[0]["log"][0] == "Processing packet received on port 1"
    changed = {each["field"]: (each["before"], each["after"]) for each in found[3]["changes"]}
    assert changed["ipv4.ttl"] == ("9", "8")
    assert changed["ethernet.dst"] == ("02:00:00:00:00:01", "02:00:00:00:00:0b")
    assert set(changed) == {"ethernet.dst", "ethernet.src", "ipv4.ttl", "ipv4.checksum"}
    # Nothing has come of it.
    assert switch.engine.collect() == []
    assert list(switch.engine.counts("drop_ctr")) == list(switch.engine.counts("punt_ctr")) == []
    assert [port.rx_packets for port in switch.engine.port_stats()] == before == [0, 0]
    await client.close()


async def test_interfaces_of_a_vlan_are_named_with_it(switch: Switch, compiled: Program) -> None:
    client = await connected(switch, compiled, InProcessTransport)
    run = Tracer(compiled).begin(client)
    words = Words(compiled.p4info, run.program)
    described = ["udp 198.51.100.7:5 > 10.0.0.12:53 vlan 5 to 02:00:00:00:00:02", "udp 198.51.100.7:5 > 10.0.0.11:53"]
    found = []
    for arrival, port in zip(Arrivals(MODEL.network(), None, to_us=False).every(described, ()), (2, 1), strict=True):
        trace = await run.follow(port, arrival.frame)
        found.append(words.told(trace, cpu_port=CPU_PORT, with_log=False))
    assert [(each["port"], each["vlan"], each["out_port"], each["out_vlan"]) for each in found] == [
        (2, 5, 2, 5),
        (1, 0, 2, 0),
    ]
    steps = [(step["table"], step["key"], step["params"]) for step in found[0]["steps"]]
    assert steps[0][:2] == ("port", [{"name": "port", "value": "2.5"}])
    assert "2.5" in {param["value"] for _, _, params in steps for param in params}
    await client.close()


async def test_a_meter_is_run_on_a_copy(switch: Switch, compiled: Program) -> None:
    """A burst of two lets two packets of a request pass, and two of the next one, too."""
    client = await connected(switch, compiled, InProcessTransport)
    switch.engine.write_meter("punt_meter", 1, MeterConfig(1, 2, 1, 2))
    arrival = Arrivals(MODEL.network(), None, to_us=False).every(["tcp 198.51.100.7:1 > 203.0.113.10:80 SYN"], ())[0]
    words = None
    for _ in range(2):
        run = Tracer(compiled).begin(client)
        words = words or Words(compiled.p4info, run.program)
        traces = [await run.follow(arrival.port, arrival.frame) for _ in range(3)]
        told = [words.told(trace, cpu_port=CPU_PORT, with_log=False) for trace in traces]
        assert [each["reason"] for each in told] == ["SERVICE_SYN", "SERVICE_SYN", "PUNT_METER"]
        assert run.unknown == []
    await client.close()


async def test_what_a_switch_does_not_tell_is_said(switch: Switch, compiled: Program) -> None:
    client = await connected(switch, compiled, Hidden)
    switch.engine.write_meter("punt_meter", 1, MeterConfig(1, 2, 1, 2))
    run = Tracer(compiled).begin(client)
    arrival = Arrivals(MODEL.network(), None, to_us=False).every(["tcp 198.51.100.7:1 > 203.0.113.10:80 SYN"], ())[0]
    await run.follow(arrival.port, arrival.frame)
    assert run.unknown == [METERS]
    await client.close()


# ---- where packets come in


def test_packets_come_by_the_interface_that_leads_to_their_source() -> None:
    (v4_, v6) = Arrivals(MODEL.network(), None, to_us=False).every(
        ["udp 198.51.100.7:5 > 10.9.0.1:53", "udp [2001:db8::7]:5 > [2001:db8:1::1]:53"], ()
    )
    assert (v4_.port, v4_.frame[:6].hex()) == (1, "020000000001")
    assert (v6.port, v6.frame[:6].hex(), v6.frame[12:16].hex()) == (2, "020000000002", "81000005")


def test_frames_come_by_the_interface_that_they_are_sent_to() -> None:
    frame = bytes.fromhex("020000000002" + "02000000000f" + "81000005" + "0800") + bytes(40)
    assert Arrivals(MODEL.network(), None, to_us=False).every((), [frame.hex()]) == [Arrival(2, frame)]
    assert Arrivals(MODEL.network(), 7, to_us=False).every((), [frame.hex()]) == [Arrival(7, frame)]
    (ours,) = Arrivals(MODEL.network(), 1, to_us=True).every((), [(frame[:12] + frame[16:]).hex()])
    assert ours.frame[:6].hex() == "020000000001"


@pytest.mark.parametrize(
    ("packets", "frames", "why"),
    [
        ([], [], "no packet is given"),
        (["udp 1.2.3.4:5 > 10.9.0.1:53"], [], "no interface leads to 1.2.3.4: say by which port the packet comes"),
        (["what"], [], "'what' is no packet"),
        ([], ["0"], "'0' is not a frame in hexadecimal"),
        ([], ["00" * 60], "no interface has the frame's MAC address or leads to its source"),
        ([], ["00" * 20000], "a frame of 20000 bytes is longer than 16384"),
        (["udp 198.51.100.7:5 > 10.9.0.1:53"] * (MOST_PACKETS + 1), [], "1001 packets are more than 1000"),
    ],
)
def test_what_is_no_packet(packets: list[str], frames: list[str], why: str) -> None:
    with pytest.raises(BadRequest, match=why):
        Arrivals(MODEL.network(), None, to_us=False).every(packets, frames)

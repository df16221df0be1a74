"""Who writes to which switch, from what is on the wire."""

from __future__ import annotations

import pytest
from finsy.proto import p4r
from fullnat.p4rt.wire import delimited, scalar, u128, write_request
from google.protobuf.message import Message

from chaos.witness import Judge, Written, requests

ONE, TWO = 5 << 64, 9 << 64


def grpc(message: Message | bytes) -> bytes:
    """As HTTP/2 carries it: a frame's header, gRPC's, and the message."""
    content = message if isinstance(message, bytes) else message.SerializeToString()
    body = b"\0" + len(content).to_bytes(4, "big") + content
    return len(body).to_bytes(3, "big") + b"\0\1" + (7).to_bytes(4, "big") + body


def bid(election: int) -> p4r.StreamMessageRequest:
    request = p4r.StreamMessageRequest()
    request.arbitration.device_id = 1
    request.arbitration.election_id.high, request.arbitration.election_id.low = divmod(election, 1 << 64)
    return request


def pushed(election: int) -> p4r.SetForwardingPipelineConfigRequest:
    request = p4r.SetForwardingPipelineConfigRequest(device_id=1)
    request.election_id.high, request.election_id.low = divmod(election, 1 << 64)
    request.action = p4r.SetForwardingPipelineConfigRequest.VERIFY_AND_COMMIT
    return request


def write(election: int) -> bytes:
    made = p4r.Update(type=p4r.Update.INSERT)
    made.entity.table_entry.table_id = 33554433
    return write_request(scalar(1, 1) + delimited(3, u128(election)), [made.SerializeToString()])


@pytest.mark.parametrize("election", [ONE, ONE + 1, (300 << 64) + 77])
def test_bids_and_writes_are_told_apart(election: int) -> None:
    assert requests(grpc(bid(election)) + grpc(write(election)) + grpc(pushed(election))) == [
        (True, election),
        (False, election),
        (False, election),
    ]


def test_what_is_neither_is_passed_over() -> None:
    read = p4r.ReadRequest(device_id=1)
    read.entities.add().table_entry.table_id = 3
    packet = p4r.StreamMessageRequest()
    packet.packet.payload = bytes(range(256)) * 3
    ask = p4r.CapabilitiesRequest()
    for message in (read, packet, ask):
        assert requests(grpc(message)) == []
    whole = grpc(write(ONE))
    for end in range(len(whole)):
        assert requests(whole[:end]) in ([], [(False, ONE)])


def written(switch: str, controller: str, election: int) -> Written:
    return Written(0.0, switch, controller, election)


def test_a_write_that_a_switch_refuses_is_no_fault() -> None:
    judge = Judge()
    judge.bids("left", ONE)
    judge.writes_to(written("left", "one", ONE))
    judge.bids("left", TWO)
    judge.writes_to(written("left", "two", TWO))
    judge.writes_to(written("left", "one", ONE))
    assert (judge.writes, judge.faults) == (2, [])


def test_one_who_writes_to_another_switch_after_a_later_one_is() -> None:
    judge = Judge()
    for switch in ("left", "right"):
        judge.bids(switch, ONE)
        judge.writes_to(written(switch, "one", ONE))
    judge.bids("left", TWO)
    judge.writes_to(written("left", "two", TWO))
    assert judge.faults == []
    judge.writes_to(written("right", "one", ONE))
    assert judge.faults == ["one writes to right with 5+0, 0.000 s after two writes to left with 9+0"]


def test_one_who_leads_on_in_a_later_term_is_none() -> None:
    """The switch that it has not connected to anew knows it by the term before."""
    judge = Judge()
    judge.bids("left", ONE)
    judge.bids("right", TWO)
    judge.writes_to(written("right", "one", TWO))
    judge.writes_to(written("left", "one", ONE))
    assert (judge.writes, judge.faults) == (2, [])

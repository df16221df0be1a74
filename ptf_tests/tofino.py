"""How each behaviour of the suite fares on Tofino: in the data plane, but for what is written here.

The program for the ASIC cannot be run where these tests run. Its order of controls and its option handling can (target
``p4soft-asic``), and such a run fails when a test takes the way through the controller and is not in BY_CONTROLLER.
"""

from __future__ import annotations

from ptf_tests.targets import CAPABILITIES, COMPILED, External

LACKS = {
    "any-options": "no parser loop over bytes keeps what it passes; uncommon lists go through the controller",
    "toa-in-timestamps": "a header half taken out is another header; only a whole option makes room, or the controller",
    "judged-segments": "digests are made in ingress, sequence numbers are in egress; the controller is told so, and "
    "in DR is not told of the client's ACK",
    "icmp-errors": "neither parser nor decision has room for a packet within a packet; the controller translates those "
    "to addresses of ours in FULLNAT, and the clients' side's in NAT; others are routed as they are, or dropped",
    "tells-senders": "TTL and MTU are judged behind the meter of what goes to the controller; dropped as TTL and MTU",
    "echo-rate": "an answer has left the decision before the meter of what goes to the controller; all are answered",
    "stateless": "a hash and a lookup by it, between those of service and server, are two stages too many",
    "proxy-protocol": "bytes in front of a payload pass what the egress parser and its checksums see; refused by name",
    "vlans": "a VLAN in every port number would widen the containers of ingress; frames of VLANs are dropped as VLAN",
    "tunnels": "the decision has no room for outer addresses, nor has egress for the header; dropped as TUNNEL",
    "fragments": "ports behind the first one would need a register of 96 bits before all tables; dropped as FRAGMENT",
    "ipsec": "a flow without ports would need parser states and a condition of every stage; dropped as PROTOCOL",
    "policies": "lists of prefixes are TCAM that the stages behind sessions' lack, and asked between service and "
    "decision, two stages too many; compiled without, refused by name",
    "service-match": "ranges of ports take several TCAM entries, in stages that sessions fill; compiled without",
    "snat": "its rules are a TCAM behind next_hop, where no stage is left; refused by name",
    "ipv6": "the egress parser sees 160 bytes, which addresses of both sides with any options pass; compiled without",
    "families": "it takes IPv6, and both headers in egress; dropped as ETHERTYPE, on the stand-in as FAMILY",
    "nd-answers": "an answer would be summed in egress; the controller answers",
    "ip-options": "ten option words would need parser states, PHV and deparser checksum entries of their own; dropped",
    "frame-length": "ingress does not know it; a packet shorter than its IPv4 length passes as it is",
    "runt-frames": "the MAC drops them",
    "idle-times": "Stratum's P4Runtime stores no idle timeout; the controller judges by the counters",
    "long-since-hit": "nor does it tell a time since the last hit",
    "register-read": "registers are per pipe and in banks, and no controller reads them",
    "resource-exhausted": "a full table is an error of the driver's; the controller takes UNKNOWN for full as well",
    "validated-hits": "sessions are looked up in the first stages, beside what validates the segment",
    "second-opinion": "says nothing about the switch",
}
"""Capabilities that the ASIC lacks, and the limit that stops it. A test that requires one is not supported."""

LACKS_ON_2 = {"session-bytes": "packets and bytes would take the session tables a stage more than there are"}
"""Likewise, of Tofino 2."""

CAN = frozenset(CAPABILITIES) - LACKS.keys()


class Tofino(External):
    """A chip or its model, with P4Runtime; to be told where its device configuration is."""

    capabilities = CAN


class Tofino1(Tofino):
    name = "tofino1"
    p4info = COMPILED / "tofino/tofino1.p4info.txtpb"


class Tofino2(Tofino):
    name = "tofino2"
    capabilities = CAN - LACKS_ON_2.keys()
    p4info = COMPILED / "tofino/tofino2.p4info.txtpb"


def external(target: str) -> type[External]:
    """The class of a running switch. Raises KeyError for an unknown target."""
    return {"v1model": External, "tofino1": Tofino1, "tofino2": Tofino2}[target]


BY_CONTROLLER = frozenset(
    {
        "BrokenOptionsAreDroppedBothWays",
        "BrokenSynIsNotInjected",
        "BytesBehindAnErrorAreCarriedAlong",
        "ClientsSegmentsAreTranslatedOnly",
        "DamagedErrorsStayDamaged",
        "DamagedSegmentsStayDamaged",
        "DataOffsetOfTheWholeSegmentPasses",
        "DroppedSegmentsAreNoEvents",
        "EightBytesOfAQuotedSegmentSuffice",
        "ErrorsAboutDatagramsAreTranslatedBothWays",
        "ErrorsAboutSegmentsAreTranslatedBothWays",
        "ErrorsKeepTheirIpOptions",
        "ExperimentalOptionsOfAnyLengthAreRemoved",
        "ForgedToaIsRemoved",
        "ForgedToaIsRemovedWhereNoneFits",
        "FortyByteOptionPasses",
        "FortyNopsPass",
        "IpOptionsPass",
        "MalformedAnswersAreDroppedByName",
        "MalformedFormsAreDroppedByName",
        "MalformedFormsAreDroppedInjected",
        "MssAtEveryOffset",
        "MssOfAnotherLengthStays",
        "NothingBehindEndOfListIsTouched",
        "OnlyTheFirstMssIsLowered",
        "OnlyTheFirstSackIsShifted",
        "OptionsAreNoPayload",
        "QuotedFirstFragmentIsTranslated",
        "QuotedIpOptionsAreKept",
        "QuotedMtuLeavesRoomForToa",
        "QuotedMtuStaysWithoutToa",
        "QuotedNumbersAreShiftedBack",
        "SackAtEveryOffset",
        "SackBesideTimestamps",
        "SackOfAnotherLengthStays",
        "ServersExperimentalOptionsStay",
        "ServersSegmentsAreTranslatedOnly",
        "StrayErrorsAreDropped",
        "SynAckOptionsStayInOrder",
        "SynKeepsItsData",
        "SynTimestampsAtEveryOffset",
        "SynsKeepEverythingButTimestamps",
        "ThereAndBackIsIdentity",
        "TimestampsOfAnotherLengthStay",
        "ToaStandsBeforeOtherOptions",
        "ToaTakesNoPlaceInOtherSegments",
        "ToaTakesThePlaceOfWhatIsRemoved",
        "ToaWhenHeaderIsFull",
        "ToaWithTheLargestHeaderAndPayload",
        "TwentyShortestOptionsPass",
    }
)
"""Tests some of whose segments have options that the controller edits, or with ICMP errors, which it translates."""

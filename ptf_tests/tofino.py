"""How each behaviour of the suite fares on Tofino: in the data plane, but for what is written here.

The program for the ASIC cannot be run where these tests run. Its option handling can (target ``p4soft-layouts``), and
such a run fails when a test takes the way through the controller and is not in BY_CONTROLLER.
"""

from __future__ import annotations

from ptf_tests.targets import CAPABILITIES

LACKS = {
    "any-options": "no parser loop over bytes keeps what it passes; uncommon lists go through the controller",
    "ip-options": "ten option words would need parser states, PHV and deparser checksum entries of their own; dropped",
    "frame-length": "ingress does not know it; a packet shorter than its IPv4 length passes as it is",
    "runt-frames": "the MAC drops them",
    "second-opinion": "says nothing about the switch",
}
"""Capabilities that the ASIC lacks, and the limit that stops it. A test that requires one is not supported."""

CAN = frozenset(CAPABILITIES) - LACKS.keys()

BY_CONTROLLER = frozenset(
    {
        "BrokenOptionsAreDroppedBothWays",
        "BrokenSynIsNotInjected",
        "ClientsSegmentsAreTranslatedOnly",
        "DamagedSegmentsStayDamaged",
        "DataOffsetOfTheWholeSegmentPasses",
        "DroppedSegmentsAreNoEvents",
        "ExperimentalOptionsOfAnyLengthAreRemoved",
        "ForgedToaIsRemoved",
        "ForgedToaIsRemovedWhereNoneFits",
        "FortyByteOptionPasses",
        "FortyNopsPass",
        "IpOptionsPass",
        "MssAtEveryOffset",
        "MssOfAnotherLengthStays",
        "NothingBehindEndOfListIsTouched",
        "OnlyTheFirstMssIsLowered",
        "OnlyTheFirstSackIsShifted",
        "OptionsAreNoPayload",
        "SackAtEveryOffset",
        "SackBesideTimestamps",
        "SackOfAnotherLengthStays",
        "ServersExperimentalOptionsStay",
        "ServersSegmentsAreTranslatedOnly",
        "SynAckOptionsStayInOrder",
        "SynKeepsItsData",
        "SynTimestampsAtEveryOffset",
        "SynsKeepEverythingButTimestamps",
        "ThereAndBackIsIdentity",
        "TimestampsOfAnotherLengthStay",
        "ToaStandsBeforeOtherOptions",
        "ToaWhenHeaderIsFull",
        "ToaWithTheLargestHeaderAndPayload",
        "TwentyShortestOptionsPass",
    }
)
"""Tests some of whose segments have options that the controller edits."""

"""Every reason the program can give is tested."""

import re
import unittest
from importlib import import_module
from pathlib import Path

from fullnat.p4constants import DropReason, PacketOutAction, PuntReason, SessionEvent, ToaResult

from ptf_tests.base import FullnatTest
from ptf_tests.followed import Follower, run

NOT_COUNTED = {
    "NONE": "nothing happened",
    "IPV4_OPTIONS": "only where a target lacks ip-options",
    "NO_NEIGHBOR": "as a DropReason: the packet goes to the controller and is counted as a punt",
}


class EveryReasonIsTested(unittest.TestCase):
    """Each drop reason, punt reason, TOA result and session event stands in the expectation of some test."""

    def runTest(self) -> None:
        here = Path(__file__)
        tests = "".join(path.read_text() for path in here.parent.glob("*.py") if path != here)
        missing = [
            f"{enumeration.__name__}.{name}"
            for enumeration in (DropReason, PuntReason, ToaResult, SessionEvent, PacketOutAction)
            for name in enumeration.__members__
            # The last member of an enumeration that indexes counters is its size.
            if not name.endswith(("REASONS", "RESULTS"))
            and name not in NOT_COUNTED
            and not re.search(f'["|]{name}["|]|{enumeration.__name__}.{name}\\b', tests)
        ]
        assert missing == []


DROPS = {
    "PARSER": "test_malformed.IhlBeyondThePacketIsDropped",
    "NOT_FOR_US": "test_packet_out.InjectOnUnknownPortIsDropped",
    "ETHERTYPE": "test_malformed.OtherEthertypesAreDropped",
    "IPV4_HEADER": "test_malformed.IhlBeyondThePacketIsDropped",
    "IPV4_CHECKSUM": "test_counters.MalformedSegmentsAreNoHits",
    "IPV4_ADDRESS": "test_routing.MartianSynsAreNotPunted",
    "TTL": "test_routing.WhatTellsNobodyEndsInSilence",
    "FRAGMENT": "test_echo.EchoInFragmentsIsNotAnswered",
    "TCP_HEADER": "test_counters.MalformedSegmentsAreNoHits",
    "TCP_OPTIONS": "test_options.BrokenSynIsNotInjected",
    "TCP_FLAGS": "test_stateless.FaultySegmentsOfNoSessionAreDropped",
    "NO_SERVICE": "test_service_match.DatagramsAreServedLikewise",
    "NO_SESSION": "test_fullnat_syn.InjectedSegmentWithoutSessionIsDropped",
    "PROTOCOL": "test_echo.EchoToALocalAddressIsNotAnswered",
    "NO_ROUTE": "test_routing.NoRouteIsDropped",
    "ROUTE": "test_routing.DropRouteIsDropped",
    "MTU": "test_echo.EchoOverTheMtuIsDropped",
    "PUNT_METER": "test_routing.NoNeighborHasARate",
    "INJECT_MISS": "test_fullnat_syn.InjectedSynWithoutSessionIsDropped",
    "RESET_UNKNOWN": "test_dr.DrResetBeforeTheClientAnsweredIsDropped",
    "PACKET_OUT": "test_packet_out.UnknownRequestIsDropped",
    "ARP": "test_arp.ArpReplyToOthersIsDropped",
    "IPV4_OPTIONS": "test_family_errors.QuoteWithOptionsIsNoneOfNat64",
    "SERVER": "test_servers.SessionWithoutServerIsDropped",
    "VLAN": "test_vlans.TagsOfNoInterfaceAreDropped",
    "TUNNEL_MTU": "test_tunnel.WhatTheTunnelHasNoRoomForIsNotSentByGue",
    "UDP_HEADER": "test_family_forms.DatagramsThatNat64DropsAreNamed",
    "ICMP_ERROR": "test_family_errors.QuoteWithOptionsIsNoneOfNat64",
    "IPV6_HEADER": "test_vlan.PriorityTaggedFrameMayEndWithItsPacketOverIpv6",
    "IPV6_ADDRESS": "test_ipv6.Ipv6AddressesThatAreNotRoutedAreDropped",
    "IPV6_EXTENSION": "test_family_forms.FormsThatNat64DropsAreNamed",
    "IPV6_FRAGMENT": "test_family_forms.FormsThatNat64DropsAreNamed",
    "HOP_LIMIT": "test_icmp_strays.ErrorsEndInSilenceOverIpv6",
    "UDP_CHECKSUM": "test_families.DatagramsWithoutChecksumStayInTheirFamilyNat46",
    "ND": "test_nd.SolicitationForOthersIsDropped",
    "FAMILY": "test_families.SessionThatCrossesToItsOwnFamilyIsDropped",
    "IPSEC": "test_ipsec.NoIpsecInFullnat",
    "NO_BUCKET": "test_stateless.BucketsWithoutServerDrop",
    "PROXY": "test_proxy.NobodyWritesOverTheHeader",
    "DENIED": "test_policies.DatagramsAreAskedLikewise",
    "DENIED_BY_ALL": "test_policies.TheListOfAllServicesCountsFirst",
    "NEW_RATE": "test_policies.AServiceBeginsAsManyAsItMay",
    "SOURCE_RATE": "test_policies.ASourceBeginsAsManyAsItMayWithAllServices",
    "SYN_COOKIE": "test_cookies.CookieSynWithIpOptionsIsDropped",
    "BAD_COOKIE": "test_cookies.CookieOfAnotherPortIsWrong",
    "TUNNEL": "test_tunnel.TunnelThatTheTargetHasNotIsDropped",
}
"""A test that has packets dropped for each reason."""


class EveryDropIsTraced(FullnatTest):
    """For each reason there is, `fullnat trace` says beforehand that packets are dropped for it, and all else that
    becomes of the packets of the test; on a switch elsewhere by a copy of its tables."""

    def runTest(self) -> None:
        others = {"NONE", "NO_NEIGHBOR", "DROP_REASONS"}
        self._equal(set(DropReason.__members__) - others, set(DROPS), "reasons that a test is named for")
        follower = Follower(self.harness.target)
        self.addCleanup(follower.close)
        # The tests install the same topology.
        self.delete(*self._installed)
        for reason, name in DROPS.items():
            module, _, cls = name.partition(".")
            with self.subTest(reason=reason):
                told, excuses = run(getattr(import_module(f"ptf_tests.{module}"), cls), follower)
                assert reason in told or excuses

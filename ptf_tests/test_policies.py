"""Who may use a service: lists of prefixes, and how often connections begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fullnat.p4constants import ServiceFlag

from ptf_tests import topology
from ptf_tests.base import FullnatTest, Punt, over_ipv6_too, requires
from ptf_tests.cookies import key_entries
from ptf_tests.p4rt import Entry
from ptf_tests.packets import Tcp, Udp
from ptf_tests.packets import address as number
from ptf_tests.sessions import Session, ends
from ptf_tests.topology import CLIENT_SIDE, SERVER_SIDE, match, suffix

CLOSED, RESET, PROHIBIT = 1, 2, 4
SECOND = 256_000_000


def policed(entry: Entry, policy: int = 7) -> Entry:
    """The service of ``entry`` with a policy."""
    return replace(entry, action=f"{entry.action}_policed", params={**entry.params, "policy": policy})


def _source(rate: int) -> dict[str, int]:
    gap = SECOND // rate if rate else 0
    masks = {"source_mask": (1 << 32) - (1 << 8), "source_mask6": (1 << 128) - (1 << 64)}
    return {"source_gap": gap, "source_slack": SECOND if rate else 0, **masks}


def policy(list_id: int = 0, flags: int = 0, rate: int = 0, source_rate: int = 0, policy: int = 7) -> Entry:
    pace = {"gap": SECOND // rate if rate else 0, "slack": SECOND if rate else 0}
    params = {"list_id": list_id, "flags": flags, **pace, **_source(source_rate)}
    return Entry("policy", {"policy": policy}, "policy_set", params)


def policy_of_all(list_id: int = 0, flags: int = 0, source_rate: int = 0) -> Entry:
    params = {"list_id": list_id, "flags": flags, **_source(source_rate)}
    return Entry("policy_of_all", {"served": 1}, "policy_of_all_set", params)


def listed(source: str, bits: int, action: str = "list_refuse", list_id: int = 3, table: str = "list") -> Entry:
    width = 128 if ":" in source else 32
    value = number(source) >> width - bits << width - bits
    key: dict[str, object] = {"list_id": list_id} | ({"source": (value, bits)} if bits else {})
    return Entry(f"{table}{suffix(source)}", key, action)  # type: ignore[arg-type]


@requires("policies")
class PolicyTest(FullnatTest):
    """A service with a policy of its own."""

    def serve(self, *entries: Entry, policy: int = 7) -> None:
        self.insert(policed(topology.service(self.network.vip), policy), *entries)

    def syn(self, **fields: object) -> Tcp:
        return Session(id=0, **ends(self.network)).from_client(flags="S", **fields)

    def passes(self, packet: Tcp | Udp, reason: str = "SERVICE_SYN") -> None:
        self.exchange((CLIENT_SIDE, packet), punted=[Punt(reason, packet)])

    def refuses(self, packet: Tcp | Udp, reason: str = "DENIED") -> None:
        self.drop(CLIENT_SIDE, packet, reason)

    def at_once(self, passing: Sequence[Tcp], others: Sequence[Tcp], reason: str) -> None:
        """What comes within a rate's burst, and what is above it: a slow machine is to send both in one go."""
        punts = [Punt("SERVICE_SYN", packet) for packet in passing]
        sent = [(CLIENT_SIDE, packet) for packet in (*passing, *others)]
        self.exchange(*sent, punted=punts, drops={reason: len(others)})

    @property
    def bits(self) -> int:
        """Of an address."""
        return 128 if ":" in self.network.client else 32


@over_ipv6_too
class TheLongestPrefixSaysWhoMay(PolicyTest):
    """Whatever the order; another list of the same prefixes says nothing."""

    def runTest(self) -> None:
        client = self.network.client
        self.serve(policy(list_id=3), listed(client, 0, list_id=4))
        self.passes(self.syn())
        wide, longer, own = (listed(client, self.bits - cut, action) for cut, action in (
            (8, "list_refuse"), (4, "list_pass"), (0, "list_refuse")
        ))  # fmt: skip
        self.insert(wide)
        self.refuses(self.syn())
        self.insert(longer)
        self.passes(self.syn())
        self.insert(own)
        self.refuses(self.syn())
        self.delete(own, longer)
        self.refuses(self.syn())


@over_ipv6_too
class AClosedListRefusesWhoIsInNone(PolicyTest):
    def runTest(self) -> None:
        client = self.network.client
        self.serve(policy(list_id=3, flags=CLOSED), listed(self.network.silent_host, self.bits, "list_pass"))
        self.refuses(self.syn())
        self.passes(self.syn(src=self.network.silent_host))
        self.insert(listed(client, self.bits, "list_pass"))
        self.passes(self.syn())


@over_ipv6_too
class TheListOfAllServicesCountsFirst(PolicyTest):
    """For services without a policy as well; another's list is none of theirs."""

    def runTest(self) -> None:
        client = self.network.client
        self.serve(policy(list_id=3), listed(client, self.bits, "list_pass"))
        self.insert(topology.service(self.network.vip, vport=81))
        of_all = listed(client, self.bits, table="list_of_all")
        self.insert(policy_of_all(list_id=3), of_all)
        other = Session(id=0, vport=81, **ends(self.network)).from_client(flags="S")
        self.refuses(self.syn(), "DENIED_BY_ALL")
        self.refuses(other, "DENIED_BY_ALL")
        self.delete(of_all)
        self.passes(self.syn())
        self.passes(other)


@over_ipv6_too
class WhoIsRefusedMayBeTold(PolicyTest):
    """The controller gets the packet, and with it what the list has it answer."""

    def runTest(self) -> None:
        client = self.network.client
        self.serve(policy(list_id=3, flags=RESET), listed(client, self.bits))
        syn = self.syn()
        self.exchange((CLIENT_SIDE, syn), punted=[Punt("REFUSED", syn, service_flags=RESET)])
        self.insert(policy_of_all(list_id=3, flags=PROHIBIT), listed(client, self.bits, table="list_of_all"))
        self.exchange((CLIENT_SIDE, syn), punted=[Punt("REFUSED", syn, service_flags=PROHIBIT)])


@over_ipv6_too
class WhoComesTooOftenMayBeTold(PolicyTest):
    """Likewise: of its source, or of the service."""

    def runTest(self) -> None:
        for place, rates in enumerate(({"source_rate": 1}, {"rate": 1})):
            number = 120 + 2 * place + (self.bits == 128)
            service = policed(topology.service(self.network.vip), number)
            self.insert(service, policy(flags=RESET, policy=number, **rates))
            first, second = self.syn(), self.syn(sport=40001)
            punts = [Punt("SERVICE_SYN", first), Punt("REFUSED", second, service_flags=RESET)]
            self.exchange((CLIENT_SIDE, first), (CLIENT_SIDE, second), punted=punts)
            self.delete(service)


@over_ipv6_too
class WhoIsRefusedGetsNoCookie(PolicyTest):
    """Where there are too many to be told: it is dropped for what it was refused for."""

    required = ("policies", "syn-cookies")

    def runTest(self) -> None:
        client = self.network.client
        service = topology.service(self.network.vip, flags=ServiceFlag.COOKIES_IN_NEED)
        self.insert(policed(service), policy(list_id=3, flags=RESET), listed(client, self.bits), *key_entries(7))
        syn = self.syn()

        def attempt() -> None:
            self.meter_punts("REFUSED", 1)
            punts = [Punt("REFUSED", syn, service_flags=RESET)]
            self.exchange(*[(CLIENT_SIDE, syn)] * 3, punted=punts, drops={"DENIED": 2})

        self.within_a_second(attempt)


@over_ipv6_too
class SessionsAreNotAsked(PolicyTest):
    """One that runs goes on; late segments without session are refused."""

    def runTest(self) -> None:
        self.serve(policy(list_id=3), listed(self.network.client, self.bits))
        self.refuses(self.syn().replace(flags="A"))
        session = Session(id=self.harness.session_id(), delta=0x20, local_port=5000, **ends(self.network))
        self.insert(*session.server_entries, *session.entries)
        sent = session.from_client(flags="A")
        self.exchange((CLIENT_SIDE, sent), out=[(SERVER_SIDE, session.to_server(sent))])


@over_ipv6_too
class DatagramsAreAskedLikewise(PolicyTest):
    def runTest(self) -> None:
        vip = self.network.vip
        self.insert(policed(topology.service(vip, protocol=17)), policy(list_id=3))
        datagram = Udp(**Session(id=0, **ends(self.network)).client_sends)
        self.passes(datagram, "SERVICE_DATAGRAM")
        self.insert(listed(self.network.client, self.bits))
        self.refuses(datagram)


@requires("service-match")
@over_ipv6_too
class ServicesByMatchHavePoliciesAsWell(PolicyTest):
    def runTest(self) -> None:
        self.insert(policed(match(self.network.vip)), policy(list_id=3), listed(self.network.client, self.bits))
        self.refuses(self.syn())
        self.passes(self.syn(src=self.network.silent_host))


@over_ipv6_too
class AServiceBeginsAsManyAsItMay(PolicyTest):
    """A second's at once, and then one each time; what is no beginning does not count."""

    def runTest(self) -> None:
        number = 100 + self.bits
        self.serve(policy(rate=3, policy=number), policy=number)
        for _ in range(5):
            self.drop(CLIENT_SIDE, self.syn().replace(flags="A"), "NO_SESSION")
        self.at_once([self.syn(sport=40000 + sport) for sport in range(3)], [self.syn()], "NEW_RATE")


@over_ipv6_too
class ASourceBeginsAsManyAsItMay(PolicyTest):
    """All of its prefix together; another one is not concerned, nor is one beyond its due that of the service."""

    def runTest(self) -> None:
        number = 101 + self.bits
        self.serve(policy(rate=5, source_rate=2, policy=number), policy=number)
        syns = [self.syn(sport=40000 + sport) for sport in range(9)]
        self.at_once(syns[:2], syns[2:], "SOURCE_RATE")
        far = "2001:db8:99::1" if self.bits == 128 else "192.0.2.7"
        self.passes(self.syn(src=far))


@over_ipv6_too
class ASourceBeginsAsManyAsItMayWithAllServices(PolicyTest):
    def runTest(self) -> None:
        self.serve(policy_of_all(source_rate=2))
        self.insert(topology.service(self.network.vip, vport=81))
        other = Session(id=0, vport=81, **ends(self.network)).from_client(flags="S")
        self.at_once([self.syn(), other], [self.syn(), other], "SOURCE_RATE")

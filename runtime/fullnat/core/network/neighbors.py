"""Neighbors: ARP (RFC 826) and neighbor discovery (RFC 4861) on behalf of the switch, which answers by itself who asks
in the usual form, and only looks neighbors up. The states are ARP's for both: nobody above tells of reachability, so
what RFC 4861 calls STALE is asked at once.

An address is resolved when a packet needs it, and beforehand for real servers and gateways ("wanted"). Packets wait
for the answer (:mod:`.waiting`). Resolved neighbors are asked again from time to time, first directly and then by
broadcast; only one that stays silent is forgotten. Nobody is believed unasked but who asks us: any other packet
changes only what is being resolved or already known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum

from fullnat.core.interface import Effect, Forward, Log, NeighborHeard
from fullnat.core.network.frames import announcements, question, readdressed
from fullnat.core.network.next_hops import NextHops
from fullnat.core.network.routing import Link, Router
from fullnat.core.network.waiting import FEW, Budget, Waiting
from fullnat.core.stats import Stats
from fullnat.core.timers import TimerWheel
from fullnat.net.flow import Address, is_v6, text
from fullnat.net.headers import ARP_REPLY
from fullnat.net.nd import Advertisement
from fullnat.net.parse import Packet
from fullnat.net.vlan import interface_text
from fullnat.tables.next_hop import Way

UNRESOLVED_LIMIT = 1024
"""Neighbors being resolved at a time: a scan of a connected subnet must not fill memory."""
WORTH_BRINGING: int = UNRESOLVED_LIMIT * FEW
"""Packets without neighbor a second that a switch may bring, and at once: what all that are being resolved may have
waiting. More, as of a scan, would cost the time of connections that begin."""
RETRY = 1.0
"""Seconds to the first repetition; doubled each time."""
RETRY_LIMIT = 30.0
TOLD_TRIES = 2
"""Unanswered questions of which the log tells, 3 seconds after the first one."""
TRIES = 5
"""Requests before an unwanted neighbor is given up; a wanted one is asked for ever."""
REFRESH = 60.0
"""Seconds between confirmations of a resolved neighbor."""
DELAY = 5.0
"""Seconds for which an answer stands, whatever is suspected (Linux: neigh/default/delay_first_probe_time)."""
REFRESH_TRIES = 4
"""Unanswered confirmations, RETRY seconds and more apart, before it is forgotten."""
HEARD_LIMIT = 1024
"""Neighbors known from their own requests only (Linux: neigh/default/gc_thresh3)."""
LOCK_TIME = 1.0
"""Seconds for which a known address is not changed by requests (Linux: neigh/default/locktime)."""
CONFLICT_REPORT = 60.0
"""Seconds between warnings of one address of ours being used by a stranger."""
REFRESH_UNICAST = 2
"""How many of them go to the known MAC address only."""


class _Status(IntEnum):
    RESOLVING = 0
    REACHABLE = 1
    CONFIRMING = 2


class _Entry:
    __slots__ = ("address", "changed", "confirmed", "link", "mac", "queue", "status", "tries")

    def __init__(self, address: Address, link: Link, budget: Budget) -> None:
        self.address = address
        self.link = link
        self.mac = 0
        self.changed = 0.0
        self.confirmed = 0.0
        """When it last answered."""
        self.status = _Status.RESOLVING
        self.tries = 0
        self.queue = Waiting(budget)

    @property
    def way(self) -> Way:
        return Way(self.link.port, self.link.mac, self.mac, self.link.mtu)


class Neighbors:
    def __init__(
        self, router: Router, stats: Stats, next_hops: NextHops, write: Callable[[list[Effect]], None]
    ) -> None:
        """``write`` has the switch learn what ``next_hops`` was told."""
        self._router = router
        self._stats = stats
        self._next_hops = next_hops
        self._write = write
        self._entries: dict[Address, _Entry] = {}
        self._unresolved = 0
        self._held = Budget()
        self._wanted: set[Address] = set()
        self._own: set[Address] = set()
        self._heard: set[Address] = set()
        """Neighbors that asked us and have not answered us yet."""
        self._conflicts: dict[Address, float] = {}
        """When a stranger's use of an address of ours was last reported."""
        self.timers: TimerWheel[_Entry] = TimerWheel()

    def configure(self, router: Router, wanted: set[Address], own: set[Address], out: list[Effect]) -> None:
        """Take over interfaces and routes; ``wanted`` are resolved beforehand, ``own`` are the switch's addresses. Both
        sets stay the caller's, who may change them at any time; :meth:`resolve` follows."""
        self._router = router
        self._own = own
        self._conflicts = {address: time for address, time in self._conflicts.items() if address in own}
        for entry in list(self._entries.values()):
            link = router.link(entry.address)
            if link != entry.link:
                self._forget(entry, out)
            elif entry.status is not _Status.RESOLVING:
                self._learned(entry)
        self._wanted = wanted

    def resolve(self, wanted: Iterable[Address], now: float, out: list[Effect]) -> None:
        """Ask for those of the ``wanted`` that are not known."""
        for address in sorted(wanted):
            self._want(address, now, out)

    def switch_up(self, found: Iterable[tuple[Address, Way]], now: float) -> None:
        """Compare with the ways that the switch has: keep what fits the interfaces. :meth:`resume` confirms it soon."""
        for address, way in found:
            link = self._router.link(address)
            entry = self._entries.get(address)
            if link is None or (way.port, way.source, way.mtu) != (link.port, link.mac, link.mtu):
                continue
            if entry is None or entry.status is _Status.RESOLVING:
                self._adopt(address, way, link, now)
        for entry in self._entries.values():
            if entry.status is not _Status.RESOLVING:
                self._learned(entry)

    def resume(self, now: float, out: list[Effect]) -> None:
        """The switch holds what it should: ask whether it is still so, and for what is missing."""
        for entry in self._entries.values():
            if entry.status is not _Status.RESOLVING:
                self.timers.arm(entry, now)
        self.resolve(self._wanted, now, out)

    def switch_down(self) -> None:
        for entry in list(self._entries.values()):
            if entry.status is _Status.RESOLVING:
                self._drop(entry)

    def packet(self, packet: Packet, to: Address | None, now: float, out: list[Effect], priority: int = 0) -> None:
        """A packet that found no neighbor on its way ``to`` its destination or its real server, rewritten but for MAC
        addresses and TTL; ``priority`` is its frame's."""
        if to is None:
            self._stats["bad_frame"] += 1
            return
        hop = self._router.next_hop(to)
        if hop is None:
            self._stats["neighbor_unroutable"] += 1
            return
        entry = self._entries.get(hop) or self._resolve(hop, now, out)
        if entry is None:
            return
        if entry.status is not _Status.RESOLVING:
            # It was punted before the switch learned the neighbor.
            self._send(entry, packet.frame, priority, out)
            return
        self._stats["neighbor_queue_dropped"] += entry.queue.add(packet.frame, priority)

    def arp(self, packet: Packet, port: int, now: float, out: list[Effect]) -> None:
        arp = packet.arp
        if arp is None:
            self._stats["bad_frame"] += 1
            return
        mac = arp.sender_mac
        if arp.sender in self._own:
            self._own_sender(arp.sender, mac, port, now, out)
            return
        entry = self._entries.get(arp.sender)
        if entry is None or entry.link.port != port or not _is_station(mac):
            self._stats["arp_ignored"] += 1
            return
        if entry.status is _Status.RESOLVING or entry.mac != mac:
            self._set(entry, mac, now, out)
        elif arp.operation == ARP_REPLY:
            self._confirm(entry, now)

    def is_own(self, address: Address) -> bool:
        """It is the switch's."""
        return address in self._own

    def advertised(self, said: Advertisement, sender_mac: int, port: int, now: float, out: list[Effect]) -> None:
        """RFC 4861 7.2.5; what it has STALE is confirmed soon."""
        if said.target in self._own:
            self._own_sender(said.target, sender_mac if said.mac is None else said.mac, port, now, out)
            return
        entry = self._entries.get(said.target)
        if entry is None or entry.link.port != port:
            self._stats["arp_ignored"] += 1
            return
        resolving = entry.status is _Status.RESOLVING
        mac = entry.mac if said.mac is None else said.mac
        if not _is_station(mac):
            # An answer without link-layer option tells nothing of somebody whom nobody knows.
            self._stats["arp_ignored"] += 1
        elif mac != entry.mac and not (resolving or said.override):
            if entry.status is _Status.REACHABLE:
                self._doubt(entry, now)
        elif mac != entry.mac:
            self._set(entry, mac, now, out)
            if not said.solicited:
                self._doubt(entry, now)
        elif said.solicited:
            self._confirm(entry, now)

    def _doubt(self, entry: _Entry, now: float) -> None:
        """It is to be asked soon."""
        entry.status = _Status.CONFIRMING
        entry.tries = 0
        self.timers.arm(entry, now + RETRY)

    def suspect(self, to: Address, now: float, out: list[Effect]) -> None:
        """What is sent ``to`` there is not answered: ask whether its next hop is where it was, as Linux does when none
        says that packets arrive (RFC 4861 7.3.3). Packets go on meanwhile."""
        hop = self._router.next_hop(to)
        entry = None if hop is None else self._entries.get(hop)
        if entry is not None and entry.status is _Status.REACHABLE and now - entry.confirmed >= DELAY:
            self._refresh(entry, now, out)

    def heard(self, event: NeighborHeard, now: float, out: list[Effect]) -> None:
        """A neighbor asked us, so that our packets to it are soon to come (Linux: arp_process, neigh_event_ns).

        It is learned if its address is of the subnet at that port, asked in turn, and forgotten unless it answers: who
        makes up senders fills HEARD_LIMIT entries for 15 seconds, and changes an address every LOCK_TIME at most.
        """
        address, mac = event.address, event.mac
        if address in self._own:
            self._own_sender(address, mac, event.ingress_port, now, out)
            return
        link = self._router.link(address)
        if link is None or link.port != event.ingress_port or not _is_station(mac) or not _is_host(address, link):
            self._stats["arp_ignored"] += 1
            return
        entry = self._entries.get(address)
        if entry is None:
            if len(self._heard) >= HEARD_LIMIT:
                self._stats["arp_ignored"] += 1
                return
            entry = self._entries[address] = _Entry(address, link, self._held)
            self._unresolved += 1
        elif entry.status is not _Status.RESOLVING and (entry.mac == mac or now - entry.changed < LOCK_TIME):
            return
        self._set(entry, mac, now, out)
        self._heard.add(address)
        self._doubt(entry, now)

    def _set(self, entry: _Entry, mac: int, now: float, out: list[Effect]) -> None:
        """The neighbor is at ``mac``: tell the switch, and send what waited."""
        if entry.status is _Status.RESOLVING:
            self._unresolved -= 1
        entry.mac = mac
        entry.changed = now
        self._confirm(entry, now)
        self._stats["neighbor_resolved"] += 1
        self._learned(entry)
        self._write(out)
        for held, priority in entry.queue.take():
            self._send(entry, held, priority, out)

    def _own_sender(self, address: Address, sender_mac: int, port: int, now: float, out: list[Effect]) -> None:
        """One of our addresses speaks: an announcement of ours that came back, or a stranger."""
        link = self._router.link(address)
        if link is None or sender_mac != link.mac:
            self.conflict(address, sender_mac, port, now, out)

    def conflict(self, address: Address, sender_mac: int, port: int, now: float, out: list[Effect]) -> None:
        """A stranger uses ``address``, or is about to."""
        self._stats["address_conflict"] += 1
        if now - self._conflicts.get(address, float("-inf")) >= CONFLICT_REPORT:
            self._conflicts[address] = now
            mac = sender_mac.to_bytes(6, "big").hex(":")
            where = f"port {interface_text(port)}"
            out.append(Log("WARNING", f"{text(address)} is ours, but also used by {mac} at {where}"))

    def due(self, now: float, out: list[Effect]) -> None:
        for entry in self.timers.due(now):
            if entry.status is _Status.RESOLVING:
                self._retry(entry, now, out)
            else:
                self._refresh(entry, now, out)

    def _retry(self, entry: _Entry, now: float, out: list[Effect]) -> None:
        if entry.tries == TOLD_TRIES:
            wanted = entry.address in self._wanted
            out.append(Log("WARNING" if wanted else "DEBUG", f"neighbor {text(entry.address)} does not answer"))
        if entry.tries >= TRIES:
            if entry.tries == TRIES:
                self._stats["neighbor_failed"] += 1
            self._stats["neighbor_queue_dropped"] += len(entry.queue.take())
            if entry.address not in self._wanted:
                self._drop(entry)
                return
        self._ask(entry, now, out)

    def _refresh(self, entry: _Entry, now: float, out: list[Effect]) -> None:
        if entry.status is _Status.REACHABLE:
            entry.status = _Status.CONFIRMING
            entry.tries = 0
        if entry.tries == REFRESH_TRIES:
            self._stats["neighbor_failed"] += 1
            address, wanted = entry.address, entry.address in self._wanted
            out.append(Log("WARNING" if wanted else "DEBUG", f"neighbor {text(address)} does not answer any more"))
            self._forget(entry, out)
            if wanted:
                self._want(address, now, out)
            return
        self._ask(entry, now, out)

    def _ask(self, entry: _Entry, now: float, out: list[Effect]) -> None:
        link = entry.link
        known = entry.status is _Status.CONFIRMING and entry.tries < REFRESH_UNICAST
        request = question(link.mac, link.address, entry.address, entry.mac if known else None)
        out.append(Forward(link.port, request))
        self.timers.arm(entry, now + min(RETRY * 2.0 ** min(entry.tries, 16), RETRY_LIMIT))
        entry.tries += 1

    def _want(self, address: Address, now: float, out: list[Effect]) -> None:
        if address not in self._entries and address not in self._own:
            self._resolve(address, now, out)

    def _resolve(self, address: Address, now: float, out: list[Effect]) -> _Entry | None:
        link = self._router.link(address)
        if link is None or address in self._own:
            self._stats["neighbor_unroutable"] += 1
            return None
        if self._unresolved >= UNRESOLVED_LIMIT and address not in self._wanted:
            self._stats["neighbor_queue_dropped"] += 1
            return None
        entry = self._entries[address] = _Entry(address, link, self._held)
        self._unresolved += 1
        self._ask(entry, now, out)
        return entry

    def _adopt(self, address: Address, way: Way, link: Link, now: float) -> None:
        entry = self._entries.get(address)
        if entry is None:
            entry = self._entries[address] = _Entry(address, link, self._held)
        else:
            self._unresolved -= 1
        entry.mac = way.destination
        self._confirm(entry, now)

    def _learned(self, entry: _Entry) -> None:
        self._next_hops.learn(entry.address, entry.way, direct=self._router.is_direct(entry.address))

    def _confirm(self, entry: _Entry, now: float) -> None:
        self._heard.discard(entry.address)
        entry.status = _Status.REACHABLE
        entry.tries = 0
        entry.confirmed = now
        self.timers.arm(entry, now + REFRESH)

    def _send(self, entry: _Entry, frame: bytes, priority: int, out: list[Effect]) -> None:
        ready = readdressed(frame, entry.mac, entry.link.mac)
        if ready is not None:
            out.append(Forward(entry.link.port | priority, ready))

    def _forget(self, entry: _Entry, out: list[Effect]) -> None:
        if entry.status is not _Status.RESOLVING:
            self._next_hops.forget(entry.address)
            self._write(out)
        self._drop(entry)

    def _drop(self, entry: _Entry) -> None:
        if entry.status is _Status.RESOLVING:
            self._unresolved -= 1
            self._stats["neighbor_queue_dropped"] += len(entry.queue.take())
        self._heard.discard(entry.address)
        del self._entries[entry.address]
        self.timers.cancel(entry)


def _is_station(mac: int) -> bool:
    """Whether a frame can come from this address: not zero, nor a group's."""
    return mac != 0 and not mac >> 40 & 1


def _is_host(address: Address, link: Link) -> bool:
    """Whether the address is neither the subnet's own nor its broadcast, which IPv6 has not (RFC 3021, RFC 6164: a
    prefix of all bits but one has neither)."""
    bits = len(address) * 8
    host_mask = (1 << bits - link.prefix_len) - 1
    hostless = (0,) if is_v6(address) else (0, host_mask)
    return link.prefix_len > bits - 2 or int.from_bytes(address, "big") & host_mask not in hostless


def announce(router: Router, addresses: Iterable[Address]) -> Iterator[Forward]:
    """Gratuitous ARP or its like, so that neighbors learn or relearn where ``addresses`` are."""
    for own in sorted(addresses):
        link = router.link(own)
        if link is not None:
            yield from (Forward(link.port, frame) for frame in announcements(link.mac, own))

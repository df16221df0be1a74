"""What became of TOA on one connection, in words for the operator. Used by ``toa-check``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fullnat_toa import option
from fullnat_toa.client import SocketLike, Trusted, peer_address, saved_syn, unmapped
from fullnat_toa.errors import MalformedSyn, NoSavedSyn
from fullnat_toa.option import Ip

_IPV4_OPTION = 8


@dataclass(frozen=True, slots=True)
class Finding:
    """One connection.

    ``verdict`` is ok, unchecked, untrusted, no_toa, options_full, direct, no_syn, cookie or malformed.
    """

    verdict: str
    peer: str
    """The kernel's peer: a local address of the balancer, if the connection came through it."""
    client: str | None
    """What the first TOA option says, believed or not."""
    toa_options: int
    advice: str

    @property
    def good(self) -> bool:
        """Whether libtoa_preload and fullnat_toa tell the client of such a connection, given the right trusted list."""
        return self.verdict in ("ok", "unchecked")

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Kernel:
    """What the kernel says about SYN cookies (net.ipv4.tcp_syncookies and TcpExt of /proc/net/netstat)."""

    always_cookies: bool
    cookies_received: int

    @classmethod
    def read(cls) -> Kernel:
        try:
            always = Path("/proc/sys/net/ipv4/tcp_syncookies").read_text().strip() == "2"
            rows = [line.split() for line in Path("/proc/self/net/netstat").read_text().splitlines()]
            counters = next(
                dict(zip(names, values, strict=True))
                for names, values in zip(rows[::2], rows[1::2], strict=True)
                if names[0] == "TcpExt:"
            )
            return cls(always, int(counters.get("SyncookiesRecv", 0)))
        except (OSError, ValueError, StopIteration):
            return cls(False, 0)


def diagnose(sock: SocketLike, trusted: Trusted | None, before: Kernel) -> Finding:
    """Look at an accepted connection; ``trusted`` None: everybody. ``before`` is from before it came. Raises NotTcp."""
    address, port = peer_address(sock)
    peer = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
    listed = trusted is None or address in trusted
    try:
        syn = option.parse(saved_syn(sock))
    except NoSavedSyn:
        return _no_syn(peer, before)
    except MalformedSyn as error:
        return Finding("malformed", peer, None, 0, f"{error}: report this as a bug")
    if not syn.clients:
        return _no_toa(peer, address, listed, trusted, syn)
    told = syn.clients[0]
    host = unmapped(told.address)
    client = f"[{host}]:{told.port}" if host.version == 6 else f"{host}:{told.port}"
    found = len(syn.clients)
    if not listed:
        advice = (
            f"TOA is there but {address} is not in --trusted ({trusted}): if it is a local address of the balancer "
            "add it, also to TOA_TRUSTED; if not, somebody made this option up, and it is rightly ignored"
        )
        return Finding("untrusted", peer, client, found, advice)
    extra = f"; {found - 1} more TOA options follow, which the balancer should have removed" if found > 1 else ""
    if trusted is None:
        advice = (
            f"TOA arrives from the local address {address}: put the balancer's local addresses into TOA_TRUSTED{extra}"
        )
        return Finding("unchecked", peer, client, found, advice)
    return Finding("ok", peer, client, found, f"TOA arrives from the local address {address}{extra}")


def _no_syn(peer: str, before: Kernel) -> Finding:
    now = Kernel.read()
    if now.always_cookies:
        advice = "net.ipv4.tcp_syncookies is 2: every SYN is answered by a cookie and none is kept; set it to 1"
        return Finding("cookie", peer, None, 0, advice)
    if now.cookies_received > before.cookies_received:
        advice = (
            "the SYN was answered by a SYN cookie and not kept, because the queue of half-open connections was full: "
            "raise net.ipv4.tcp_max_syn_backlog, net.core.somaxconn and the server's backlog, or look for a SYN flood"
        )
        return Finding("cookie", peer, None, 0, advice)
    advice = (
        "the kernel kept no SYN: TCP_SAVE_SYN needs Linux 4.3 or newer, "
        "and another reader (libtoa_preload) must not be in this process"
    )
    return Finding("no_syn", peer, None, 0, advice)


def _no_toa(peer: str, address: Ip, listed: bool, trusted: Trusted | None, syn: option.Syn) -> Finding:
    if not listed:
        advice = f"a direct connection: {address} is not in --trusted ({trusted}) and sent no TOA"
        return Finding("direct", peer, None, 0, advice)
    room = option.MAX_TCP_HEADER - syn.header_length
    if room < _IPV4_OPTION:
        advice = (
            f"the client's SYN uses {syn.header_length} of 60 header bytes: no room for TOA; this client cannot be told"
        )
        return Finding("options_full", peer, None, 0, advice)
    kinds = ", ".join(str(found.kind) for found in syn.options) or "none"
    advice = (
        f"no TOA in the SYN (option kinds: {kinds}). If {address} is not a local address of the balancer, the "
        "connection did not come through it. If it is: `toa` is off for the service, a firewall between removes the "
        "option, or the balancer puts TOA only into later segments (DPVS since 1.9.6), which needs its kernel module"
    )
    return Finding("no_toa", peer, None, 0, advice)

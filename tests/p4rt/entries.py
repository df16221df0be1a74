"""Strategies and samples of table entries."""

from __future__ import annotations

from typing import Any

from fullnat.net.flow import V4_BYTES, V6_BYTES, Address, address, v4
from fullnat.tables.bucket import Bucket
from fullnat.tables.cookie_key import CookieKeyEntry
from fullnat.tables.host import Host
from fullnat.tables.next_hop import NextHop, Way
from fullnat.tables.own_address import OwnAddress
from fullnat.tables.port import Port
from fullnat.tables.route import Route
from fullnat.tables.server_in import ServerIn
from fullnat.tables.server_out import ServerOut
from fullnat.tables.session import SessionEntry, Splice
from fullnat.tables.virtual_service import VirtualService
from hypothesis import strategies as st


def bits(width: int) -> st.SearchStrategy[int]:
    return st.integers(0, 2**width - 1) | st.sampled_from([0, 1, 2**width - 1])


def of_family(size: int) -> st.SearchStrategy[Address]:
    """Addresses of so many bytes; many have zeros in front, which P4Runtime leaves out."""
    return bits(8 * size).map(lambda number: Address(number.to_bytes(size, "big")))


families = st.sampled_from([V4_BYTES, V6_BYTES])
addresses = families.flatmap(of_family)


splices = st.builds(Splice, bits(32), bits(4), bits(4))


def sessions_of(sizes: tuple[int, int]) -> st.SearchStrategy[SessionEntry]:
    """By the bytes of an address of the client and of the server."""
    own, inner = map(of_family, sizes)
    return st.builds(
        SessionEntry,
        session_id=bits(20),
        server_id=bits(16),
        protocol=bits(8),
        client=own,
        client_port=bits(16),
        vip=own,
        vport=bits(16),
        local=inner,
        local_port=bits(16),
        server=inner,
        server_port=bits(16),
        delta=bits(32),
        client_isn=bits(32),
        idle_timeout=st.sampled_from([1.0, 90.0, 86400.0]),
        splice=st.none() | splices if sizes[0] == sizes[1] else st.none(),
    )


sessions = st.tuples(families, families).flatmap(sessions_of)


def routes(action: st.SearchStrategy[tuple[str, int | None]]) -> st.SearchStrategy[Route]:
    def masked(values: tuple[Address, int, tuple[str, int | None]]) -> Route:
        prefix, length, to = values
        width = len(prefix) * 8
        length = min(length, width)
        number = int.from_bytes(prefix, "big") >> (width - length) << (width - length)
        return Route(Address(number.to_bytes(len(prefix), "big")), length, *to)

    return st.tuples(addresses, st.integers(0, 128), action).map(masked)


cold = st.one_of(
    st.builds(Port, bits(32), bits(48)),
    st.builds(OwnAddress, addresses, st.sampled_from(["own_vip", "own_local", "own_interface"])),
    st.builds(VirtualService, bits(8), addresses, bits(16), bits(8), st.none(), st.just(0), bits(16)),
    st.builds(VirtualService, bits(8), addresses, bits(16), bits(8), bits(16), bits(32), bits(16)),
    st.builds(Bucket, bits(16), bits(32), bits(18)),
    routes(
        st.tuples(st.sampled_from(["route_connected", "route_drop"]), st.none())
        | st.tuples(st.just("route_via"), bits(16))
    ),
    st.builds(Host, addresses, bits(16)),
    st.builds(NextHop, bits(16), st.none() | st.builds(Way, bits(32), bits(48), bits(48), bits(16))),
    st.builds(ServerIn, bits(16), bits(8), addresses, bits(16), st.just("to_server"), st.none()),
    st.builds(ServerIn, bits(16), bits(8), addresses, st.just(0), st.just("to_server_direct"), st.none()),
    families.flatmap(
        lambda size: st.builds(
            ServerIn, bits(16), bits(8), of_family(size), st.just(0), st.just("to_server_tunnel"), of_family(size)
        )
    ),
    st.builds(CookieKeyEntry, bits(8), bits(64), bits(1), bits(16), bits(16), bits(8)),
    st.builds(ServerOut, bits(16), bits(8), addresses.filter(any), bits(16)),
    st.builds(
        ServerOut, bits(16), bits(8), st.sampled_from([4, 16]).map(lambda size: Address(bytes(size))), st.just(0)
    ),
)


def session(number: int = 1, **changes: Any) -> SessionEntry:
    """A session whose every field depends on ``number``."""
    made = SessionEntry(
        session_id=number,
        server_id=7,
        protocol=6,
        client=v4(0xC0000200 + number),
        client_port=40000 + number,
        vip=v4(0xCB007150),
        vport=80,
        local=v4(0x0A000101),
        local_port=5000 + number,
        server=v4(0x0A00000B),
        server_port=8080,
        delta=(0xFFFFFF00 + number) & 0xFFFFFFFF,
        client_isn=0x80000000 + number,
        idle_timeout=90.0,
    )
    return made._replace(**changes)


def session6(number: int = 1, **changes: Any) -> SessionEntry:
    """The same of IPv6."""
    ends = {name: address(f"2001:db8::{name[0].encode().hex()}") for name in ("vip", "local", "server")}
    return session(number, **({"client": address(f"2001:db8:1::{number:x}")} | ends | changes))

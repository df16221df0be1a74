"""Configurations with any of the options that there are, for tests of what reads and writes them."""

from __future__ import annotations

from typing import Any

from fullnat.config import file
from fullnat.config.check_options import CHECK
from fullnat.config.errors import ConfigError
from fullnat.config.model import Config
from fullnat.config.written import GRAMMARS
from fullnat.core.schedulers.base import SCHEDULERS
from hypothesis import assume
from hypothesis import strategies as st

NETWORK = """\
[[interface]]
port = 1
mac = "02:00:00:00:00:01"
address = ["10.0.0.1/16", "2001:db8::1/64"]
[[route]]
prefix = "0.0.0.0/0"
gateway = "10.0.0.254"
[[route]]
prefix = "::/0"
gateway = "2001:db8::fe"
"""
SECONDS = st.sampled_from([0.5, 1, 30, 90, 12.25, 3600])
COUNTS = st.sampled_from([1, 2, 5, 1000, 4_000_000])
PREFIXES = st.lists(st.sampled_from(["192.0.2.0/24", "198.51.100.7", "2001:db8:bad::/48"]), unique=True, max_size=2)
PROGRAMS = st.sampled_from(["/bin/told", "/bin/told 'a b' up", '/bin/told "a b\\" c" up'])
USERS = st.just("nobody")
MODES = st.sampled_from(["fullnat", "nat", "dr", "tunnel", "gue"])
STRUCTURE = {"address", "port", "fwmark", "match", "protocol", "local_addresses"}
"""Options of a service that say which one it is."""
SERVICE: dict[str, st.SearchStrategy[Any]] = {
    "scheduler": st.sampled_from(sorted(SCHEDULERS)),
    "mode": MODES,
    **dict.fromkeys(("established_timeout", "slow_start", "drain_timeout", "passive_time", "notify_timeout"), SECONDS),
    "persistence_timeout": SECONDS,
    **dict.fromkeys(("deny", "allow"), PREFIXES),
    "refused": st.sampled_from(["drop", "rst", "icmp"]),
    **dict.fromkeys(("source_rate", "source_sessions", "half_open", "source_half_open"), COUNTS),
    **dict.fromkeys(("max_sessions", "new_rate", "host_sessions"), COUNTS),
    **dict.fromkeys(("source_prefix", "persistence_prefix"), st.integers(1, 32)),
    "source_prefix6": st.integers(1, 128),
    **dict.fromkeys(
        (
            "ops",
            "sessions",
            "toa",
            "keep_timestamps",
            "keep_mss",
            "reset_on_miss",
            "echo_while_up",
            "omega",
            "block_log",
        ),
        st.booleans(),
    ),
    "buckets": st.sampled_from([64, 8192]),
    "persistence_group": st.sampled_from(["", "12", "true", "web"]),
    "quic_config": st.integers(0, 6),
    "toa_kind": st.sampled_from([253, 254]),
    "proxy_protocol": st.sampled_from(["off", "first", "every", "clients"]),
    "syn_proxy": st.sampled_from(["off", "auto", "always"]),
    "quorum": st.integers(1, 9),
    "hysteresis": st.integers(0, 3),
    **dict.fromkeys(("quorum_up", "quorum_down", "notify_up", "notify_down"), PROGRAMS),
    "notify_user": USERS,
    "passive_failures": st.integers(0, 5),
    "mapping": st.sampled_from(["endpoint-independent", "address-dependent"]),
    "block_size": st.sampled_from([0, 64, 512]),
}
SERVER: dict[str, st.SearchStrategy[Any]] = {
    "weight": st.integers(0, 9),
    "mode": MODES,
    "quic_id": st.sampled_from(["ab", "0001", "12"]),
    "upper_threshold": st.integers(5, 9),
    "lower_threshold": st.integers(1, 5),
    "new_rate": COUNTS,
    "sorry": st.booleans(),
    **{name: SERVICE[name] for name in ("notify_up", "notify_down", "notify_user")},
}
CHECKS = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("http"), "port": st.integers(1, 65535)},
            optional={
                "path": st.sampled_from(["/", "/up?a=1&b='x'", '/a%20b#c"$HOME\\']),
                "status": st.sampled_from(["200", "200-299,301"]),
                "interval": SECONDS,
                "start_down": st.booleans(),
            },
        ),
        st.fixed_dictionaries(
            {"type": st.just("ping")}, optional={"fall": st.integers(1, 9), "rise": st.integers(1, 9)}
        ),
        st.just({"type": "script", "command": "/bin/sh -c 'test -e \"/x y\"; exit $?' a=b"}),
    ),
    max_size=2,
)
assert {*SERVICE} == {*file.VIRTUAL_SERVER} - STRUCTURE | {"notify_up", "notify_down"}
assert {*SERVER} == {*file.REAL_SERVER} - {"address", "port"}
assert {"type", "path", "status", "interval", "start_down", "fall", "rise", "command", "port"} <= {*CHECK}


@st.composite
def _some(draw: st.DrawFn, options: dict[str, st.SearchStrategy[Any]], most: int) -> dict[str, Any]:
    """Few at a time: of many, some will not go with others."""
    names = draw(st.lists(st.sampled_from(sorted(options)), max_size=most, unique=True))
    return {name: draw(options[name]) for name in names}


@st.composite
def _service(draw: st.DrawFn, number: int) -> dict[str, Any]:
    six = draw(st.booleans())
    protocol = draw(st.sampled_from(["tcp", "udp"]))
    kind = draw(st.sampled_from(["port", "port", "ports", "match", "snat"]))
    host = f"2001:db8:8::{number}" if six else f"203.0.113.{number}"
    service: dict[str, Any] = {"protocol": protocol} if protocol != "tcp" else {}
    if kind in ("port", "ports"):
        service |= {"address": host, "port": 0 if kind == "ports" else 80 + number}
    else:
        rule = f"src=10.0.{number}.0/24" if kind == "snat" else f"dst={host},dport=80-90"
        rule = f"src=2001:db8:{number}::/48" if kind == "snat" and six else rule
        service |= {"fwmark": number, "match": [rule, *([f"{rule},iif=1"] if draw(st.booleans()) else [])]}
    service |= draw(_some({name: SERVICE[name] for name in SERVICE if name not in ("notify_up", "notify_down")}, 4))
    if kind == "snat":
        service["mode"] = "snat"
    elif service.get("mode", "fullnat") == "fullnat" and draw(st.booleans()):
        service["local_addresses"] = [f"2001:db8::1:{number}" if six else f"10.0.1.{number}"]
    servers = []
    for at in range(draw(st.integers(0, 2))):
        inside = f"2001:db8::{number}:{at + 1}" if six else f"10.0.{number + 2}.{at + 1}"
        public = f"2001:db8:9::{number}:{at + 1}" if six else f"198.51.{number}.{at + 1}"
        real = {"address": public if kind == "snat" else inside}
        real |= {"port": draw(st.sampled_from([8080, service["port"]]))} if kind == "port" else {}
        servers.append(real | draw(_some(SERVER, 2)) | ({"check": draw(CHECKS)} if draw(st.booleans()) else {}))
    timeouts = draw(st.none() | st.fixed_dictionaries({}, optional={"close": SECONDS, "time_wait": SECONDS}))
    own = {"check": draw(CHECKS), "real_server": servers} | ({"timeouts": timeouts} if timeouts else {})
    return service | {name: value for name, value in own.items() if value}


@st.composite
def configs(draw: st.DrawFn) -> Config:
    """Those that the file takes."""
    services = [draw(_service(number)) for number in range(1, draw(st.integers(1, 2)) + 1)]
    text, _ = GRAMMARS["toml"]({"virtual_server": services})
    try:
        return file.parse(NETWORK + text)
    except ConfigError:
        assume(False)
        raise

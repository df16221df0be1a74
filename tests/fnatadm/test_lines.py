"""Command lines: what each means, what each wrong one is told, and that all that -S writes reads back."""

from __future__ import annotations

import asyncio
import random
import shlex
from pathlib import Path
from typing import Any

import pytest
from api.apikit import Api
from fullnat.api.calls import BY_NAME
from fullnat.api.identity import Identity, Role
from fullnat.config.model import ServerSettings
from fullnat.core.declared.modes import Mode
from fullnat.core.schedulers.base import SCHEDULERS
from fullnat.fnatadm import commands, lines
from fullnat.fnatadm.options import COMMANDS, OPTIONS, REFUSED, TOGETHER, Value
from fullnat.fnatadm.parse import UsageError, parse
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st

WRONG = [
    ("-n", "there is no command; fnatadm -h lists them"),
    ("-L -S", "-L and -S are two commands"),
    ("-A", "-A needs -t, -u or -f"),
    ("-a -t 192.0.2.1:80", "-a needs -r"),
    ("-P -t 192.0.2.1:80", "-P needs -z"),
    ("-A -t", "-t needs HOST:PORT"),
    ("-A -t 192.0.2.1:80 -u 192.0.2.1:80", "there are two services"),
    ("-A -t 192.0.2.1:80 -w 3", "-w does not go with -A"),
    ("-D -t 192.0.2.1:80 -s rr", "-s does not go with -D"),
    ("-A -t 192.0.2.1:80 -s rr -s wrr", "-s is there twice"),
    ("-A -t 192.0.2.1:80 -M 255.0.0.0", "-M needs -p"),
    ("-A -t 192.0.2.1:80 -p 300 -M 255.0.255.0", "-M '255.0.255.0' is not a mask like 255.255.255.0"),
    ("-A -t [2001:db8::1]:80 -p -M 255.255.255.0", "-M '255.255.255.0' is not a number of bits from 1 to 128"),
    ("-A -t 192.0.2.1:80 -p 2678401", "'2678401' is not a number of seconds up to 2678400"),
    ("-A -t 192.0.2.1:80 -V 1e9", "'1e9' is not a number of seconds up to 2678400"),
    ("-V -t 192.0.2.1:80 -k 198.51.100.7", "-V is LVS's timeout here; DPVS's -V is --del-blklst"),
    ("-A -t 192.0.2.1:80 -j eanble", "-j is enable or auto or disable"),
    ("-A -t 192.0.2.1", "'192.0.2.1' has no port"),
    ("-A -t 192.0.2.1:99999", "'99999' is no port"),
    ("-A -t 192.0.2.1:no-such", "'no-such' is no port, and no service is known by that name"),
    ("-A -t [2001:db8::1]80", "'[2001:db8::1]80' is not [ADDRESS]:PORT"),
    ("-A -t 192.0.2.300:80", "'192.0.2.300' is no address, and no host is known by that name"),
    ("-a -t 192.0.2.1:80 -r 192.0.2.2 -b -m", "-m and -b do not go together"),
    ("-a -t 192.0.2.1:80 -r 192.0.2.2 -w x", "'x' is not a number"),
    ("-L --stats --rate", "--stats and --rate do not go together"),
    ("-L -c -t 192.0.2.1:80", "-t and -c do not go together"),
    ("-L -c --rate", "--rate and -c do not go together"),
    ("-L --rate --persistent-conn", "--rate and --persistent-conn do not go together"),
    ("-L --numeric=yes", "--numeric takes no value"),
    ("-L --numerc", "unknown option --numerc; did you mean --numeric?"),
    ("-K", "unknown option -K"),
    ("-L all", "unexpected 'all'"),
    ("-A -f web", "-f 'web' is not a number, or a number and /udp, /icmp or /icmpv6"),
    ("-A -f 3/sctp", "-f '3/sctp' is not a number, or a number and /udp, /icmp or /icmpv6"),
    ("-A -f 3 -t 192.0.2.1:80", "there are two services"),
    ("-A -t 192.0.2.1:80 -6", "-6 is for -f; another service's family is that of its address"),
    ("-a -f 3 -r 192.0.2.2 -H dst=192.0.2.1", "-H does not go with -a"),
    ("-A -t 192.0.2.1:80 --pe sip", "persistence engines are not supported"),
    ("--set 1 2", "--set needs TCP TCPFIN UDP"),
    ("-a -t 192.0.2.1:80 -r 192.0.2.2 -m --tun-type gue", "--tun-type needs -i"),
    ("-a -t 192.0.2.1:80 -r 192.0.2.2 -i --tun-type vxlan", "--tun-type is ipip or gue"),
    ("-a -t 192.0.2.1:80 -r 192.0.2.2 -i --tun-port 6080", "--tun-port goes with --tun-type gue, and is 6080"),
    (
        "-a -t 192.0.2.1:80 -r 192.0.2.2 -i --tun-type gue --tun-port 80",
        "--tun-port goes with --tun-type gue, and is 6080",
    ),
    ("-a -t 192.0.2.1:80 -r 192.0.2.2 -i --tun-nocsum", "--tun-nocsum goes with --tun-type gue"),
    ("-a -t 192.0.2.1:80 -r 192.0.2.2 -i --tun-type gue --tun-csum", "GUE is sent without a checksum of its own"),
    (
        "-A -t 192.0.2.1:80 -s sh -b sh-port",
        "unexpected 'sh-port': flags of schedulers are not supported, and -b is FULLNAT here",
    ),
    ("-A -t 192.0.2.1:80 -s sh --sched-flags sh-port", "schedulers have no flags"),
    ("-A -1 2001:db8::1", "ICMPv6 has services by match: -f NUMBER/icmpv6 -H dst=ADDRESS"),
    (
        "-E -t 192.0.2.1:80 --dest-check default",
        "--dest-check is DPVS's; --option passive_failures=N and passive_time=SECONDS are that here",
    ),
    ("-A -t 192.0.2.1:80 --proxy-protocol v1", "--proxy-protocol v1: PROXY protocol is of version 2 only"),
    ("-A -t 192.0.2.1:80 --option toa", "--option 'toa' is not NAME=VALUE"),
    (
        "-e -t 192.0.2.1:80 -r 192.0.2.2 --within 9",
        "--within needs -w 0: a server with a weight keeps its sessions",
    ),
    ("-e -t 192.0.2.1:80 -r 192.0.2.2 -w 0 --within soon", "'soon' is not a number of seconds up to 2678400"),
    ("-d -t 192.0.2.1:80 -r 192.0.2.2 --within -1", "'-1' is not a number of seconds up to 2678400"),
    ("-a -t 192.0.2.1:80 -r 192.0.2.2 --within 9", "--within does not go with -a"),
    ("-A -t 192.0.2.1:80 --check http", "--check 'http' is not NAME=VALUE"),
    ("-A -t 192.0.2.1:80 --check none --check type=tcp", "--check none and others do not go together"),
    ("-A -t 192.0.2.1:80 --check path='", '--check "path=\'": No closing quotation'),
    ("-D -t 192.0.2.1:80 --check none", "--check does not go with -D"),
    ("-D -t fwmark6:3:4", "'fwmark6:3:4' has no port"),
    ("-D -t fwmark:x", "'fwmark' is no address, and no host is known by that name"),
]


def test_a_message_is_one_line_whatever_was_typed() -> None:
    for word, told in (("--a\nb", "unknown option '--a\\nb'"), ("-\n", "unknown option '-\\n'")):
        with pytest.raises(UsageError) as caught:
            parse([word])
        assert str(caught.value) == told


@pytest.mark.parametrize(("line", "message"), WRONG, ids=[line for line, _ in WRONG])
def test_wrong_lines(line: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        commands.messages(parse(line.split()))
    assert str(caught.value) == message


@pytest.mark.parametrize("word", REFUSED)
def test_what_is_not_supported_is_named(word: str) -> None:
    with pytest.raises(
        UsageError, match=r"not supported|there is no daemon|DPVS's|no flags|without a checksum|by match"
    ):
        parse([word])


def server(line: str) -> Any:
    (found,) = commands.messages(parse(line.split()))
    (message,) = found.values()
    return message


def test_a_missing_port_is_the_services() -> None:
    """iqiyi/dpvs#976: not port 0."""
    for line in ("-a -t 192.0.2.1:80 -r 192.0.2.2 -b", "-a -r 192.0.2.2 -t 192.0.2.1:http --fullnat"):
        assert server(line)["server"] == "192.0.2.2:80"
    assert server("-a -t [2001:db8::1]:80 -r 2001:db8::2 -m")["server"] == "[2001:db8::2]:80"
    assert server("-a -t [2001:db8::1]:80 -r [2001:db8::2]:81 -m")["server"] == "[2001:db8::2]:81"
    assert server("-d -u 192.0.2.1:53 -r 192.0.2.2") == {
        "protocol": "udp",
        "virtual": "192.0.2.1:53",
        "server": "192.0.2.2:53",
    }


@pytest.mark.parametrize(("letter", "mode", "port"), [("", "dr", 80), ("-g", "dr", 80), ("-i", "tunnel", 80)])
def test_where_the_packet_stays_the_port_is_the_services(letter: str, mode: str, port: int) -> None:
    found = server(f"-a -t 192.0.2.1:80 -r 192.0.2.2:8080 {letter}")
    assert (found["server"], found["settings"]["mode"]) == (f"192.0.2.2:{port}", mode)


def test_proxy_protocol_by_the_words_of_dpvs() -> None:
    for word, proxy in (("disable", "off"), ("v2", "first"), ("v2-insecure", "clients")):
        found = server(f"-A -t 192.0.2.1:80 -s rr --proxy-protocol {word}")
        assert found["settings"] == {"scheduler": "rr", "proxy_protocol": proxy}


def test_long_options_of_dpvs() -> None:
    assert server("-P -t 192.0.2.1:80 --laddr 10.0.1.1") == server("-P -t 192.0.2.1:80 -z 10.0.1.1")
    assert server("-U -t 192.0.2.1:80 --blklst 10.0.0.0/8") == server("-U -t 192.0.2.1:80 -k 10.0.0.0/8")
    assert server("-O -t 192.0.2.1:80 --whtlst 10.0.0.0/8") == server("-O -t 192.0.2.1:80 -2 10.0.0.0/8")


def test_a_tunnel_of_gue() -> None:
    line = "-a -t 192.0.2.1:80 -r 192.0.2.2 -i --tun-type gue --tun-port 6080 --tun-nocsum"
    assert server(line)["settings"]["mode"] == "gue"


def test_ways_to_write_options() -> None:
    for line in ("-At 192.0.2.1:80 -srr -p300", "-A -t192.0.2.1:80 --scheduler=rr --persistent 300"):
        assert server(line)["settings"] == {"scheduler": "rr", "persistence_timeout": 300.0}
    for line in ("-A -t 192.0.2.1:80 -p", "-A -p -t 192.0.2.1:80", "-pAt 192.0.2.1:80"):
        assert server(line)["settings"]["persistence_timeout"] == 360.0
    assert parse(["-lnc"]).given.keys() == {"list", "numeric", "connection"} - {"list"}


def test_the_table() -> None:
    """Each name and each letter once, and every option of some command."""
    every = [command.option for command in COMMANDS] + list(OPTIONS)
    written = [name for option in every for name in option.names]
    assert len(set(written)) == len(written)
    assert not set(written) & set(REFUSED)
    used = {name for command in COMMANDS for name in (*command.needs, *command.may)} | {
        "udp",
        "fwmark",
        "ipv6",
        "socket",
    }
    assert used == {option.name for option in OPTIONS}
    assert {name for names_ in TOGETHER for name in names_} <= used
    assert all(bool(option.metavar) == (option.value is not Value.NONE) for option in every)


def test_every_setting_can_be_said() -> None:
    assert {*commands.MODES.values(), *commands.TUNNELS.values()} == {str(mode) for mode in Mode}
    words = "--option quic_id=ab --option sorry=true --option new_rate=5 --check type=tcp"
    server_settings = {*server(f"-a -t 192.0.2.1:80 -r 192.0.2.2 {words}")["settings"]}
    letters = {"weight", "mode", "upper_threshold", "lower_threshold"}
    assert server_settings == {*letters, "quic_id", "sorry", "checks", "new_rate"}
    of_programs = {"notify_up", "notify_down", "notify_user"}
    assert server_settings == set(ServerSettings.__dataclass_fields__) - of_programs


# ---- what -S writes, -R reads

SECONDS = st.sampled_from([0.5, 1, 90, 300, 12345.25, 2678400])
BITS = st.integers(1, 31)
CHECKS = st.fixed_dictionaries(
    {
        "check": st.lists(
            st.one_of(
                st.fixed_dictionaries(
                    {"type": st.just("http")},
                    optional={
                        "interval": SECONDS,
                        "fall": st.integers(1, 9),
                        "port": st.integers(1, 65535),
                        "path": st.sampled_from(["/", "/up?a=1&b='x'", '/a%20b#c"$HOME\\']),
                        "status": st.sampled_from(["200", "200-299,301"]),
                        "start_down": st.booleans(),
                    },
                ),
                st.fixed_dictionaries(
                    {
                        "type": st.just("script"),
                        "command": st.sampled_from(["/bin/true", "/bin/sh -c 'test -e \"/x y\"; exit $?' a=b"]),
                    }
                ),
                st.fixed_dictionaries({"type": st.just("udp"), "payload": st.sampled_from(["00", "12", "0d0a"])}),
            ),
            max_size=3,
        )
    }
)
SERVICES = st.fixed_dictionaries(
    {"scheduler": st.sampled_from(sorted(SCHEDULERS))},
    optional={
        "mode": st.sampled_from(["fullnat", "nat"]),
        "established_timeout": SECONDS,
        "toa": st.booleans(),
        "keep_mss": st.booleans(),
        "reset_on_miss": st.booleans(),
        "echo_while_up": st.booleans(),
        "max_sessions": st.integers(0, 10_000_000),
        "new_rate": st.integers(0, 10_000_000),
        "slow_start": SECONDS,
        "quorum": st.integers(2, 9),
        "passive_failures": st.integers(0, 9),
        "passive_time": SECONDS,
        "drain_timeout": SECONDS,
        "persistence_timeout": SECONDS,
        "persistence_prefix": BITS,
        "timeouts": st.fixed_dictionaries({}, optional={"close": SECONDS, "time_wait": SECONDS}),
        "persistence_group": st.sampled_from(["", "12", "true", "web"]),
        "checks": CHECKS,
    },
)
SERVERS = st.fixed_dictionaries(
    {"mode": st.sampled_from(["fullnat", "nat", "dr", "tunnel"]), "weight": st.integers(0, 65535)},
    optional={"upper_threshold": st.integers(5, 1000), "sorry": st.booleans(), "checks": CHECKS},
)
STATES = st.lists(
    st.tuples(
        st.sampled_from(["tcp", "udp"]),
        st.integers(1, 9),
        st.integers(1, 65535),
        SERVICES,
        st.lists(st.tuples(st.integers(11, 30), st.integers(1, 65535), SERVERS), max_size=3),
        st.lists(st.integers(1, 9), max_size=3, unique=True),
    ),
    max_size=4,
    unique_by=lambda each: each[:3],
)


def state(found: Any) -> list[dict[str, Any]]:
    """The commands that make it."""
    made: list[dict[str, Any]] = []
    for protocol, host, port, settings_, servers, locals_ in found:
        if settings_["scheduler"] not in ("wrr", "wlc"):
            settings_ = {**settings_, "slow_start": 0}
        if protocol == "udp" and all(of_server["mode"] != "fullnat" for _, _, of_server in servers):
            settings_ = {**settings_, "ops": True, "mode": "nat", "persistence_timeout": 0, "slow_start": 0}
        named = {"protocol": protocol, "virtual": f"203.0.113.{host}:{port}"}
        made.append({"add_service": {**named, "settings": settings_}})
        seen = set()
        for number, at, of_server in servers:
            keeps_port = of_server["mode"] in ("dr", "tunnel")
            address = f"10.0.0.{number}:{port if keeps_port else at}"
            if address not in seen:
                lower = of_server.get("upper_threshold", 0) // 2
                made.append(
                    {"add_server": {**named, "server": address, "settings": {**of_server, "lower_threshold": lower}}}
                )
            seen.add(address)
        made += [{"add_local": {**named, "local": f"10.0.1.{local}"}} for local in locals_]
    return made


class Controller:
    """An API without a socket."""

    def __init__(self, directory: Path) -> None:
        self.api = Api(directory)
        self.call("Apply", {"commands": [{"clear": {}}]})

    def call(self, name: str, fields: Any) -> list[Any]:
        async def answers() -> list[Any]:
            one = BY_NAME[name]
            asked = json_format.ParseDict(fields, one.request())
            turns = self.api.dispatcher.run(one, asked, Identity("a test", Role.ADMIN, is_owner=True))
            return [answer async for turn in turns for answer in turn]

        return asyncio.run(answers())

    def saved(self) -> list[str]:
        services = self.call("ListServices", {})
        named = [{}, *({"protocol": each["protocol"], "virtual": each["virtual"]} for each in services)]
        lists = [found for each in named for found in self.call("GetAccess", each)]
        return list(lines.saved(services, lists, lines.FIN_WAIT, numeric=True))

    def restore(self, saved: list[str]) -> None:
        messages = [message for line in saved for message in commands.messages(parse(shlex.split(line)))]
        self.call("Apply", {"commands": messages})


@given(found=STATES)
@settings(max_examples=60, deadline=None)
def test_what_is_saved_is_restored(tmp_path_factory: pytest.TempPathFactory, found: Any) -> None:
    """The same lines, and the same services; modes are those of the servers, as of ipvsadm's."""
    first, second = (Controller(tmp_path_factory.mktemp("state")) for _ in range(2))
    first.call("Apply", {"commands": state(found)})
    written = first.saved()
    second.restore(written)
    assert second.saved() == written
    assert second.api.model.services == first.api.model.services


# ---- fuzz

_WORDS = [name for option in (*(c.option for c in COMMANDS), *OPTIONS) for name in option.names] + [
    *REFUSED,
    "192.0.2.1:80",
    "[2001:db8::1]:80",
    "10.0.0.1",
    "360",
    "=",
    "toa=false",
    "a.b=1",
    "a=1",
    "a.=",
    "\0",
    "\ud800",
    "--",
    "-",
    "",
    "9" * 30,
    "[" * 3,
    "::",
    "255.255.255.0",
]


def outcome(words: list[str]) -> str:
    """What is wrong with a line; nothing if it is understood."""
    try:
        line = parse(words)
        if line.command.name in commands.CHANGES:
            commands.messages(line)
    except UsageError as error:
        return str(error)
    return ""


def test_fuzz(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the line, it is understood, or one line says why not."""
    generator = random.Random(1)
    monkeypatch.setattr("socket.getaddrinfo", lambda *_words, **_more: (_ for _ in ()).throw(OSError()))
    understood = 0
    for _ in range(10_000):
        words = [
            "".join(generator.choices(_WORDS, k=generator.choice((1, 1, 1, 2)))) for _ in range(generator.randrange(7))
        ]
        message = outcome(words)
        assert "\n" not in message
        understood += not message
    assert understood > 100

"""The command line as data: what ipvsadm has (LVS's, with the FULLNAT patches), and what is here beside it.

The parser, the help, the manual page and the completions are made of these tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

LONGEST = 86400 * 31
"""Seconds: IP_VS_MAX_PERSISTENCE_TIMEOUT and the limit of ipvsadm's --set."""


class Value(Enum):
    """What follows an option."""

    NONE = "none"
    ONE = "one"
    MAYBE = "maybe"
    """A number, if the next word is one."""
    THREE = "three"


@dataclass(frozen=True, slots=True)
class Option:
    name: str
    """What the parser calls it."""
    long: str
    help: str
    short: str = ""
    value: Value = Value.NONE
    metavar: str = ""
    multiple: bool = False
    choices: tuple[str, ...] = ()
    is_file: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """As they are written, the short ones first."""
        return (*(f"-{letter}" for letter in self.short), f"--{self.long}")


@dataclass(frozen=True, slots=True)
class Command:
    """``needs`` and ``may`` are names of options; any other is an error, as in ipvsadm (commands_v_options)."""

    option: Option
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.option.name


PROXY_VERSIONS = ("disable", "v1", "v2", "v1-insecure", "v2-insecure")
"""DPVS's."""
SERVICE = Option("service", "tcp-service", "The TCP service.", "t", Value.ONE, "HOST:PORT")
UDP = Option("udp", "udp-service", "The UDP service.", "u", Value.ONE, "HOST:PORT")
FWMARK = Option("fwmark", "fwmark-service", "The service by match of this number.", "f", Value.ONE, "NUMBER[/PROTOCOL]")
OPTIONS = (
    SERVICE,
    UDP,
    FWMARK,
    Option("ipv6", "ipv6", "With -f: of IPv6.", "6"),
    Option("match", "match", "With -f: what is of it, like dst=192.0.2.1,dport=80-90.", "H", Value.ONE, "RULE", True),
    Option("scheduler", "scheduler", "The scheduler (default wlc).", "s", Value.ONE, "NAME"),
    Option("persistent", "persistent", "Clients stay with their server (default 360).", "p", Value.MAYBE, "SECONDS"),
    Option("netmask", "netmask", "What of a client's address counts for -p.", "M", Value.ONE, "MASK"),
    Option("ops", "ops", "One-packet scheduling, of UDP.", "o"),
    Option("synproxy", "synproxy", "The SYN proxy.", "j", Value.ONE, "SWITCH", choices=("enable", "auto", "disable")),
    Option(
        "proxy", "proxy-protocol", "PROXY protocol instead of TOA.", "", Value.ONE, "VERSION", choices=PROXY_VERSIONS
    ),
    Option("established", "vsestablish-timeout", "Seconds that connections may be idle.", "V", Value.ONE, "SECONDS"),
    Option("server", "real-server", "The server; without a port, on the service's.", "r", Value.ONE, "HOST[:PORT]"),
    Option("dr", "gatewaying", "Direct routing (default).", "g"),
    Option("tunnel", "ipip", "A tunnel.", "i"),
    Option("tun_type", "tun-type", "Of a tunnel (default ipip).", "", Value.ONE, "TYPE", choices=("ipip", "gue")),
    Option("tun_port", "tun-port", "Of gue: 6080.", "", Value.ONE, "PORT"),
    Option("tun_nocsum", "tun-nocsum", "Of gue: without a checksum of its own, as ever."),
    Option("nat", "masquerading", "NAT.", "m"),
    Option("fullnat", "fullnat", "FULLNAT.", "b"),
    Option("snat", "snat", "SNAT: the server is a public address of hosts inside.", "J"),
    Option("weight", "weight", "Its weight (default 1).", "w", Value.ONE, "WEIGHT"),
    Option("upper", "u-threshold", "Connections from which on it gets no more.", "x", Value.ONE, "NUMBER"),
    Option("lower", "l-threshold", "Connections below which it gets some again.", "y", Value.ONE, "NUMBER"),
    Option("within", "within", "With -w 0 or -d: after that its sessions are reset.", "", Value.ONE, "SECONDS"),
    Option("local", "local-address", "A local address.", "z", Value.ONE, "ADDRESS"),
    Option("blklst", "blklst-address", "Who may not use a service.", "k", Value.ONE, "ADDRESS[/LENGTH]", True),
    Option("whtlst", "whtlst-address", "Who may, and others not.", "2", Value.ONE, "ADDRESS[/LENGTH]", True),
    Option("refused", "refused", "What they get.", "", Value.ONE, "WORD", choices=("drop", "rst", "icmp")),
    Option(
        "option", "option", "An option of the configuration that has no letter here.", "", Value.ONE, "NAME=VALUE", True
    ),
    Option(
        "check",
        "check",
        "A health check, like 'type=http path=/up'; in place of those that there are. none takes these away.",
        "",
        Value.ONE,
        "NAME=VALUE...",
        True,
    ),
    Option("numeric", "numeric", "No names for addresses and ports.", "n"),
    Option("connection", "connection", "List connections.", "c"),
    Option("stats", "stats", "List what was counted."),
    Option("rate", "rate", "List changes per second, measured over one."),
    Option("exact", "exact", "Numbers in full.", "X"),
    Option("thresholds", "thresholds", "List thresholds."),
    Option("persistent_conn", "persistent-conn", "List what persistence holds."),
    Option("timeout", "timeout", "Show timeouts."),
    Option("daemon", "daemon", "Show the daemons of synchronisation: there are none."),
    Option("nosort", "nosort", "In the order of the configuration."),
    Option("sort", "sort", "Sorted (default)."),
    Option("json", "json", "One JSON object a line, as the API has them."),
    Option("socket", "control-socket", "The controller's.", "", Value.ONE, "PATH", is_file=True),
)
BY_NAME = {option.name: option for option in OPTIONS}

_SERVICE_SETTINGS = (
    *("match", "scheduler", "persistent", "netmask", "ops", "synproxy", "proxy"),
    *("established", "snat", "option", "check"),
)
_SERVER_SETTINGS = (
    *("dr", "tunnel", "tun_type", "tun_port", "tun_nocsum", "nat", "fullnat", "snat"),
    *("weight", "upper", "lower", "option", "check"),
)
_LISTS = ("stats", "rate", "exact", "thresholds", "persistent_conn", "nosort", "sort", "numeric", "json")
COMMANDS = (
    Command(Option("add_service", "add-service", "Add a service.", "A"), ("service",), _SERVICE_SETTINGS),
    Command(
        Option("edit_service", "edit-service", "Change what is given of a service.", "E"),
        ("service",),
        _SERVICE_SETTINGS,
    ),
    Command(Option("remove_service", "delete-service", "Remove a service.", "D"), ("service",)),
    Command(Option("clear", "clear", "Remove all services.", "C")),
    Command(Option("add_server", "add-server", "Add a real server.", "a"), ("service", "server"), _SERVER_SETTINGS),
    Command(
        Option("edit_server", "edit-server", "Change a real server; what is not given is as by default.", "e"),
        ("service", "server"),
        (*_SERVER_SETTINGS, "within"),
    ),
    Command(Option("remove_server", "delete-server", "Remove a real server.", "d"), ("service", "server"), ("within",)),
    Command(
        Option("list", "list", "List services, or connections.", "Ll"),
        (),
        (*_LISTS, "service", "connection", "timeout", "daemon"),
    ),
    Command(Option("zero", "zero", "Have the counters begin at zero.", "Z"), (), ("service",)),
    Command(Option("add_local", "add-laddr", "Add a local address.", "P"), ("service", "local")),
    Command(Option("remove_local", "del-laddr", "Remove a local address.", "Q"), ("service", "local")),
    Command(Option("locals", "get-laddr", "List local addresses.", "G"), (), ("service", "numeric", "json")),
    Command(
        Option("add_denied", "add-blklst", "Add to those who may not use a service; without one, any.", "U"),
        (),
        ("service", "blklst", "refused"),
    ),
    Command(Option("remove_denied", "del-blklst", "Remove some of them."), ("blklst",), ("service",)),
    Command(Option("denied", "get-blklst", "List them.", "B"), (), ("service", "json")),
    Command(
        Option("add_allowed", "add-whtlst", "Add to those who may use a service; without one, any.", "O"),
        (),
        ("service", "whtlst", "refused"),
    ),
    Command(Option("remove_allowed", "del-whtlst", "Remove some of them.", "Y"), ("whtlst",), ("service",)),
    Command(Option("allowed", "get-whtlst", "List them.", "W"), (), ("service", "json")),
    Command(Option("end_refused", "end-refused", "Reset the sessions of those who may not."), (), ("service",)),
    Command(Option("save", "save", "Write everything as lines for -R.", "S"), (), ("numeric",)),
    Command(Option("restore", "restore", "Carry out the lines of standard input, all or none.", "R")),
    Command(
        Option(
            "set",
            "set",
            "Timeouts of TCP, of TCP after a FIN, and of UDP, of all services that there are; 0 keeps one.",
            "",
            Value.THREE,
            "TCP TCPFIN UDP",
        )
    ),
    Command(Option("help", "help", "Show this.", "h")),
    Command(Option("version", "version", "Show the version.", "v")),
)
"""One of them in a command line."""

TOGETHER = (
    ("dr", "tunnel", "nat", "fullnat", "snat"),
    ("stats", "rate", "thresholds", "persistent_conn", "timeout", "daemon"),
    ("stats", "rate", "thresholds", "connection", "timeout", "daemon"),
    ("sort", "nosort"),
    ("service", "connection", "timeout", "daemon"),
)
"""Of each at most one. (The service twice, as -t and -u, is another error.)"""

MISTAKEN = {"established": "-V is LVS's timeout here; DPVS's -V is --del-blklst"}
"""By the name of an option with a value: what to say where another option stands in its place."""
_NO_DAEMON = "there is no daemon of synchronisation: sessions are in the switch and outlive the controller"
_NO_FLAGS = "schedulers have no flags"
_NO_CHECKSUM = "GUE is sent without a checksum of its own"
REFUSED = {
    "--pe": "persistence engines are not supported",
    **dict.fromkeys(
        ("--start-daemon", "--stop-daemon", "--mcast-interface", "--mcast-group", "--mcast-port"), _NO_DAEMON
    ),
    **dict.fromkeys(("--mcast-ttl", "--syncid", "--sync-maxlen"), _NO_DAEMON),
    "--sched-flags": _NO_FLAGS,
    **dict.fromkeys(("--tun-csum", "--tun-remcsum"), _NO_CHECKSUM),
    "--sctp-service": "SCTP is not supported",
    **dict.fromkeys(
        ("-F", "--ifname"), "--ifname is DPVS's: a local address is of the interface whose subnet it is in"
    ),
    "--sockpair": "--sockpair is DPVS's; fullnat sessions --filter finds one connection",
    **dict.fromkeys(("-q", "--icmp-service"), "ICMP has services by match: -f NUMBER/icmp -H dst=ADDRESS"),
    **dict.fromkeys(("-1", "--icmpv6-service"), "ICMPv6 has services by match: -f NUMBER/icmpv6 -H dst=ADDRESS"),
    "--cpu": "--cpu is DPVS's: all packet threads are counted together",
    "--hash-target": "--hash-target is DPVS's: sh and mh hash addresses, and QUIC has --option quic_config=N",
    "--quic": "--quic is DPVS's; --option quic_config=N and quic_id of servers are that here",
    "--dest-check": "--dest-check is DPVS's; --option passive_failures=N and passive_time=SECONDS are that here",
    "--conn-timeout": "--conn-timeout is DPVS's; -V SECONDS is that here",
    "--expire-quiescent": "--expire-quiescent is DPVS's; -w 0 --within SECONDS ends connections of one server",
}
"""What ipvsadm or DPVS's has and there is not here, and what to say of it."""
FLAGS = ("sh-port", "sh-fallback", "mh-port", "mh-fallback", "flag-1", "flag-2", "flag-3")
"""Of schedulers, behind the -b of ipvsadm, which is FULLNAT's here as in its patches."""
OF_DPVS = {"laddr": "local", "blklst": "blklst", "whtlst": "whtlst"}
"""Its long options that are others here, with the names of these."""

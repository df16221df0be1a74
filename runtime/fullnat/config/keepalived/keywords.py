"""Every keyword of keepalived's LVS part (keepalived 2.2 check/check_parser.c, of alibaba's and DPVS's forks too): what
arguments it takes, and what becomes of it here. The parser, the messages and the reference page are made from these
tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from fullnat.config.keepalived import matching
from fullnat.config.keepalived.conversions import (
    Convert,
    all_words,
    as_option,
    capitals,
    codes,
    command,
    factor,
    first_word,
    granularity,
    one_of,
    persistence,
    proxy,
    retries,
    seconds,
    switched_on,
    syn_proxy,
    whole,
)
from fullnat.config.model import ServerSettings, ServiceSettings
from fullnat.core.protocols import base as protocols
from fullnat.net.match import MOST
from fullnat.p4constants import PORT_GUE

NO_BFD = (
    "no BFD is spoken here, and a server that nothing checks would count as up: have a TCP_CHECK or PING_CHECK with a "
    "delay_loop of 1 or less, or a FILE_CHECK of what a BFD daemon writes"
)
MAILS = "no mail is sent; programs, the log and the metrics tell"
KEPT = "sessions of a server that fails go on, and it gets no new ones"
SPREAD = "checks are spread over time by themselves"
LOGGED = "fullnat stats shows the last failure, and the log what changes the state"
STACK = "a search has 0.5 s of a processor, and the stack that it takes in that"
FLAGS = "schedulers have no flags yet"
OF_DPVS = "it is of DPVS's own engine, and not there yet"
ONE_SWITCH = "addresses of the switch are its interfaces' in fullnat { }"
NOT_OURS = "is no business of a load balancer's data plane; keepalived may run beside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyword:
    """``option`` is the key of the TOML file that it sets, "" if it has none; then ``without`` says why it has no
    effect, if it has not."""

    fewest: int = 1
    most: int = 1
    option: str = ""
    convert: Convert | None = None
    without: str = ""
    below: Mapping[str, Keyword] | None = None
    """The keywords of its block."""
    refused: str = ""
    """Why there cannot be a configuration with it, and what to do."""
    rows: bool = False
    """Its block has rows of values instead of keywords."""

    @property
    def is_block(self) -> bool:
        return self.below is not None or self.rows


def method(arguments: tuple[str, ...]) -> str:
    """A forwarding mode; of a tunnel also its type."""
    mode, *rest = arguments
    found = _MODE((mode,))
    kind = " ".join(rest).lower()
    if rest and (found != "tunnel" or kind not in _TUNNELS):
        raise ValueError(f"{' '.join(rest)!r}: tunnels are of type ipip, or gue on port {PORT_GUE}")
    return _TUNNELS[kind] if rest else str(found)


# ---------------------------------------------------------------------------------------------- tables


MODES = {"nat": "nat", "dr": "dr", "tun": "tunnel", "fnat": "fullnat", "fullnat": "fullnat", "snat": "snat"}
_TUNNELS = {
    "type ipip": "tunnel",
    f"type gue port {PORT_GUE}": "gue",
    f"type gue port {PORT_GUE} nocsum": "gue",
}
_MODE = one_of(MODES)
PROTOCOLS = {name: name for name in protocols.PROTOCOLS}
_SCHEDULERS = ("rr", "wrr", "lc", "wlc", "sed", "nq", "sh", "dh", "lblc", "lblcr", "mh", "fo", "ovf")
SCHEDULERS = {name: name for name in _SCHEDULERS}
_NOT_SCHEDULERS = {"conhash": "mh and sh hash the client's address here", "twos": "wlc is near to it"}


def _without(why: str, fewest: int = 1, most: int = 1) -> Keyword:
    return Keyword(fewest=fewest, most=most, without=why)


def _flag(why: str) -> Keyword:
    return Keyword(fewest=0, without=why)


def _all(why: str, fewest: int, most: int, *names: str) -> dict[str, Keyword]:
    return {name: _without(why, fewest, most) for name in names}


MANY = 64
"""Arguments of what takes any number, as a script does."""


def _programs(*names: str) -> dict[str, Keyword]:
    """Behind the program, in quotes if it has arguments, may be a user and a group (keepalived: set_script_params)."""
    return {name: Keyword(most=3, option=name, convert=first_word) for name in names}


OF_SERVERS = _programs("notify_up", "notify_down")
OF_SERVICES = _programs("quorum_up", "quorum_down")
_ALPHA = Keyword(fewest=0, option="start_down", convert=switched_on)
_FALL = Keyword(option="fall", convert=retries)
DEFAULTS: dict[str, Keyword] = {
    "delay_loop": Keyword(option="interval", convert=seconds),
    "connect_timeout": Keyword(option="timeout", convert=seconds),
    "retry": _FALL,
    "delay_before_retry": Keyword(option="retry_interval", convert=seconds),
    "alpha": _ALPHA,
    "virtualhost": Keyword(option="host", convert=first_word),
}
"""Of checkers, said by the blocks around them as well."""
_CHECK: dict[str, Keyword] = {
    **{name: keyword for name, keyword in DEFAULTS.items() if name != "virtualhost"},
    "nb_get_retry": _FALL,
    "nb_sock_retry": _FALL,
    **_all(SPREAD, 0, 1, "warmup"),
    **_all(LOGGED, 0, 1, "log_all_failures"),
}
_CONNECT: dict[str, Keyword] = {
    **_CHECK,
    "connect_port": Keyword(option="port", convert=whole),
    "connect_ip": Keyword(option="address", convert=first_word),
    "bindto": Keyword(option="source", convert=first_word),
    "bind_if": Keyword(option="device", convert=first_word),
    **_all("checks have ports of their own, from those that the system gives", 1, 1, "bind_port"),
    **_all("a switch has no netfilter to set marks", 1, 1, "fwmark"),
}
URL: dict[str, Keyword] = {
    "path": Keyword(option="path", convert=first_word),
    "digest": Keyword(option="digest", convert=first_word),
    "status_code": Keyword(most=MANY, option="status", convert=codes),
    "virtualhost": Keyword(option="host", convert=first_word),
    "regex": Keyword(option="regex", convert=first_word),
    "regex_options": Keyword(most=MANY, option="regex_options", convert=all_words),
    "regex_no_match": Keyword(fewest=0, option="regex_no_match", convert=switched_on),
    "regex_min_offset": Keyword(option="regex_min_offset", convert=whole),
    "regex_max_offset": Keyword(option="regex_max_offset", convert=whole),
    **_all(STACK, 1, 2, "regex_stack"),
    **_all("a TLS that ends without saying so is taken as its end", 0, 1, "tls_compliant"),
}
_HTTP = {
    **_CONNECT,
    "url": Keyword(fewest=0, most=0, below=URL),
    "virtualhost": Keyword(option="host", convert=first_word),
    **_all("the name is always sent where there is one", 0, 1, "enable_sni"),
    **_all("virtualhost is the name that is sent", 1, 1, "sni_name"),
    **_all("HTTP/1.0 is spoken", 1, 1, "http_protocol"),
    **_all("each url is a check of its own, and all are checked at once", 0, 1, "fast_recovery"),
    **_all("@fullnat verify true has certificates verified", 0, 1, "ssl_verify"),
}
_MISC = {
    **_CHECK,
    "misc_path": Keyword(most=MANY, option="command", convert=command),
    "misc_timeout": Keyword(option="timeout", convert=seconds),
    "user": Keyword(most=2, option="user", convert=first_word),
    "misc_dynamic": Keyword(fewest=0, option="dynamic", convert=switched_on),
}
_SMTP = {
    **_CONNECT,
    "helo_name": Keyword(option="host", convert=first_word),
    "host": Keyword(fewest=0, most=0, without="say connect_ip, connect_port and bindto outside of it", below=_CONNECT),
}
_UDP = {
    **_CONNECT,
    "payload": Keyword(option="payload", convert=first_word),
    "require_reply": Keyword(fewest=0, option="require_reply", convert=switched_on),
    **_all("a reply of any length is one", 1, 1, "min_reply_length", "max_reply_length"),
}
_DNS = {
    **_CONNECT,
    "type": Keyword(option="record", convert=capitals),
    "name": Keyword(option="name", convert=first_word),
}
_FILE = {
    "track_file": Keyword(option="file", convert=first_word),
    "weight": Keyword(most=2, option="factor", convert=factor),
    **_all("a weight that is not 0 is always added", 0, 0, "dynamic"),
}
TRACK_FILE = {
    "file": Keyword(option="file", convert=first_word),
    "weight": Keyword(most=2, option="factor", convert=factor),
    **_all("files are only read; one that is missing says 0", 0, 2, "init_file"),
}
TRACK_FILES = ("track_file", "vrrp_track_file")
"""The second is what keepalived called it before 2.1."""
_PING = {name: keyword for name, keyword in _CONNECT.items() if name != "connect_port"}
HTTP_CHECKERS = ("HTTP_GET", "SSL_GET")
CHECKERS: dict[str, Keyword] = {
    "TCP_CHECK": Keyword(fewest=0, most=0, below=_CONNECT),
    "HTTP_GET": Keyword(fewest=0, most=0, below=_HTTP),
    "SSL_GET": Keyword(fewest=0, most=0, below=_HTTP),
    "MISC_CHECK": Keyword(fewest=0, most=0, below=_MISC),
    "SMTP_CHECK": Keyword(fewest=0, most=0, below=_SMTP),
    "UDP_CHECK": Keyword(fewest=0, most=0, below=_UDP),
    "PING_CHECK": Keyword(fewest=0, most=0, below=_PING),
    "DNS_CHECK": Keyword(fewest=0, most=0, below=_DNS),
    "FILE_CHECK": Keyword(fewest=0, most=0, below=_FILE),
    "BFD_CHECK": Keyword(fewest=0, most=0, refused=NO_BFD, below={}),
}
"""What they say is made sections of in :mod:`.checkers`."""
_AROUND = {name: Keyword(fewest=keyword.fewest) for name, keyword in DEFAULTS.items()}
"""In the blocks around checkers: read apart."""
_OWN_CHECK = {"check": Keyword(fewest=0, most=0, rows=True)}


def _own(settings: type, said: Iterable[Keyword]) -> dict[str, Keyword]:
    """What keepalived has no keyword for, by our own names."""
    covered = {keyword.option for keyword in said} | {"checks"}
    names = (each.name for each in fields(settings) if each.name not in covered)
    return {name: Keyword(most=MANY, option=name, convert=as_option(name)) for name in names}


_METHOD = Keyword(most=8, option="mode", convert=method)

REAL_SERVER: dict[str, Keyword] = {
    "weight": Keyword(option="weight", convert=whole),
    "uthreshold": Keyword(option="upper_threshold", convert=whole),
    "lthreshold": Keyword(option="lower_threshold", convert=whole),
    "lvs_method": _METHOD,
    "lb_kind": _METHOD,
    **OF_SERVERS,
    **_all(KEPT, 0, 1, "inhibit_on_failure"),
    **_all(MAILS, 0, 1, "smtp_alert"),
    **_all(LOGGED, 0, 1, "log_all_failures"),
    **_all(SPREAD, 1, 1, "warmup"),
    **_AROUND,
    **_OWN_CHECK,
    **_all("it names a value of SNMP, which is not there", 1, 1, "snmp_name"),
    **CHECKERS,
}

VIRTUAL_SERVER: dict[str, Keyword] = {
    "lb_algo": Keyword(option="scheduler", convert=one_of(SCHEDULERS, _NOT_SCHEDULERS)),
    "lvs_sched": Keyword(option="scheduler", convert=one_of(SCHEDULERS, _NOT_SCHEDULERS)),
    "lb_kind": _METHOD,
    "lvs_method": _METHOD,
    "protocol": Keyword(option="protocol", convert=one_of(PROTOCOLS, {"sctp": "only these are translated"})),
    "est_timeout": Keyword(option="established_timeout", convert=seconds),
    "establish_timeout": Keyword(option="established_timeout", convert=seconds),
    "persistence_timeout": Keyword(fewest=0, option="persistence_timeout", convert=persistence),
    "persistence_granularity": Keyword(option="persistence_prefix", convert=granularity),
    "ops": Keyword(fewest=0, option="ops", convert=switched_on),
    "laddr_group_name": Keyword(),
    "ip_family": Keyword(),
    "weight": Keyword(),
    "real_server": Keyword(most=2, below=REAL_SERVER),
    "sorry_server": Keyword(most=2),
    "sorry_server_lvs_method": Keyword(most=8),
    "quorum": Keyword(option="quorum", convert=whole),
    "hysteresis": Keyword(option="hysteresis", convert=whole),
    "omega": Keyword(fewest=0, option="omega", convert=switched_on),
    **_all(KEPT, 0, 1, "inhibit_on_failure", "sorry_server_inhibit"),
    **_all(MAILS, 0, 1, "smtp_alert"),
    **_all(NOT_OURS, 0, 1, "ha_suspend"),
    **_all(SPREAD, 1, 1, "warmup"),
    **_AROUND,
    **_OWN_CHECK,
    **OF_SERVICES,
    "syn_proxy": Keyword(fewest=0, option="syn_proxy", convert=syn_proxy),
    **_all(FLAGS, 0, 1, "hashed", "flag-1", "flag-2", "flag-3", "sh-port", "sh-fallback", "mh-port", "mh-fallback"),
    "persistence_engine": _without("clients are known by their address, not by what they say"),
    **_all(OF_DPVS, 0, MANY, "hash_target", "quic", "expire_quiescent_conn", "bps", "limit_proportion", "conn_timeout"),
    **{name: Keyword() for name in ("daddr_group_name", "waddr_group_name")},
    **{name: Keyword(most=MANY, option=name, convert=list) for name in ("deny", "allow")},
    "refused": Keyword(option="refused", convert=first_word),
    "proxy_protocol": Keyword(option="proxy_protocol", convert=proxy),
    "vip_bind_dev": _without(ONE_SWITCH),
    "match": Keyword(most=MOST, option="match", convert=list),
    **{name: Keyword() for name in matching.KEYWORDS},
    "nat_mask": _without("it was for services of whole networks in Linux 2.0"),
    "snmp_name": _without("it names a value of SNMP, which is not there"),
}

REAL_SERVER |= _own(ServerSettings, REAL_SERVER.values())
VIRTUAL_SERVER |= {
    **_own(ServiceSettings, VIRTUAL_SERVER.values()),
    "timeouts": Keyword(fewest=0, most=0, rows=True),
}

_PREFERENCES = "keepalived's own process; fullnat's is told by options of fullnat run"
BLOCKS: dict[str, Keyword] = {
    "global_defs": Keyword(fewest=0, most=0, without=_PREFERENCES, rows=True),
    "local_address_group": Keyword(rows=True),
    "virtual_server_group": Keyword(rows=True),
    "virtual_server": Keyword(most=3, below=VIRTUAL_SERVER),
    **{name: Keyword(below=TRACK_FILE) for name in TRACK_FILES},
    "fullnat": Keyword(fewest=0, most=0, rows=True),
    **{name: Keyword(rows=True) for name in ("deny_address_group", "allow_address_group")},
    "tunnel_group": Keyword(fewest=1, most=1, without=ONE_SWITCH, rows=True),
    **{
        name: Keyword(fewest=0, most=MANY, without=NOT_OURS, rows=True)
        for name in (
            *("vrrp_instance", "vrrp_sync_group", "vrrp_script", "vrrp_track_process"),
            *("static_ipaddress", "static_addresses", "static_routes", "static_rules", "track_group"),
            *("bfd_instance", "track_process", "linkbeat_interfaces", "interface_up_down_delays"),
            *(
                "garp_group",
                "process_names",
                "SSL",
                "ssl",
                "linkbeat_use_polling",
                "net_namespace",
                "namespace_with_ipsets",
            ),
            *("instance", "use_pid_dir", "child_wait_time", "restart", "nl_routes"),
        )
    },
}

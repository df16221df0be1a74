"""The enumerations and numbers of p4src/include/constants.p4, which explains them. Made by ``make p4``."""

from enum import IntEnum

COOKIE_MSS6_0 = 1220
COOKIE_MSS6_1 = 1420
COOKIE_MSS6_2 = 1440
COOKIE_MSS6_3 = 8940
COOKIE_MSS_0 = 536
COOKIE_MSS_1 = 1300
COOKIE_MSS_2 = 1440
COOKIE_MSS_3 = 1460
COOKIE_SCALE_1 = 3
COOKIE_SCALE_2 = 6
COOKIE_SCALE_3 = 7
MSS_FLOOR = 536
MSS6_FLOOR = 1220
OF_SERVER = 2147483648
PORT_GUE = 6080
PROXY_V4_BYTES = 28
PROXY_V6_BYTES = 52
TOA_V4_BYTES = 8
TOA_V6_BYTES = 20


class PacketOutAction(IntEnum):
    FORWARD = 0
    INJECT = 1
    RESET = 2


class PacketOutFlag(IntEnum):
    NEW_SESSION = 1
    OPTIONS_EDITED = 2


class PuntReason(IntEnum):
    SERVICE_SYN = 1
    SESSION_SYN = 2
    NO_SESSION = 3
    NO_NEIGHBOR = 4
    ARP = 5
    OPTIONS = 6
    NEIGHBOR = 7
    SERVICE_DATAGRAM = 8
    TOO_BIG = 9
    TTL_EXPIRED = 10
    ICMP_ERROR = 11
    ND = 12
    NEIGHBOR6 = 13
    REFUSED = 14
    LATE_ANSWER = 15
    SNAT = 16
    COOKIE_ACK = 17
    SPLICE = 18
    PUNT_REASONS = 19


class ServiceFlag(IntEnum):
    RESET_ON_MISS = 1
    COOKIES = 2
    COOKIES_IN_NEED = 4


class PolicyFlag(IntEnum):
    CLOSED = 1
    RESET = 2
    PROHIBIT = 4


class SessionFlag(IntEnum):
    TOA = 1
    KEEP_TIMESTAMPS = 2
    KEEP_MSS = 4
    ONE_WAY = 8
    TOA_253 = 16
    PROXY = 32
    PROXY_EVERY = 64


class SessionEvent(IntEnum):
    SYN_ACK = 1
    ESTABLISHED = 2
    FIN_IN = 4
    FIN_OUT = 8
    RST_IN = 16
    RST_OUT = 32
    RESUMED = 64
    UNJUDGED = 128


class Direction(IntEnum):
    NONE = 0
    IN = 1
    OUT = 2
    STATELESS = 5


class ToaResult(IntEnum):
    OK = 0
    FAIL_LEN = 1
    HEAD_FULL = 2
    TOA_RESULTS = 3


class DropReason(IntEnum):
    NONE = 0
    PARSER = 1
    NOT_FOR_US = 2
    ETHERTYPE = 3
    IPV4_HEADER = 4
    IPV4_CHECKSUM = 5
    IPV4_ADDRESS = 6
    TTL = 7
    FRAGMENT = 8
    TCP_HEADER = 9
    TCP_OPTIONS = 10
    TCP_FLAGS = 11
    NO_SERVICE = 12
    NO_SESSION = 13
    PROTOCOL = 14
    NO_ROUTE = 15
    ROUTE = 16
    NO_NEIGHBOR = 17
    MTU = 18
    PUNT_METER = 19
    INJECT_MISS = 20
    RESET_UNKNOWN = 21
    PACKET_OUT = 22
    ARP = 23
    IPV4_OPTIONS = 24
    SERVER = 25
    VLAN = 26
    TUNNEL = 27
    TUNNEL_MTU = 28
    UDP_HEADER = 29
    ICMP_ERROR = 30
    IPV6_HEADER = 31
    IPV6_ADDRESS = 32
    IPV6_EXTENSION = 33
    IPV6_FRAGMENT = 34
    HOP_LIMIT = 35
    UDP_CHECKSUM = 36
    ND = 37
    FAMILY = 38
    IPSEC = 39
    NO_BUCKET = 40
    PROXY = 41
    DENIED = 42
    DENIED_BY_ALL = 43
    NEW_RATE = 44
    SOURCE_RATE = 45
    SYN_COOKIE = 46
    BAD_COOKIE = 47
    DROP_REASONS = 48


class CookieEvent(IntEnum):
    SENT = 0
    RIGHT = 1
    WRONG = 2
    COOKIE_EVENTS = 3


class CookieKey(IntEnum):
    NEW = 0
    GENERATION_0 = 2
    GENERATION_1 = 3
    NONE = 255


EXPLAINED = {
    "DropReason": {
        "PARSER": "truncated inside a header",
        "NOT_FOR_US": "destination MAC is neither ours nor broadcast",
        "ETHERTYPE": "neither IPv4, IPv6 nor ARP",
        "IPV4_HEADER": "version, IHL or total length is wrong",
        "IPV4_ADDRESS": "source or destination that no router forwards (RFC 1812 5.3.7)",
        "FRAGMENT": (
            "IP fragment to an address of ours that follows no first one, of NAT46, or on a target that does not look"
        ),
        "TCP_HEADER": "data offset below 5 or beyond the segment",
        "TCP_OPTIONS": "option length 0, 1 or past the header",
        "TCP_FLAGS": "SYN together with FIN or RST",
        "NO_SERVICE": "to a VIP, but no virtual service on the port",
        "NO_SESSION": "nothing that opens a session, and none there (LVS: defence_tcp_drop)",
        "PROTOCOL": "protocol that this address does not serve",
        "ROUTE": "a route that says drop",
        "NO_NEIGHBOR": "next hop unresolved; the packet went to the controller",
        "MTU": "longer than the outgoing link takes",
        "PUNT_METER": "over the rate allowed to the controller",
        "INJECT_MISS": "injected, but its session is gone",
        "RESET_UNKNOWN": "reset of a session whose server never answered",
        "PACKET_OUT": "unknown packet_out action",
        "ARP": "ARP that concerns no address of ours",
        "IPV4_OPTIONS": "IPv4 options, on a target that does not parse them, or of NAT46",
        "SERVER": "the session's real server is not in server_in or server_out",
        "VLAN": "a tag of a VLAN that no interface of the port has, a provider's (802.1ad), or two tags",
        "TUNNEL": "to a real server in a mode that this target has not",
        "TUNNEL_MTU": "with its outer header longer than the outgoing link takes",
        "UDP_HEADER": "length below 8 or beyond the IP packet",
        "ICMP_ERROR": (
            "ICMP error to an address of ours that quotes no packet of a session, or that the other family does not "
            "have"
        ),
        "IPV6_HEADER": "version or payload length is wrong, or ICMPv6 shorter than its header",
        "IPV6_ADDRESS": "source or destination that no router forwards (RFC 4291 2.5, 2.7), link-local ones included",
        "IPV6_EXTENSION": "extension headers of a packet to an address of ours",
        "IPV6_FRAGMENT": "fragment to an address of ours",
        "UDP_CHECKSUM": "0 over IPv6, to an address of ours (RFC 8200 8.1), or towards it (NAT46)",
        "ND": "neighbor discovery that is not valid (RFC 4861 7.1), or concerns no address of ours",
        "FAMILY": "of a session that leads to the other family, where it or the target does not translate",
        "IPSEC": "AH or ESP of a session whose translation would break it",
        "NO_BUCKET": "to a service without sessions that has no real server",
        "PROXY": "a client's segment that would write over the header of PROXY protocol",
        "DENIED": "its source may not use the service",
        "DENIED_BY_ALL": "likewise any service",
        "NEW_RATE": "begins a connection, and its service has had as many lately as it may",
        "SOURCE_RATE": "likewise its source",
        "SYN_COOKIE": "a SYN that was to be answered with a cookie, without a key or with IPv4 options",
        "BAD_COOKIE": "nothing that opens a session, and none there, at a service with cookies: nor has it a right one",
    },
    "PuntReason": {
        "SERVICE_SYN": "SYN to a virtual service, no session",
        "SESSION_SYN": "client SYN on an existing session: retransmission or reuse",
        "NO_SESSION": "a client's other segment to a service that answers with RST, no session",
        "NO_NEIGHBOR": "next hop has no link-layer address yet",
        "ARP": "ARP reply, or request that tells of a neighbor",
        "OPTIONS": "segment of a session with TCP options that this target cannot edit",
        "NEIGHBOR": "not sent: an ARP request that was answered, and whose sender is told by digest",
        "SERVICE_DATAGRAM": "UDP datagram to a virtual service, no session",
        "TOO_BIG": (
            "packet longer than the outgoing link takes, and that may not be fragmented: its sender shall be told"
        ),
        "TTL_EXPIRED": "packet whose TTL or hop limit ends here: its sender shall be told",
        "ICMP_ERROR": "ICMP error to an address of ours, which this target cannot translate",
        "ND": "neighbor discovery that the switch does not answer itself, or that tells of a neighbor",
        "NEIGHBOR6": "not sent: a neighbor solicitation that was answered, and whose sender is told by digest",
        "REFUSED": "to a service that its source may not use, and is to be told so",
        "LATE_ANSWER": "a real server's segment to a local address, no session",
        "SNAT": "first packet of a host inside, by a rule of SNAT",
        "COOKIE_ACK": "no session, but the right answer to a SYN cookie of ours",
        "SPLICE": "of a session that a cookie began, and whose real server has not answered yet",
    },
    "ToaResult": {
        "FAIL_LEN": "would pass the MTU towards the server",
        "HEAD_FULL": "less than 8 free option bytes",
    },
}
"""By enumeration and member: what it means, where its name does not say it."""

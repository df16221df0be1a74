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

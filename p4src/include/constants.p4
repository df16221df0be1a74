/* Numbers of the protocols, and enumerations shared with the controller.
 *
 * `make p4` makes runtime/fullnat/p4constants.py of the enumerations below, so the controller types none of them again. */
#ifndef _CONSTANTS_P4_
#define _CONSTANTS_P4_

const bit<16> ETHERTYPE_IPV4 = 0x0800;
const bit<16> ETHERTYPE_ARP  = 0x0806;
const bit<16> ETHERTYPE_IPV6 = 0x86dd;
const bit<16> ETHERTYPE_VLAN = 0x8100;          /* IEEE 802.1Q: a customer's tag */
const bit<16> ETHERTYPE_SERVICE_VLAN = 0x88a8;  /* 802.1ad: a provider's */

const bit<8> PROTO_ICMP = 1;
const bit<8> PROTO_TCP  = 6;
const bit<8> PROTO_UDP  = 17;
/* Next headers of IPv6 (RFC 8200, RFC 4443), beside these. */
const bit<8> PROTO_HOP_BY_HOP   = 0;
const bit<8> PROTO_ROUTING      = 43;
const bit<8> PROTO_FRAGMENT     = 44;
const bit<8> PROTO_ICMPV6       = 58;
const bit<8> PROTO_DESTINATION  = 60;

const bit<16> IPV6_BYTES = 40;
const bit<8> DEFAULT_HOP_LIMIT = 64;

const bit<16> ARP_REQUEST = 1;
const bit<16> ARP_REPLY   = 2;

const bit<16> ICMP_BYTES = 8;  /* of every ICMP message, at least */
const bit<8> ICMP_ECHO_REPLY        = 0;
const bit<8> ICMP_UNREACHABLE       = 3;
const bit<8> ICMP_SOURCE_QUENCH     = 4;
const bit<8> ICMP_ECHO_REQUEST      = 8;
const bit<8> ICMP_TIME_EXCEEDED     = 11;
const bit<8> ICMP_PARAMETER_PROBLEM = 12;

const bit<8> ICMPV6_UNREACHABLE       = 1;
const bit<8> ICMPV6_TOO_BIG           = 2;
const bit<8> ICMPV6_TIME_EXCEEDED     = 3;
const bit<8> ICMPV6_PARAMETER_PROBLEM = 4;
const bit<8> ICMPV6_ECHO_REQUEST = 128;
const bit<8> ICMPV6_ECHO_REPLY   = 129;
/* Neighbor discovery (RFC 4861), which never passes a router: so the hop limit tells. */
const bit<8> ND_SOLICITATION  = 135;
const bit<8> ND_ADVERTISEMENT = 136;
const bit<8> ND_HOP_LIMIT = 255;
const bit<8> ND_SOURCE_LINK = 1;  /* an option */
const bit<16> ND_BYTES = 24;              /* without options */
const bit<16> ND_WITH_OPTION_BYTES = 32;  /* with a link-layer address of Ethernet */

/* TOA for an IPv4 client: kind 254, length 8, port, address. Two 32-bit words of data offset. */
const bit<8>  TOA_KIND = 254;
const bit<8>  TOA_V4_LENGTH = 8;
const bit<4>  TOA_V4_WORDS = 2;
@noWarn("unused") const bit<16> PORT_GUE = 6080;  /* an ASIC has no tunnels */
const bit<16> TOA_V4_BYTES = 8;

/* TOA for an IPv6 client: kind 254, or 253 as LVS has it; length 20, port, address. Five words. */
const bit<8>  TOA_KIND_LVS = 253;
const bit<8>  TOA_V6_LENGTH = 20;
const bit<4>  TOA_V6_WORDS = 5;
const bit<16> TOA_V6_BYTES = 20;

/* A header of PROXY protocol, version 2, for two endpoints of IPv4 or IPv6. */
@noWarn("unused") const bit<16> PROXY_V4_BYTES = 28;  /* an ASIC has no PROXY protocol */
@noWarn("unused") const bit<16> PROXY_V6_BYTES = 52;  /* an ASIC has no PROXY protocol */

/* The default MSS of RFC 9293 (3.7.1) for each family: making room for TOA never goes below it. */
const bit<16> MSS_FLOOR = 536;
const bit<16> MSS6_FLOOR = 1220;

/* What SYN cookies can say: of each the largest that is not above what the client says, and the first one is less, or nothing. The
 * values are those of Linux (net/ipv4/syncookies.c, net/ipv6/syncookies.c); 7 and 6 are the scales of Linux and of macOS. */
@noWarn("unused") const bit<16> COOKIE_MSS_0 = 536;
@noWarn("unused") const bit<16> COOKIE_MSS_1 = 1300;
@noWarn("unused") const bit<16> COOKIE_MSS_2 = 1440;
@noWarn("unused") const bit<16> COOKIE_MSS_3 = 1460;
@noWarn("unused") const bit<16> COOKIE_MSS6_0 = 1220;
@noWarn("unused") const bit<16> COOKIE_MSS6_1 = 1420;
@noWarn("unused") const bit<16> COOKIE_MSS6_2 = 1440;
@noWarn("unused") const bit<16> COOKIE_MSS6_3 = 8940;
@noWarn("unused") const bit<8> COOKIE_SCALE_1 = 3;
@noWarn("unused") const bit<8> COOKIE_SCALE_2 = 6;
@noWarn("unused") const bit<8> COOKIE_SCALE_3 = 7;

/* What a packet_out asks for. */
enum bit<8> PacketOutAction {
    FORWARD = 0,  /* send the packet unchanged to `port` */
    INJECT  = 1,  /* process the packet as if received on `port` */
    RESET   = 2   /* a bare RST of session `session_id`: fill in seq, rewrite and send */
}

/* packet_out flags. */
enum bit<8> PacketOutFlag {
    NEW_SESSION = 1,    /* forget what the session_id's registers hold from its previous user */
    OPTIONS_EDITED = 2  /* the TCP options are as they shall leave */
}

/* Beside a server_id in packet_in.session_id: the packet is of no session, but goes to this real server. */
@noWarn("unused") const bit<32> OF_SERVER = 0x80000000;

/* Why a packet was sent to the controller. */
enum bit<8> PuntReason {
    SERVICE_SYN = 1,  /* SYN to a virtual service, no session */
    SESSION_SYN = 2,  /* client SYN on an existing session: retransmission or reuse */
    NO_SESSION  = 3,  /* a client's other segment to a service that answers with RST, no session */
    NO_NEIGHBOR = 4,  /* next hop has no link-layer address yet */
    ARP         = 5,  /* ARP reply, or request that tells of a neighbor */
    OPTIONS     = 6,  /* segment of a session with TCP options that this target cannot edit */
    NEIGHBOR    = 7,  /* not sent: an ARP request that was answered, and whose sender is told by digest */
    SERVICE_DATAGRAM = 8,  /* UDP datagram to a virtual service, no session */
    TOO_BIG     = 9,  /* packet longer than the outgoing link takes, and that may not be fragmented: its sender shall be told */
    TTL_EXPIRED = 10, /* packet whose TTL or hop limit ends here: its sender shall be told */
    ICMP_ERROR  = 11, /* ICMP error to an address of ours, which this target cannot translate */
    ND          = 12, /* neighbor discovery that the switch does not answer itself, or that tells of a neighbor */
    NEIGHBOR6   = 13, /* not sent: a neighbor solicitation that was answered, and whose sender is told by digest */
    REFUSED     = 14, /* to a service that its source may not use, and is to be told so */
    LATE_ANSWER = 15, /* a real server's segment to a local address, no session */
    SNAT        = 16, /* first packet of a host inside, by a rule of SNAT */
    COOKIE_ACK  = 17, /* no session, but the right answer to a SYN cookie of ours */
    SPLICE      = 18, /* of a session that a cookie began, and whose real server has not answered yet */
    PUNT_REASONS = 19
}

/* virtual_service flags. */
enum bit<8> ServiceFlag {
    RESET_ON_MISS = 1,  /* segments without session go to the controller, which answers RST */
    COOKIES = 2,        /* every SYN is answered with a cookie */
    COOKIES_IN_NEED = 4 /* those that would be too many for the controller are */
}

/* What a policy does with those that its list refuses. */
enum bit<8> PolicyFlag {
    CLOSED = 1,    /* who is in none of its prefixes is refused */
    RESET = 2,     /* they get a RST */
    PROHIBIT = 4   /* they get ICMP: administratively prohibited */
}
#define POLICY_ANSWERS ((bit<8>)PolicyFlag.RESET | (bit<8>)PolicyFlag.PROHIBIT)

/* session flags. */
enum bit<8> SessionFlag {
    TOA = 1,              /* tell the real server the client's address */
    KEEP_TIMESTAMPS = 2,  /* leave the timestamp option in the client's SYN */
    KEEP_MSS = 4,         /* leave the MSS of the server's SYN-ACK alone */
    ONE_WAY = 8,          /* the server's answers are not seen: what the client acknowledges tells of them */
    TOA_253 = 16,         /* TOA for an IPv6 client is of kind 253, as LVS has it, and not 254 */
    PROXY = 32,           /* tell the real server both endpoints by PROXY protocol: before the client's first byte, in its first datagram */
    PROXY_EVERY = 64      /* beside PROXY: in every datagram */
}

/* Bits of a session's event byte; each is reported once, when it is first set. Only what the session's registers show to be
 * acceptable to its receiver is news (RFC 9293, RFC 5961).
 *
 * RESUMED takes back: a RST or FIN that was reported has not been accepted, for its sender goes on as if there were none.
 * In such a report RST_x and FIN_x bits, which are only those of the report's direction, are withdrawn; they are cleared in
 * the event byte, and will be reported again. SYN_ACK and ESTABLISHED in it are new, as ever. */
enum bit<8> SessionEvent {
    SYN_ACK     = 1,   /* the server acknowledged the client's SYN with one of its own; of UDP, it sent a datagram */
    ESTABLISHED = 2,   /* the client acknowledged that, or data behind it */
    FIN_IN      = 4,
    FIN_OUT     = 8,
    RST_IN      = 16,
    RST_OUT     = 32,
    RESUMED     = 64,  /* reported only: the FIN and RST bits beside it did not happen */
    UNJUDGED    = 128  /* reported only, beside RST or FIN: this target could not tell whether it is acceptable */
}

enum bit<8> Direction {
    NONE = 0,
    IN   = 1,  /* client to real server (OUT2IN) */
    OUT  = 2,  /* real server to client (IN2OUT) */
    STATELESS = 5  /* client to real server, and of no session: 1 with another bit */
}

/* What became of TOA in a segment that should carry it (LVS: fullnat_add_toa_*). */
enum bit<8> ToaResult {
    OK        = 0,
    FAIL_LEN  = 1,  /* would pass the MTU towards the server */
    HEAD_FULL = 2,  /* less than 8 free option bytes */
    TOA_RESULTS = 3
}

/* Why a packet was dropped: index of drop_ctr. */
enum bit<8> DropReason {
    NONE            = 0,
    PARSER          = 1,   /* truncated inside a header */
    NOT_FOR_US      = 2,   /* destination MAC is neither ours nor broadcast */
    ETHERTYPE       = 3,   /* neither IPv4, IPv6 nor ARP */
    IPV4_HEADER     = 4,   /* version, IHL or total length is wrong */
    IPV4_CHECKSUM   = 5,
    IPV4_ADDRESS    = 6,   /* source or destination that no router forwards (RFC 1812 5.3.7) */
    TTL             = 7,
    FRAGMENT        = 8,   /* IP fragment to an address of ours that follows no first one, of NAT46, or on a target that does not look */
    TCP_HEADER      = 9,   /* data offset below 5 or beyond the segment */
    TCP_OPTIONS     = 10,  /* option length 0, 1 or past the header */
    TCP_FLAGS       = 11,  /* SYN together with FIN or RST */
    NO_SERVICE      = 12,  /* to a VIP, but no virtual service on the port */
    NO_SESSION      = 13,  /* nothing that opens a session, and none there (LVS: defence_tcp_drop) */
    PROTOCOL        = 14,  /* protocol that this address does not serve */
    NO_ROUTE        = 15,
    ROUTE           = 16,  /* a route that says drop */
    NO_NEIGHBOR     = 17,  /* next hop unresolved; the packet went to the controller */
    MTU             = 18,  /* longer than the outgoing link takes */
    PUNT_METER      = 19,  /* over the rate allowed to the controller */
    INJECT_MISS     = 20,  /* injected, but its session is gone */
    RESET_UNKNOWN   = 21,  /* reset of a session whose server never answered */
    PACKET_OUT      = 22,  /* unknown packet_out action */
    ARP             = 23,  /* ARP that concerns no address of ours */
    IPV4_OPTIONS    = 24,  /* IPv4 options, on a target that does not parse them, or of NAT46 */
    SERVER          = 25,  /* the session's real server is not in server_in or server_out */
    VLAN            = 26,  /* a tag of a VLAN that no interface of the port has, a provider's (802.1ad), or two tags */
    TUNNEL          = 27,  /* to a real server in a mode that this target has not */
    TUNNEL_MTU      = 28,  /* with its outer header longer than the outgoing link takes */
    UDP_HEADER      = 29,  /* length below 8 or beyond the IP packet */
    ICMP_ERROR      = 30,  /* ICMP error to an address of ours that quotes no packet of a session, or that the other family does not have */
    IPV6_HEADER     = 31,  /* version or payload length is wrong, or ICMPv6 shorter than its header */
    IPV6_ADDRESS    = 32,  /* source or destination that no router forwards (RFC 4291 2.5, 2.7), link-local ones included */
    IPV6_EXTENSION  = 33,  /* extension headers of a packet to an address of ours */
    IPV6_FRAGMENT   = 34,  /* fragment to an address of ours */
    HOP_LIMIT       = 35,
    UDP_CHECKSUM    = 36,  /* 0 over IPv6, to an address of ours (RFC 8200 8.1), or towards it (NAT46) */
    ND              = 37,  /* neighbor discovery that is not valid (RFC 4861 7.1), or concerns no address of ours */
    FAMILY          = 38,  /* of a session that leads to the other family, where it or the target does not translate */
    IPSEC           = 39,  /* AH or ESP of a session whose translation would break it */
    NO_BUCKET       = 40,  /* to a service without sessions that has no real server */
    PROXY           = 41,  /* a client's segment that would write over the header of PROXY protocol */
    DENIED          = 42,  /* its source may not use the service */
    DENIED_BY_ALL   = 43,  /* likewise any service */
    NEW_RATE        = 44,  /* begins a connection, and its service has had as many lately as it may */
    SOURCE_RATE     = 45,  /* likewise its source */
    SYN_COOKIE      = 46,  /* a SYN that was to be answered with a cookie, without a key or with IPv4 options */
    BAD_COOKIE      = 47,  /* nothing that opens a session, and none there, at a service with cookies: nor has it a right one */
    DROP_REASONS    = 48
}

/* What became of SYN cookies: index of cookie_ctr. */
enum bit<8> CookieEvent {
    SENT  = 0,
    RIGHT = 1,  /* an acknowledgement of one */
    WRONG = 2,
    COOKIE_EVENTS = 3
}

/* Which key table cookie_key is asked for: that of new cookies, or that of a generation, by the bit that cookies have of it. */
enum bit<8> CookieKey {
    NEW = 0,
    GENERATION_0 = 2,
    GENERATION_1 = 3,
    NONE = 255
}

#endif

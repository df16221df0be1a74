/* v1model (BMv2 and p4soft): all that it provides (core/target.p4). */
#ifndef _V1MODEL_TARGET_P4_
#define _V1MODEL_TARGET_P4_

#include "prims.p4"
#include "option_list/headers.p4"
#include "icmp_error/headers.p4"
#include "portless/headers.p4"
#include "cookie/splice.p4"
#include "proxy/headers.p4"
#define PORTLESS_STATES "portless/states.p4"
#define QUOTED_STATES "icmp_error/states.p4"
#define DECISION_HEADER
#define OUTER_HEADER ipv4_t outer_ipv4; ipv6_t outer_ipv6; gue_t gue;
#define EMIT_OUTER(PACKET) PACKET.emit(hdr.outer_ipv4); PACKET.emit(hdr.outer_ipv6); PACKET.emit(hdr.gue);
#include "headers.p4"

struct target_metadata_t {
    bit<16> tag_bytes;        /* of the tag that was passed over */
    bit<16> packet_out_bytes; /* of what the controller has put in front */
    bit<8>  new_events;       /* answered by the session's registers: SessionEvent bits that the controller is told */
    bit<23> clock;            /* of cookies, in units of 33.6 s */
    bit<32> client_end;       /* answered: end of what the client has sent, in the server's numbers; 0 = not known */
    bool    server_answered;  /* answered to a reset: SYN_ACK is set */
    bool    before_data;      /* answered to the client: it acknowledges no data of the server */
    ipv4_addr_t outer_src;    /* of the outer header, which goes to the next hop */
    ipv6_addr_t outer_src6;
    bit<8>      outer_bytes;  /* of the outer header; 0 = none */
    bool        gue;          /* UDP is between the headers */
    PORTLESS_METADATA
    bit<16>     proxy_bytes;  /* of the header of PROXY protocol that the packet gets, or what an ICMP error quotes may have got; 0 = none */
    bit<16>     quoted_len;   /* of an ICMP error, bytes behind the quoted IP header */
    bool        to_sender;    /* an ICMP error goes to who sent the packet that it quotes */
    received_t    received;
    option_list_t options;
}

#define BEFORE_DATA m.target.before_data
#define SERVER_ANSWERED m.target.server_answered
#define TUNNEL(SOURCE) \
        m.target.outer_src = SOURCE; \
        m.target.outer_bytes = OUTER_IPV4_BYTES; \
        m.length.last = m.length.last |+| OUTER_IPV4_BYTES;
#define GUE(SOURCE) \
        TUNNEL(SOURCE) \
        m.target.gue = true; \
        m.length.last = m.length.last |+| GUE_BYTES;
#define TUNNEL6(SOURCE) \
        m.target.outer_src6 = SOURCE; \
        m.target.outer_bytes = OUTER_IPV6_BYTES; \
        m.length.last = m.length.last |+| OUTER_IPV6_BYTES;
#define GUE6(SOURCE) \
        TUNNEL6(SOURCE) \
        m.target.gue = true; \
        m.length.last = m.length.last |+| GUE_BYTES;
#define TUNNELLED (m.target.outer_bytes != 0)
#define CHANGE_FAMILY(TO_IPV6) m.session.crosses = true; m.via6 = TO_IPV6;
/* Not our own packets, nor fragments but the first, nor what may be an ICMP error (RFC 1812 4.3.2.7). */
#define IPV4_HAS_SENDER_TO_TELL (hdr.ipv4.isValid() && hdr.ipv4.fragment_offset == 0 \
        && (hdr.ipv4.protocol != PROTO_ICMP || (hdr.icmp.isValid() && (hdr.icmp.type == ICMP_ECHO_REQUEST || hdr.icmp.type == ICMP_ECHO_REPLY))))
/* The same of IPv6 (RFC 4443 2.4): what has extension headers is not looked into, and so may be one. */
#define IPV6_HAS_SENDER_TO_TELL (hdr.ipv6.isValid() && (hdr.tcp.isValid() || hdr.udp.isValid() \
        || (hdr.icmpv6.isValid() && (hdr.icmpv6.type == ICMPV6_ECHO_REQUEST || hdr.icmpv6.type == ICMPV6_ECHO_REPLY))))
#define ANY_COOKIES ((bit<8>)ServiceFlag.COOKIES | (bit<8>)ServiceFlag.COOKIES_IN_NEED)
/* Of what is dropped, what a cookie may answer, or is told by. */
#define CONCERNS_COOKIES (m.verdict.drop == (bit<8>)DropReason.BAD_COOKIE \
        || (m.verdict.drop == (bit<8>)DropReason.SYN_COOKIE && !hdr.ipv4_options.isValid()))
#define TELL_SENDER \
        if (m.verdict.drop != (bit<8>)DropReason.NONE && m.verdict.punt == 0) { \
            if (CONCERNS_COOKIES) { \
                SynCookie.apply(hdr, m); \
                if (m.verdict.punt != 0) { punt_limit.apply(m); } \
            } else if (!m.own_packet && (IPV4_HAS_SENDER_TO_TELL || IPV6_HAS_SENDER_TO_TELL)) { \
                if (m.verdict.drop == (bit<8>)DropReason.TTL || m.verdict.drop == (bit<8>)DropReason.HOP_LIMIT) { \
                    m.verdict.punt = (bit<8>)PuntReason.TTL_EXPIRED; \
                } else if ((m.verdict.drop == (bit<8>)DropReason.MTU || m.verdict.drop == (bit<8>)DropReason.TUNNEL_MTU) \
                           && (hdr.ipv6.isValid() || hdr.ipv4.dont_fragment == 1)) { \
                    m.verdict.punt = (bit<8>)PuntReason.TOO_BIG; \
                } \
                if (m.verdict.punt != 0) { punt_limit.apply(m); } \
            } \
        } else if (m.own_packet && m.verdict.punt == 0 && (hdr.icmp.isValid() || (hdr.icmpv6.isValid() && !IS_DISCOVERY))) { \
            /* Echo requests are answered up to a rate, by the meter of what goes to the controller for no reason. */ \
            punt_limit.apply(m); \
        }
#define BEHIND_ICMP parse_icmp_rest
#define BEHIND_ICMPV6 parse_icmpv6_rest
#define STRAY_ICMP_ERROR drop(DropReason.ICMP_ERROR)
#define TELL_BY_PROXY \
        if ((m.session.flags & (bit<8>)SessionFlag.PROXY != 0 || m.new_session) && IN_SESSION && m.verdict.punt == 0 \
            && m.route.drop == (bit<8>)DropReason.NONE && m.verdict.drop == (bit<8>)DropReason.NONE) { \
            Proxy.apply(hdr, m); \
        }
#define TOLD_EVENTS m.target.new_events

#include "../../core/target.p4"
#include "parser.p4"
#include "solicitation.p4"
#include "family/judge.p4"
#include "option_list/edit.p4"
#include "checksum.p4"
#include "received.p4"
#include "icmp_error/echo.p4"
#include "icmp_error/rewrite.p4"
#include "portless/follow.p4"
#include "icmp_error/rewrite6.p4"
#include "family/change.p4"
#include "tunnel.p4"
#include "session_state.p4"
#include "proxy/numbers.p4"
#include "proxy/insert.p4"
#include "cookie/cookie.p4"
#include "cookie/window.p4"
#include "punt_limit.p4"
#include "verdict.p4"
#include "deparser.p4"

#endif

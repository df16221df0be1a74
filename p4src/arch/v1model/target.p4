/* v1model (BMv2 and p4soft): all that it provides (core/target.p4). */
#ifndef _V1MODEL_TARGET_P4_
#define _V1MODEL_TARGET_P4_

#include "prims.p4"
#include "option_list/headers.p4"
#define DECISION_HEADER
#define OUTER_HEADER ipv4_t outer_ipv4; ipv6_t outer_ipv6;
#define EMIT_OUTER(PACKET) PACKET.emit(hdr.outer_ipv4); PACKET.emit(hdr.outer_ipv6);
#include "headers.p4"

struct target_metadata_t {
    bit<16> tag_bytes;        /* of the tag that was passed over */
    bit<8>  new_events;       /* answered by the session's registers: SessionEvent bits that the controller is told */
    bit<32> client_end;       /* answered: end of what the client has sent, in the server's numbers; 0 = not known */
    bool    server_answered;  /* answered to a reset: SYN_ACK is set */
    bool    before_data;      /* answered to the client: it acknowledges no data of the server */
    ipv4_addr_t outer_src;    /* of the outer header */
    ipv4_addr_t outer_dst;
    ipv6_addr_t outer_src6;
    ipv6_addr_t outer_dst6;
    bit<8>  outer_bytes;      /* of the outer header; 0 = none */
    received_t    received;
    option_list_t options;
}

#define BEFORE_DATA m.target.before_data
#define SERVER_ANSWERED m.target.server_answered
#define TUNNEL(SOURCE, DESTINATION) \
        m.target.outer_src = SOURCE; \
        m.target.outer_dst = DESTINATION; \
        m.target.outer_bytes = OUTER_IPV4_BYTES; \
        m.length.last = m.length.last |+| OUTER_IPV4_BYTES;
#define TUNNEL6(SOURCE, DESTINATION) \
        m.target.outer_src6 = SOURCE; \
        m.target.outer_dst6 = DESTINATION; \
        m.target.outer_bytes = OUTER_IPV6_BYTES; \
        m.length.last = m.length.last |+| OUTER_IPV6_BYTES;
#define TUNNELLED (m.target.outer_bytes != 0)
#define TELL_TOO_BIG \
            if (m.verdict.drop == (bit<8>)DropReason.TUNNEL_MTU && (hdr.ipv6.isValid() || hdr.ipv4.dont_fragment == 1) \
                && !m.own_packet) { \
                m.verdict.punt = (bit<8>)PuntReason.TOO_BIG; \
                punt_limit.apply(m); \
            }
#define TOLD_EVENTS m.target.new_events

#include "../../core/target.p4"
#include "parser.p4"
#include "received.p4"
#include "solicitation.p4"
#include "option_list/edit.p4"
#include "checksum.p4"
#include "tunnel.p4"
#include "session_state.p4"
#include "punt_limit.p4"
#include "verdict.p4"
#include "deparser.p4"

#endif

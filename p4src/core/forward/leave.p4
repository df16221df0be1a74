/* Leave: the last checks of a packet that leaves by a port: a reset's numbering, TTL (RFC 1812 5.3.1) or hop limit, and MTU. */
#ifndef _LEAVE_P4_
#define _LEAVE_P4_

#include "../target.p4"

control Leave(inout headers_t hdr, inout metadata_t m) {
    apply {
        if (m.verdict.drop == (bit<8>)DropReason.NONE) {
            /* First what most are, where each condition takes time. */
            if (!AHEAD && hdr.ipv4.isValid() && hdr.ipv4.ttl > 1 && m.route.room != 0 && !m.own_packet) {
                hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
            } else if (m.reset && !SERVER_ANSWERED) {
                m.verdict.drop = (bit<8>)DropReason.RESET_UNKNOWN;
            } else if (IS_IPV6 && (hdr.ipv6.hop_limit == 0 || (hdr.ipv6.hop_limit == 1 && !m.own_packet))) {
                m.verdict.drop = (bit<8>)DropReason.HOP_LIMIT;
            } else if (!IS_IPV6 && (hdr.ipv4.ttl == 0 || (hdr.ipv4.ttl == 1 && !m.own_packet))) {
                m.verdict.drop = (bit<8>)DropReason.TTL;
            } else if (m.route.room == 0) {
                m.verdict.drop = TUNNELLED ? (bit<8>)DropReason.TUNNEL_MTU : (bit<8>)DropReason.MTU;
            } else if (!m.own_packet) {
                if (IS_IPV6) { hdr.ipv6.hop_limit = hdr.ipv6.hop_limit - 1; } else { hdr.ipv4.ttl = hdr.ipv4.ttl - 1; }
            }
        }
    }
}

#endif

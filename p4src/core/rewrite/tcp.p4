/* RewriteTcp: the rewrite of a TCP segment of a FULLNAT session (LVS: tcp_fnat_in_handler, tcp_fnat_out_handler).
 *
 *                 inbound (client -> real server)          outbound (real server -> client)
 *   seq           += delta                                 += splice
 *   ack           -= splice                                -= delta
 *   SACK edges    -= splice                                -= delta
 *   options       SYN: timestamps to NOP; 253/254 to NOP   SYN-ACK: MSS lowered by the size of TOA
 *   TOA           SYN, and until the client acknowledges   -
 *                 data of the server; in a SYN that has
 *                 no room for it, instead of these NOPs
 *
 * What the client acknowledges was lowered by splice when the session was found. The server's SYN-ACK then leaves as an ACK, for the client has had one.
 *
 * A reset of the controller's is numbered by the target's registers instead, as its receiver counts. After NextHop, for whether
 * TOA fits, and before RewriteEndpoints, as TOA is what came. Reads m.session and BEFORE_DATA; writes hdr and m.edit, which the
 * target's TcpOptions carries out, but for ToaInPlace, which does its part at once. */
#ifndef _REWRITE_TCP_P4_
#define _REWRITE_TCP_P4_

#include "../target.p4"

/* Words of options with which there is no room for TOA. */
#define HEAD_IS_FULL (hdr.tcp.data_offset > 4w15 - TOA_V4_WORDS || (IS_IPV6 && hdr.tcp.data_offset > 4w15 - TOA_V6_WORDS))
#define IS_SYN (hdr.tcp.syn == 1 && hdr.tcp.ack_flag == 0)

control RewriteTcp(inout headers_t hdr, inout metadata_t m, inout bit<8> toa_result) {
    ToaInPlace() toa_in_place;

    @hidden
    action insert_toa() {
        hdr.toa_v4.setValid();
        hdr.toa_v4.kind = TOA_KIND;
        hdr.toa_v4.length = TOA_V4_LENGTH;
        hdr.toa_v4.client_port = hdr.ports.src;
        hdr.toa_v4.client = hdr.ipv4.src;
        hdr.tcp.data_offset = hdr.tcp.data_offset + TOA_V4_WORDS;
        hdr.ipv4.total_len = hdr.ipv4.total_len + TOA_V4_BYTES;
        m.growth = TOA_V4_BYTES;
    }

    @hidden
    action insert_toa6() {
        hdr.toa_v6.setValid();
        hdr.toa_v6.kind = m.session.flags & (bit<8>)SessionFlag.TOA_253 != 0 ? TOA_KIND_LVS : TOA_KIND;
        hdr.toa_v6.length = TOA_V6_LENGTH;
        hdr.toa_v6.client_port = hdr.ports.src;
        hdr.toa_v6.client = hdr.ipv6.src;
        hdr.tcp.data_offset = hdr.tcp.data_offset + TOA_V6_WORDS;
        hdr.ipv6.payload_len = hdr.ipv6.payload_len + TOA_V6_BYTES;
        m.growth = TOA_V6_BYTES;
    }

    apply {
        SPLICE_SEQ
        if (!m.reset) {
            if (m.session.direction == (bit<8>)Direction.IN) {
                hdr.tcp.seq = hdr.tcp.seq + m.session.delta;
                if (!m.options_edited) {
                    m.edit.remove_experiments = true;
                    if (IS_SYN && m.session.flags & (bit<8>)SessionFlag.KEEP_TIMESTAMPS == 0) {
                        m.edit.remove_timestamps = true;
                    }
                }
                if (m.session.flags & (bit<8>)SessionFlag.TOA != 0 && hdr.tcp.rst == 0 && (AHEAD || IS_SYN || BEFORE_DATA)) {
                    /* Whatever BEFORE_DATA is, so that an ASIC need not wait for it. */
                    if (IS_SYN && (HEAD_IS_FULL || m.route.toa_room == 0)) {
                        toa_in_place.apply(hdr, m, toa_result);
                    }
                    if (toa_result != (bit<8>)ToaResult.OK
                        && (IS_SYN || (BEFORE_DATA && hdr.tcp.ack_flag == 1 && hdr.tcp.syn == 0))) {
                        if (HEAD_IS_FULL) {
                            toa_result = (bit<8>)ToaResult.HEAD_FULL;
                        } else if (m.route.toa_room == 0) {
                            toa_result = (bit<8>)ToaResult.FAIL_LEN;
                        } else {
                            toa_result = (bit<8>)ToaResult.OK;
                            if (IS_IPV6) { insert_toa6(); } else { insert_toa(); }
                        }
                    }
                }
            } else {
                if (hdr.tcp.ack_flag == 1) {
                    hdr.tcp.ack = hdr.tcp.ack - m.session.delta;
                }
                if (!m.options_edited) {
                    if (hdr.tcp.syn == 0) {
                        m.edit.shift_sack = true;
                    } OPEN_WINDOW else if (m.session.flags & (bit<8>)SessionFlag.KEEP_MSS == 0) {
                        m.edit.lower_mss = true;
                    }
                }
            }
        }
    }
}

#endif

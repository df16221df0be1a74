/* Fullnat: the rewrite of a TCP segment of a FULLNAT session (LVS: tcp_fnat_in_handler, tcp_fnat_out_handler).
 *
 *                 inbound (client -> real server)          outbound (real server -> client)
 *   addresses     c:cp -> v:vp  =>  l:lp -> d:dp           d:dp -> l:lp  =>  v:vp -> c:cp
 *   seq           += delta                                 -
 *   ack           -                                        -= delta
 *   SACK edges    -                                        -= delta
 *   options       SYN: timestamps to NOP; 253/254 to NOP   SYN-ACK: MSS lowered by the size of TOA
 *   TOA           SYN, and until the client acknowledges   -
 *                 data of the server
 *
 * Before it: Session, SessionState and Route (for whether TOA fits). Reads m.session and m.state; writes hdr
 * and m.edit, which the target's TcpOptions carries out. */
#ifndef _FULLNAT_P4_
#define _FULLNAT_P4_

control Fullnat(inout headers_t hdr, inout metadata_t m, out bit<8> toa_result) {
    @hidden
    action rewrite_addresses() {
        hdr.ipv4.src = m.session.src;
        hdr.ipv4.dst = m.session.dst;
        hdr.tcp.src_port = m.session.src_port;
        hdr.tcp.dst_port = m.session.dst_port;
    }

    @hidden
    action insert_toa(ipv4_t client, l4_port_t client_port) {
        hdr.toa_v4.setValid();
        hdr.toa_v4.kind = TOA_KIND;
        hdr.toa_v4.length = TOA_V4_LENGTH;
        hdr.toa_v4.client_port = client_port;
        hdr.toa_v4.client = client;
        hdr.tcp.data_offset = hdr.tcp.data_offset + TOA_V4_WORDS;
        hdr.ipv4.total_len = m.toa_total_len;
        m.growth = TOA_V4_BYTES;
    }

    apply {
        toa_result = (bit<8>)ToaResult.TOA_RESULTS;
        ipv4_t client = hdr.ipv4.src;
        l4_port_t client_port = hdr.tcp.src_port;
        bool is_syn = hdr.tcp.syn == 1 && hdr.tcp.ack_flag == 0;
        rewrite_addresses();
        if (m.reset) {
            /* Already in the receiver's own numbering. */
            hdr.tcp.seq = m.state.reset_seq;
        } else if (m.session.direction == (bit<8>)Direction.IN) {
            bool before_data = hdr.tcp.ack_flag == 1 && hdr.tcp.syn == 0 && m.state.before_data;
            hdr.tcp.seq = hdr.tcp.seq + m.session.delta;
            m.edit.remove_experiments = !m.options_edited;
            m.edit.remove_timestamps = is_syn && !m.options_edited
                                       && m.session.flags & (bit<8>)SessionFlag.KEEP_TIMESTAMPS == 0;
            if (m.session.flags & (bit<8>)SessionFlag.TOA != 0 && hdr.tcp.rst == 0 && (is_syn || before_data)) {
                if (hdr.tcp.data_offset > 4w15 - TOA_V4_WORDS) {
                    toa_result = (bit<8>)ToaResult.HEAD_FULL;
                } else if (m.route.toa_excess != 0) {
                    toa_result = (bit<8>)ToaResult.FAIL_LEN;
                } else {
                    toa_result = (bit<8>)ToaResult.OK;
                    insert_toa(client, client_port);
                }
            }
        } else {
            if (hdr.tcp.ack_flag == 1) {
                hdr.tcp.ack = hdr.tcp.ack - m.session.delta;
            }
            m.edit.lower_mss = hdr.tcp.syn == 1 && !m.options_edited
                               && m.session.flags & (bit<8>)SessionFlag.KEEP_MSS == 0;
            m.edit.shift_sack = hdr.tcp.syn == 0 && !m.options_edited;
        }
    }
}

#endif

/* TNA: the way of a routed packet from ingress to egress, which rewrites it.
 *
 * Ingress has few stages left behind the session tables, and egress has as many again: so ingress decides, and sends along
 * what it found as hdr.decision; egress carries it out and the deparser makes the checksums. What is not routed (punts,
 * ARP, packet-outs) does without egress. */
#ifndef _TNA_REWRITE_P4_
#define _TNA_REWRITE_P4_

/* At the end of ingress. */
control SendDecision(inout headers_t hdr, in metadata_t m) {
    @hidden
    action send() {
        hdr.decision.setValid();
        hdr.decision.direction = m.session.direction;
        hdr.decision.flags = m.session.flags;
        hdr.decision.answered = (bit<1>)m.target.seen; /* SessionEvent.SYN_ACK is 1 */
        hdr.decision.reset = (bit<1>)m.reset;
        hdr.decision.options_edited = (bit<1>)m.options_edited;
        hdr.decision.toa_room = m.route.toa_room;
        hdr.decision.src_port = m.session.src_port;
        hdr.decision.dst_port = m.session.dst_port;
        hdr.decision.src = m.session.src;
        hdr.decision.dst = m.session.dst;
        hdr.decision.delta = m.session.delta;
        hdr.decision.end_seq = m.target.end_seq;
        hdr.decision.session_id = m.session.id;
    }

    apply { send(); }
}

/* TCP only if it is of a session: nothing else is rewritten above IPv4. */
parser RewriteParser(packet_in packet, out headers_t hdr, out metadata_t m, out egress_intrinsic_metadata_t eg_intr_md) {
    Checksum() tcp_checksum;
    ParserCounter() words;

    state start {
        packet.extract(eg_intr_md);
        packet.extract(hdr.decision);
        m.session.direction = hdr.decision.direction;
        m.session.flags = hdr.decision.flags;
        m.session.src = hdr.decision.src;
        m.session.dst = hdr.decision.dst;
        m.session.src_port = hdr.decision.src_port;
        m.session.dst_port = hdr.decision.dst_port;
        m.session.delta = hdr.decision.delta;
        m.session.id = hdr.decision.session_id;
        m.route.toa_room = hdr.decision.toa_room;
        packet.extract(hdr.ethernet);
        packet.extract(hdr.ipv4);
        tcp_checksum.subtract({ hdr.ipv4.src, hdr.ipv4.dst });
        transition select(hdr.decision.direction) {
            Direction.NONE: accept;
            default: parse_tcp;
        }
    }

    state parse_tcp {
        packet.extract(hdr.tcp);
        m.target.received_ack = hdr.tcp.ack;
        m.target.update_tcp = true;
        tcp_checksum.subtract({
            hdr.tcp.src_port, hdr.tcp.dst_port, hdr.tcp.seq, hdr.tcp.ack, hdr.tcp.data_offset, hdr.tcp.reserved,
            hdr.tcp.cwr, hdr.tcp.ece, hdr.tcp.urg, hdr.tcp.ack_flag, hdr.tcp.psh, hdr.tcp.rst, hdr.tcp.syn, hdr.tcp.fin,
            hdr.tcp.window, hdr.tcp.checksum, hdr.tcp.urgent
        });
        /* The options extracted from here on are subtracted as well. */
        tcp_checksum.subtract_all_and_deposit(m.target.tcp_residual);
        transition parse_options;
    }

#include OPTION_STATES
}

/* What became of TOA; last in egress. */
control CountToa(in bit<8> result) {
    @id(ID_C_TOA) @name(".toa_ctr")
    Counter<bit<64>, bit<8>>((bit<32>)(bit<8>)ToaResult.TOA_RESULTS, CounterType_t.PACKETS) toa_ctr;

    @hidden
    action count() { toa_ctr.count(result); }

    apply {
        if (result != (bit<8>)ToaResult.TOA_RESULTS) { count(); }
    }
}

#endif

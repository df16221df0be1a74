/* TNA: headers in wire order; the invalid ones are left out. */
#ifndef _TNA_DEPARSER_P4_
#define _TNA_DEPARSER_P4_

control FullnatDeparser(packet_out packet, inout headers_t hdr, in metadata_t m,
                        in ingress_intrinsic_metadata_for_deparser_t ig_dprsr_md) {
    @name(".session_event_t")
    Digest<session_event_t>() session_event;
    @name(".neighbor_event_t")
    Digest<neighbor_event_t>() neighbor_event;

    apply {
        if (ig_dprsr_md.digest_type == DIGEST_SESSION_EVENT) { session_event.pack(m.target.event); }
        if (ig_dprsr_md.digest_type == DIGEST_NEIGHBOR_EVENT) {
            /* Straight from the answer, which takes no containers. */
            neighbor_event.pack({ hdr.arp.target_ip, hdr.arp.target_mac, m.ingress_port });
        }
        packet.emit(hdr.packet_in);
        packet.emit(hdr.decision);
        packet.emit(hdr.ethernet);
        packet.emit(hdr.arp);
        packet.emit(hdr.ipv4);
        packet.emit(hdr.icmp);
        packet.emit(hdr.ports);
        packet.emit(hdr.udp);
        packet.emit(hdr.tcp);
        EMIT_OPTIONS(packet)
    }
}

/* After Rewrite. The TCP or UDP checksum is the parser's residual, which holds what was wrong with it, and the headers as
 * they leave, so a packet that came damaged leaves damaged. */
control RewriteDeparser(packet_out packet, inout headers_t hdr, in metadata_t m,
                        in egress_intrinsic_metadata_for_deparser_t eg_dprsr_md) {
    Checksum() ipv4_checksum;
    Checksum() tcp_checksum;
    Checksum() udp_checksum;

    apply {
        hdr.ipv4.checksum = ipv4_checksum.update({
            hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.tos, hdr.ipv4.total_len, hdr.ipv4.id, hdr.ipv4.reserved,
            hdr.ipv4.dont_fragment, hdr.ipv4.more_fragments, hdr.ipv4.fragment_offset, hdr.ipv4.ttl,
            hdr.ipv4.protocol, hdr.ipv4.src, hdr.ipv4.dst
        });
        if (m.target.update_tcp) {
            hdr.tcp.checksum = tcp_checksum.update({
                hdr.ipv4.src, hdr.ipv4.dst,
                hdr.ports.src, hdr.ports.dst, hdr.tcp.seq, hdr.tcp.ack, hdr.tcp.data_offset, hdr.tcp.reserved,
                hdr.tcp.cwr, hdr.tcp.ece, hdr.tcp.urg, hdr.tcp.ack_flag, hdr.tcp.psh, hdr.tcp.rst, hdr.tcp.syn, hdr.tcp.fin,
                hdr.tcp.window, hdr.tcp.urgent,
                hdr.toa_v4.kind, hdr.toa_v4.length, hdr.toa_v4.client_port, hdr.toa_v4.client,
                hdr.experiment.kind, hdr.experiment.length, hdr.experiment.client_port, hdr.experiment.client,
                hdr.mss.head, hdr.mss.value,
                hdr.plain_1.word, hdr.plain_2.word,
                hdr.timestamps.before, hdr.timestamps.head, hdr.timestamps.value, hdr.timestamps.echo,
                hdr.plain_3.word, hdr.plain_4.word,
                hdr.sack.word, hdr.block_1.left, hdr.block_1.right, hdr.block_2.left, hdr.block_2.right,
                hdr.block_3.left, hdr.block_3.right, hdr.block_4.left, hdr.block_4.right,
                m.growth, m.target.l4_residual
            });
        }
        if (m.target.update_udp) {
            hdr.udp.checksum = udp_checksum.update({
                hdr.ipv4.src, hdr.ipv4.dst, hdr.ports.src, hdr.ports.dst, m.target.l4_residual
            }, true);
        }
        packet.emit(hdr.packet_in);
        packet.emit(hdr.ethernet);
        packet.emit(hdr.ipv4);
        packet.emit(hdr.ports);
        packet.emit(hdr.udp);
        packet.emit(hdr.tcp);
        packet.emit(hdr.toa_v4);
        EMIT_OPTIONS(packet)
    }
}

#endif

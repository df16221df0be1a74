/* v1model: headers in wire order; the invalid ones are left out. */
#ifndef _V1MODEL_DEPARSER_P4_
#define _V1MODEL_DEPARSER_P4_

control FullnatDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.packet_in);
        packet.emit(hdr.ethernet);
        packet.emit(hdr.tag);
        packet.emit(hdr.arp);
        EMIT_OUTER(packet)
        packet.emit(hdr.ipv4);
        packet.emit(hdr.ipv4_options);
        packet.emit(hdr.ipv6);
        packet.emit(hdr.icmp);
        packet.emit(hdr.icmpv6);
        packet.emit(hdr.nd);
        packet.emit(hdr.nd_link);
        EMIT_QUOTED(packet)
        packet.emit(hdr.ports);
        packet.emit(hdr.udp);
        packet.emit(hdr.tcp);
        EMIT_QUOTED_L4(packet)
        packet.emit(hdr.toa_v4);
        packet.emit(hdr.toa_v6);
        EMIT_OPTIONS(packet)
        EMIT_PROXY(packet)
    }
}

#endif

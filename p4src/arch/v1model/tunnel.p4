/* v1model: the outer header of what goes to a real server through a tunnel (RFC 2003, RFC 2473, RFC 4213; LVS: ip_vs_tunnel_xmit,
 * ip_vs_tunnel_xmit_v6). Either family goes inside either.
 *
 * With GUE, UDP is between them. It has no checksum, over IPv6 neither (RFC 6935): the packet in it has its own. TOS or traffic
 * class, DF, and TTL or hop limit are the inner header's, as it leaves. After UpdateChecksums. */
#ifndef _V1MODEL_TUNNEL_P4_
#define _V1MODEL_TUNNEL_P4_

#define OUTER_IPV4_BYTES 20
#define OUTER_IPV6_BYTES 40
#define GUE_BYTES 8

/* Source ports, as of Linux's udp_flow_src_port: dynamic ones (RFC 6335). */
#define GUE_FIRST 16w49152
#define GUE_PORTS 32w16384

const bit<8> PROTO_IPV4 = 4;
const bit<8> PROTO_IPV6 = 41;

control Encapsulate(inout headers_t hdr, inout metadata_t m) {
    /* What the outer header has of the inner one. */
    bit<16> bytes;
    bit<8>  protocol;
    bit<8>  traffic_class;
    bit<8>  hop_limit;

    @hidden
    action hold_ipv4() {
        bytes = hdr.ipv4.total_len;
        protocol = PROTO_IPV4;
        traffic_class = hdr.ipv4.tos;
        hop_limit = hdr.ipv4.ttl;
    }

    /* What may not be fragmented inside may not be outside (RFC 4213 3.2.1). */
    @hidden
    action hold_ipv6() {
        bytes = hdr.ipv6.payload_len + IPV6_BYTES;
        protocol = PROTO_IPV6;
        traffic_class = hdr.ipv6.traffic_class;
        hop_limit = hdr.ipv6.hop_limit;
    }

    @hidden
    action copy_id() {
        hdr.outer_ipv4.id = hdr.ipv4.id;
        hdr.outer_ipv4.dont_fragment = hdr.ipv4.dont_fragment;
    }

    @hidden
    action forbid_fragmentation() {
        hdr.outer_ipv4.id = 0;
        hdr.outer_ipv4.dont_fragment = 1;
    }

    @hidden
    action enclose_in_udp() {
        hdr.gue.setValid();
        hash(hdr.gue.src, HashAlgorithm.crc16, GUE_FIRST, {
            m.flow.protocol, m.flow.src, m.flow.dst, m.flow.src6, m.flow.src_port, m.flow.dst_port
        }, GUE_PORTS);
        hdr.gue.dst = PORT_GUE;
        hdr.gue.length = bytes + GUE_BYTES;
        hdr.gue.checksum = 0;
        bytes = bytes + GUE_BYTES;
        protocol = PROTO_UDP;
    }

    @hidden
    action enclose_in_ipv4() {
        hdr.ethernet.type = ETHERTYPE_IPV4;
        hdr.outer_ipv4.version = 4;
        hdr.outer_ipv4.ihl = 5;
        hdr.outer_ipv4.tos = traffic_class;
        hdr.outer_ipv4.total_len = bytes + OUTER_IPV4_BYTES;
        hdr.outer_ipv4.reserved = 0;
        hdr.outer_ipv4.more_fragments = 0;
        hdr.outer_ipv4.fragment_offset = 0;
        hdr.outer_ipv4.ttl = hop_limit;
        hdr.outer_ipv4.protocol = protocol;
        hdr.outer_ipv4.src = m.target.outer_src;
        hdr.outer_ipv4.dst = m.next_hop;
        hash(hdr.outer_ipv4.checksum, HashAlgorithm.csum16, 16w0, {
            hdr.outer_ipv4.version ++ hdr.outer_ipv4.ihl ++ hdr.outer_ipv4.tos ++ hdr.outer_ipv4.total_len,
            hdr.outer_ipv4.id ++ hdr.outer_ipv4.reserved ++ hdr.outer_ipv4.dont_fragment ++ hdr.outer_ipv4.more_fragments
                ++ hdr.outer_ipv4.fragment_offset ++ hdr.outer_ipv4.ttl ++ hdr.outer_ipv4.protocol,
            hdr.outer_ipv4.src ++ hdr.outer_ipv4.dst
        }, 32w65536);
    }

    @hidden
    action enclose_in_ipv6() {
        hdr.ethernet.type = ETHERTYPE_IPV6;
        hdr.outer_ipv6.setValid();
        hdr.outer_ipv6.version = 6;
        hdr.outer_ipv6.traffic_class = traffic_class;
        hdr.outer_ipv6.flow_label = 0;
        hdr.outer_ipv6.payload_len = bytes;
        hdr.outer_ipv6.next_header = protocol;
        hdr.outer_ipv6.hop_limit = hop_limit;
        hdr.outer_ipv6.src = m.target.outer_src6;
        hdr.outer_ipv6.dst = m.next_hop6;
    }

    apply {
        if (hdr.ipv6.isValid()) { hold_ipv6(); } else { hold_ipv4(); }
        if (m.target.gue) { enclose_in_udp(); }
        if (m.target.outer_bytes == OUTER_IPV6_BYTES) {
            enclose_in_ipv6();
        } else {
            hdr.outer_ipv4.setValid();
            if (hdr.ipv6.isValid()) { forbid_fragmentation(); } else { copy_id(); }
            enclose_in_ipv4();
        }
    }
}

#endif

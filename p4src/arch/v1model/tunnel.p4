/* v1model: the outer header of what goes to a real server through a tunnel (RFC 2003; LVS: ip_vs_tunnel_xmit).
 *
 * TOS, DF and TTL are the inner header's, as it leaves. After UpdateChecksums. */
#ifndef _V1MODEL_TUNNEL_P4_
#define _V1MODEL_TUNNEL_P4_

#define OUTER_BYTES 20

const bit<8> PROTO_IPV4 = 4;

control Encapsulate(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action encapsulate() {
        hdr.outer_ipv4 = hdr.ipv4;
        hdr.outer_ipv4.ihl = 5;
        hdr.outer_ipv4.total_len = hdr.ipv4.total_len + OUTER_BYTES;
        hdr.outer_ipv4.reserved = 0;
        hdr.outer_ipv4.more_fragments = 0;
        hdr.outer_ipv4.fragment_offset = 0;
        hdr.outer_ipv4.protocol = PROTO_IPV4;
        hdr.outer_ipv4.src = m.target.outer_src;
        hdr.outer_ipv4.dst = m.target.outer_dst;
        hash(hdr.outer_ipv4.checksum, HashAlgorithm.csum16, 16w0, {
            hdr.outer_ipv4.version, hdr.outer_ipv4.ihl, hdr.outer_ipv4.tos, hdr.outer_ipv4.total_len, hdr.outer_ipv4.id,
            hdr.outer_ipv4.reserved, hdr.outer_ipv4.dont_fragment, hdr.outer_ipv4.more_fragments,
            hdr.outer_ipv4.fragment_offset, hdr.outer_ipv4.ttl, hdr.outer_ipv4.protocol, hdr.outer_ipv4.src,
            hdr.outer_ipv4.dst
        }, 32w65536);
    }

    apply { encapsulate(); }
}

#endif

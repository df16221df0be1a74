/* v1model: an ICMP error about a packet of a session between families, as the other family has it (RFC 7915 4.2, 4.3, 5.2, 5.3).
 *
 * After RewriteIcmpError or RewriteIcmpv6Error, which have changed ports, numbers and checksums behind the quoted header, and have
 * left addresses of 0 in it. Here the error gets its type, code, pointer and MTU, and the packet that it quotes its header. Checksums
 * change by the difference: what came damaged leaves damaged. The length of RFC 4884 is not told. Writes m.verdict.drop of what has
 * no counterpart. */
#ifndef _FAMILY_ICMP_P4_
#define _FAMILY_ICMP_P4_

#include "icmp_kind.p4"

control ChangeIcmpFamily(inout headers_t hdr, inout metadata_t m, out bit<16> id) {
    IcmpKind() icmp_kind;
    IcmpMtu() icmp_mtu;

    bit<16> sum;

    /* Nothing is told of a pointer or an MTU but where there is one. */
    @hidden
    action put_kind(bit<8> old_type, bit<8> old_code, icmp_kind_t new, bit<16> unused, bit<16> mtu) {
        hash(sum, HashAlgorithm.csum16, 16w0, {
            ~sum, ~old_type, ~old_code, ~hdr.icmp_error.unused, ~hdr.icmp_error.mtu, new.type, new.code, unused, mtu
        }, 32w65536);
        hdr.icmp_error.unused = unused;
        hdr.icmp_error.mtu = mtu;
    }

    /* The quoted segment's checksum, and that of the error which covers it. */
    @hidden
    action put_into_quoted_tcp() {
        bit<16> old = hdr.quoted_tcp.checksum;
        hash(hdr.quoted_tcp.checksum, HashAlgorithm.csum16, 16w0, {
            ~old, m.session.src, m.session.dst, m.session.src6, m.session.dst6
        }, 32w65536);
        hash(sum, HashAlgorithm.csum16, 16w0, { ~sum, ~old, hdr.quoted_tcp.checksum }, 32w65536);
    }

    @hidden
    action put_into_quoted_udp() {
        bit<16> old = hdr.quoted_udp.checksum;
        hash(hdr.quoted_udp.checksum, HashAlgorithm.csum16, 16w0, {
            ~old, m.session.src, m.session.dst, m.session.src6, m.session.dst6
        }, 32w65536);
        hdr.quoted_udp.checksum = hdr.quoted_udp.checksum == 0 ? 16w0xffff : hdr.quoted_udp.checksum;
        hash(sum, HashAlgorithm.csum16, 16w0, { ~sum, ~old, hdr.quoted_udp.checksum }, 32w65536);
    }

    @hidden
    action quote_as_ipv6() {
        hdr.quoted6.setValid();
        hdr.quoted6.version = 6;
        hdr.quoted6.traffic_class = hdr.quoted.tos;
        hdr.quoted6.flow_label = 0;
        hdr.quoted6.payload_len = hdr.quoted.total_len |-| IPV4_BYTES;
        hdr.quoted6.next_header = hdr.quoted.protocol;
        hdr.quoted6.hop_limit = hdr.quoted.ttl;
        hdr.quoted6.src = m.session.dst6;
        hdr.quoted6.dst = m.session.src6;
    }

    @hidden
    action quote_as_ipv4() {
        hdr.quoted.setValid();
        hdr.quoted.version = 4;
        hdr.quoted.ihl = 5;
        hdr.quoted.tos = hdr.quoted6.traffic_class;
        hdr.quoted.total_len = hdr.quoted6.payload_len |+| IPV4_BYTES;
        hdr.quoted.id = 0;
        hdr.quoted.reserved = 0;
        hdr.quoted.dont_fragment = hdr.quoted6.payload_len <= IPV6_LEAST_MTU - IPV6_BYTES ? 1w0 : 1w1;
        hdr.quoted.more_fragments = 0;
        hdr.quoted.fragment_offset = 0;
        hdr.quoted.ttl = hdr.quoted6.hop_limit;
        hdr.quoted.protocol = hdr.quoted6.next_header;
        hdr.quoted.src = m.session.dst;
        hdr.quoted.dst = m.session.src;
        hash(hdr.quoted.checksum, HashAlgorithm.csum16, 16w0, {
            hdr.quoted.version, hdr.quoted.ihl, hdr.quoted.tos, hdr.quoted.total_len, hdr.quoted.id, hdr.quoted.reserved,
            hdr.quoted.dont_fragment, hdr.quoted.more_fragments, hdr.quoted.fragment_offset, hdr.quoted.ttl,
            hdr.quoted.protocol, hdr.quoted.src, hdr.quoted.dst
        }, 32w65536);
    }

    /* One quoted header for the other. */
    @hidden
    action take_ipv4_out() {
        hash(sum, HashAlgorithm.csum16, 16w0, {
            ~sum, ~(hdr.quoted.version ++ hdr.quoted.ihl ++ hdr.quoted.tos), ~hdr.quoted.total_len, ~hdr.quoted.id,
            ~(hdr.quoted.reserved ++ hdr.quoted.dont_fragment ++ hdr.quoted.more_fragments ++ hdr.quoted.fragment_offset),
            ~(hdr.quoted.ttl ++ hdr.quoted.protocol), ~hdr.quoted.checksum, ~hdr.quoted.src, ~hdr.quoted.dst,
            hdr.quoted6.version, hdr.quoted6.traffic_class, hdr.quoted6.flow_label, hdr.quoted6.payload_len,
            hdr.quoted6.next_header, hdr.quoted6.hop_limit, hdr.quoted6.src, hdr.quoted6.dst
        }, 32w65536);
        hdr.quoted.setInvalid();
    }

    @hidden
    action take_ipv6_out() {
        hash(sum, HashAlgorithm.csum16, 16w0, {
            ~sum, ~(hdr.quoted6.version ++ hdr.quoted6.traffic_class ++ hdr.quoted6.flow_label), ~hdr.quoted6.payload_len,
            ~(hdr.quoted6.next_header ++ hdr.quoted6.hop_limit), ~hdr.quoted6.src, ~hdr.quoted6.dst,
            hdr.quoted.version, hdr.quoted.ihl, hdr.quoted.tos, hdr.quoted.total_len, hdr.quoted.id, hdr.quoted.reserved,
            hdr.quoted.dont_fragment, hdr.quoted.more_fragments, hdr.quoted.fragment_offset, hdr.quoted.ttl,
            hdr.quoted.protocol, hdr.quoted.checksum, hdr.quoted.src, hdr.quoted.dst
        }, 32w65536);
        hdr.quoted6.setInvalid();
    }

    /* The error's own checksum covers addresses, length and protocol in IPv6 alone (RFC 4443 2.3). */
    @hidden
    action to_icmpv6(icmp_kind_t kind) {
        hdr.ipv6.next_header = PROTO_ICMPV6;
        hdr.ipv6.payload_len = hdr.ipv6.payload_len + FAMILY_BYTES;
        hdr.icmpv6.setValid();
        hdr.icmpv6.type = kind.type;
        hdr.icmpv6.code = kind.code;
        hash(hdr.icmpv6.checksum, HashAlgorithm.csum16, 16w0, {
            ~sum, hdr.ipv6.src, hdr.ipv6.dst, hdr.ipv6.payload_len, 8w0, PROTO_ICMPV6
        }, 32w65536);
        hdr.icmp.setInvalid();
    }

    @hidden
    action to_icmp(icmp_kind_t kind, bit<16> length6) {
        hdr.ipv4.protocol = PROTO_ICMP;
        hdr.ipv4.total_len = hdr.ipv4.total_len - FAMILY_BYTES;
        hdr.ipv4.dont_fragment = 0;
        hdr.icmp.setValid();
        hdr.icmp.type = kind.type;
        hdr.icmp.code = kind.code;
        hash(hdr.icmp.checksum, HashAlgorithm.csum16, 16w0, { ~sum, ~length6, ~(8w0 ++ PROTO_ICMPV6) }, 32w65536);
        hdr.icmpv6.setInvalid();
    }

    apply {
        icmp_kind_t kind;
        bit<16> mtu = 0;
        bool to_ipv6 = hdr.icmp.isValid();
        icmp_kind.apply(hdr, m, kind);
        sum = to_ipv6 ? hdr.icmp.checksum : hdr.icmpv6.checksum;
        if (kind.too_big) { icmp_mtu.apply(hdr, m, mtu); }
        if (to_ipv6) {
            put_kind(hdr.icmp.type, hdr.icmp.code, kind, 0, kind.too_big ? mtu : 8w0 ++ kind.pointer);
            quote_as_ipv6();
            take_ipv4_out();
        } else {
            put_kind(hdr.icmpv6.type, hdr.icmpv6.code, kind, kind.pointer ++ 8w0, mtu);
            quote_as_ipv4();
            take_ipv6_out();
        }
        if (hdr.quoted_tcp.isValid()) {
            put_into_quoted_tcp();
        } else if (hdr.quoted_udp.isValid() && hdr.quoted_udp.checksum != 0) {
            put_into_quoted_udp();
        }
        if (to_ipv6) { to_icmpv6(kind); } else { to_icmp(kind, hdr.ipv4.total_len - IPV4_BYTES); }
        id = hdr.icmp.checksum;
    }
}

#endif

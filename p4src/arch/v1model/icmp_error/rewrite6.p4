/* v1model: an ICMPv6 error about a packet of a session: what RewriteIcmpError does, over IPv6 (RFC 4443). The checksum of the error
 * covers addresses twice, outer and quoted ones, and no header has one of its own. */
#ifndef _ICMP_ERROR_REWRITE6_P4_
#define _ICMP_ERROR_REWRITE6_P4_

/* No link has less (RFC 8200 5): a host that is told less would not believe it. */
#define IPV6_LEAST_MTU 16w1280

control RewriteIcmpv6Error(inout headers_t hdr, inout metadata_t m) {
    RewriteQuotedEcho6() rewrite_quoted_echo;

    @hidden
    action rewrite_addresses() {
        ipv6_addr_t source = m.session.src6 == m.flow.src6 ? hdr.ipv6.src : m.session.src6;
        hash(hdr.icmpv6.checksum, HashAlgorithm.csum16, 16w0, {
            ~hdr.icmpv6.checksum, ~hdr.ipv6.src, ~hdr.ipv6.dst, ~hdr.quoted6.src, ~hdr.quoted6.dst,
            source, m.session.dst6, m.session.dst6, m.session.src6
        }, 32w65536);
        hdr.ipv6.src = source;
        hdr.ipv6.dst = m.session.dst6;
        hdr.quoted6.src = m.session.dst6;
        hdr.quoted6.dst = m.session.src6;
    }

    @hidden
    action rewrite_ports(bit<16> mtu) {
        hash(hdr.icmpv6.checksum, HashAlgorithm.csum16, 16w0, {
            ~(hdr.icmpv6.checksum ++ hdr.icmp_error.mtu ++ hdr.ports.src ++ hdr.ports.dst), mtu ++ m.session.dst_port ++ m.session.src_port
        }, 32w65536);
        hdr.icmp_error.mtu = mtu;
        hdr.ports.src = m.session.dst_port;
        hdr.ports.dst = m.session.src_port;
    }

    @hidden
    action rewrite_seq(bit<32> seq) {
        hash(hdr.icmpv6.checksum, HashAlgorithm.csum16, 16w0, {
            ~(hdr.icmpv6.checksum ++ hdr.quoted_seq.seq), seq
        }, 32w65536);
        hdr.quoted_seq.seq = seq;
    }

    /* After all that the checksum of a quoted segment covers but the number that it acknowledges. */
    @hidden
    action rewrite_tcp(bit<32> received_seq, bit<32> ack) {
        bit<16> received = hdr.quoted_tcp.checksum;
        hash(hdr.quoted_tcp.checksum, HashAlgorithm.csum16, 16w0, {
            ~m.flow.src6, ~m.flow.dst6, ~(received ++ m.flow.src_port ++ m.flow.dst_port), ~(received_seq ++ hdr.quoted_tcp.ack),
            hdr.quoted6.src, hdr.quoted6.dst, hdr.ports.src ++ hdr.ports.dst, hdr.quoted_seq.seq ++ ack
        }, 32w65536);
        hash(hdr.icmpv6.checksum, HashAlgorithm.csum16, 16w0, {
            ~(hdr.icmpv6.checksum ++ received ++ hdr.quoted_tcp.ack), hdr.quoted_tcp.checksum ++ ack
        }, 32w65536);
        hdr.quoted_tcp.ack = ack;
    }

    @hidden
    action rewrite_udp() {
        bit<16> received = hdr.quoted_udp.checksum;
        hash(hdr.quoted_udp.checksum, HashAlgorithm.csum16, 16w0, {
            ~m.flow.src6, ~m.flow.dst6, ~(received ++ m.flow.src_port ++ m.flow.dst_port),
            hdr.quoted6.src, hdr.quoted6.dst, hdr.ports.src ++ hdr.ports.dst
        }, 32w65536);
        hdr.quoted_udp.checksum = hdr.quoted_udp.checksum == 0 ? 16w0xffff : hdr.quoted_udp.checksum;
        hash(hdr.icmpv6.checksum, HashAlgorithm.csum16, 16w0, {
            ~(hdr.icmpv6.checksum ++ received) ++ hdr.quoted_udp.checksum
        }, 32w65536);
    }

    apply {
        bit<32> received_seq = hdr.quoted_seq.seq;
        bit<16> mtu = hdr.icmp_error.mtu;
        bit<16> added = !m.session.crosses && m.session.flags & (bit<8>)SessionFlag.TOA != 0 ? TOA_V6_BYTES : m.target.proxy_bytes;
        if (OUTBOUND && hdr.icmpv6.type == ICMPV6_TOO_BIG && added != 0
            && hdr.icmp_error.unused == 0 && mtu > IPV6_LEAST_MTU) {
            mtu = mtu - added;
            mtu = mtu < IPV6_LEAST_MTU ? IPV6_LEAST_MTU : mtu;
        }
        rewrite_addresses();
        if (hdr.quoted_echo.isValid()) { rewrite_quoted_echo.apply(hdr, m); } else { rewrite_ports(mtu); }
        if (hdr.quoted_seq.isValid() && (OUTBOUND || m.session.spliced)) {
            rewrite_seq(received_seq - (OUTBOUND ? m.session.delta : m.session.splice));
        }
        if (hdr.quoted_tcp.isValid()) {
            bit<32> ack = hdr.quoted_tcp.ack;
            if (hdr.quoted_tcp.ack_flag == 1) { ack = ack + (OUTBOUND ? m.session.splice : m.session.delta); }
            rewrite_tcp(received_seq, ack);
        } else if (hdr.quoted_udp.isValid() && hdr.quoted_udp.checksum != 0) {
            rewrite_udp();
        }
    }
}

#endif

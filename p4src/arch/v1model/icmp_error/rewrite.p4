/* v1model: an ICMP error about a packet of a session, as the sender of that packet shall see it.
 *
 *                    inbound (from the client's side)      outbound (from the real server's side)
 *   outer            r -> v:vp  =>  l -> d                 r -> l:lp  =>  v -> c
 *   quoted           v:vp -> c:cp  =>  d:dp -> l:lp        l:lp -> d:dp  =>  c:cp -> v:vp
 *   quoted seq       -= splice                             -= delta
 *   quoted ack       += delta, if it is there              += splice, likewise
 *   MTU              -                                     lowered by what TOA or PROXY adds
 *
 * In modes that show the server the client's own address the source of the error stays as well: whoever reaches a client by the
 * switch reaches that router. All checksums change by the difference (RFC 1624): that of the error covers what it quotes, where an
 * address and the IPv4 header's own checksum cancel out. As LVS does (ip_vs_nat_icmp), but for checksums and MTU. After Forward; the
 * checksum of the outer IPv4 header is made by UpdateChecksums. */
#ifndef _ICMP_ERROR_REWRITE_P4_
#define _ICMP_ERROR_REWRITE_P4_

#define IS_TOO_BIG (hdr.icmp.type == ICMP_UNREACHABLE && hdr.icmp.code == ICMP_FRAGMENTATION_NEEDED)

#define OUTBOUND (m.session.direction == (bit<8>)Direction.OUT)

control RewriteIcmpError(inout headers_t hdr, inout metadata_t m) {
    RewriteQuotedEcho() rewrite_quoted_echo;

    @hidden
    action rewrite_addresses() {
        hash(hdr.quoted.checksum, HashAlgorithm.csum16, 16w0, {
            ~hdr.quoted.checksum, ~(hdr.quoted.src ++ hdr.quoted.dst), m.session.dst ++ m.session.src
        }, 32w65536);
        hdr.quoted.src = m.session.dst;
        hdr.quoted.dst = m.session.src;
        hdr.ipv4.src = m.session.src == m.flow.src ? hdr.ipv4.src : m.session.src;
        hdr.ipv4.dst = m.session.dst;
    }

    @hidden
    action rewrite_ports(bit<16> mtu) {
        hash(hdr.icmp.checksum, HashAlgorithm.csum16, 16w0, {
            ~(hdr.icmp.checksum ++ hdr.icmp_error.mtu ++ hdr.ports.src ++ hdr.ports.dst), mtu ++ m.session.dst_port ++ m.session.src_port
        }, 32w65536);
        hdr.icmp_error.mtu = mtu;
        hdr.ports.src = m.session.dst_port;
        hdr.ports.dst = m.session.src_port;
    }

    @hidden
    action rewrite_seq(bit<32> seq) {
        hash(hdr.icmp.checksum, HashAlgorithm.csum16, 16w0, {
            ~(hdr.icmp.checksum ++ hdr.quoted_seq.seq), seq
        }, 32w65536);
        hdr.quoted_seq.seq = seq;
    }

    /* After all that the checksum of a quoted segment covers but the number that it acknowledges. */
    @hidden
    action rewrite_tcp(bit<32> received_seq, bit<32> ack) {
        bit<16> received = hdr.quoted_tcp.checksum;
        hash(hdr.quoted_tcp.checksum, HashAlgorithm.csum16, 16w0, {
            ~(m.flow.src ++ m.flow.dst), ~(received ++ m.flow.src_port ++ m.flow.dst_port), ~(received_seq ++ hdr.quoted_tcp.ack),
            hdr.quoted.src ++ hdr.quoted.dst, hdr.ports.src ++ hdr.ports.dst, hdr.quoted_seq.seq ++ ack
        }, 32w65536);
        hash(hdr.icmp.checksum, HashAlgorithm.csum16, 16w0, {
            ~(hdr.icmp.checksum ++ received ++ hdr.quoted_tcp.ack), hdr.quoted_tcp.checksum ++ ack
        }, 32w65536);
        hdr.quoted_tcp.ack = ack;
    }

    /* 0 says that there is none, and is never computed (RFC 768). */
    @hidden
    action rewrite_udp() {
        bit<16> received = hdr.quoted_udp.checksum;
        hash(hdr.quoted_udp.checksum, HashAlgorithm.csum16, 16w0, {
            ~(m.flow.src ++ m.flow.dst), ~(received ++ m.flow.src_port ++ m.flow.dst_port),
            hdr.quoted.src ++ hdr.quoted.dst, hdr.ports.src ++ hdr.ports.dst
        }, 32w65536);
        hdr.quoted_udp.checksum = hdr.quoted_udp.checksum == 0 ? 16w0xffff : hdr.quoted_udp.checksum;
        hash(hdr.icmp.checksum, HashAlgorithm.csum16, 16w0, {
            ~(hdr.icmp.checksum ++ received) ++ hdr.quoted_udp.checksum
        }, 32w65536);
    }

    apply {
        bit<32> received_seq = hdr.quoted_seq.seq;
        bit<16> mtu = hdr.icmp_error.mtu;
        if (OUTBOUND && IS_TOO_BIG && !m.session.crosses && m.session.flags & (bit<8>)SessionFlag.TOA != 0) { mtu = mtu |-| TOA_V4_BYTES; }
        if (IS_TOO_BIG) { mtu = mtu |-| m.target.proxy_bytes; }
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

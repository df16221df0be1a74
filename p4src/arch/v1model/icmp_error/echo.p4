/* v1model: echo requests and replies of a session, whose identifier is the port of who asks: of SNAT, as others have none.
 *
 *   out of a host inside     h, id -> o   =>  p, id' -> o
 *   back to it               o -> p, id'  =>  o -> h, id
 *
 * The checksum changes by the difference (RFC 1624); of ICMPv6 it covers the addresses as well. */
#ifndef _ICMP_ERROR_ECHO_P4_
#define _ICMP_ERROR_ECHO_P4_

#define NEW_IDENTIFIER (m.session.direction == (bit<8>)Direction.OUT ? m.session.dst_port : m.session.src_port)

control RewriteEcho(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action rewrite(bit<16> identifier) {
        hash(hdr.icmp.checksum, HashAlgorithm.csum16, 16w0, {
            ~(hdr.icmp.checksum ++ hdr.icmp_echo.identifier) ++ identifier
        }, 32w65536);
        hdr.icmp_echo.identifier = identifier;
        hdr.ipv4.src = m.session.src;
        hdr.ipv4.dst = m.session.dst;
    }

    @hidden
    action rewrite6(bit<16> identifier) {
        hash(hdr.icmpv6.checksum, HashAlgorithm.csum16, 16w0, {
            ~(hdr.icmpv6.checksum ++ hdr.icmp_echo.identifier) ++ identifier, ~hdr.ipv6.src, ~hdr.ipv6.dst,
            m.session.src6, m.session.dst6
        }, 32w65536);
        hdr.icmp_echo.identifier = identifier;
        hdr.ipv6.src = m.session.src6;
        hdr.ipv6.dst = m.session.dst6;
    }

    apply {
        if (hdr.icmp.isValid()) { rewrite(NEW_IDENTIFIER); } else { rewrite6(NEW_IDENTIFIER); }
    }
}

/* What an error quotes of one: its checksum takes up what becomes of the identifier, so that of the error need not change. */
control RewriteQuotedEcho(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action rewrite(bit<16> identifier) {
        hash(hdr.quoted_echo.checksum, HashAlgorithm.csum16, 16w0, {
            ~(hdr.quoted_echo.checksum ++ hdr.quoted_echo.identifier) ++ identifier
        }, 32w65536);
        hdr.quoted_echo.identifier = identifier;
    }

    apply { rewrite(NEW_IDENTIFIER); }
}

/* The same over IPv6, where it takes up the addresses as well, which those of the quoted header are: so that of the error changes. */
control RewriteQuotedEcho6(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action rewrite(bit<16> identifier) {
        bit<16> received = hdr.quoted_echo.checksum;
        hash(hdr.quoted_echo.checksum, HashAlgorithm.csum16, 16w0, {
            ~(received ++ hdr.quoted_echo.identifier) ++ identifier, ~m.flow.src6, ~m.flow.dst6, m.session.dst6, m.session.src6
        }, 32w65536);
        hash(hdr.icmpv6.checksum, HashAlgorithm.csum16, 16w0, {
            ~(hdr.icmpv6.checksum ++ received ++ hdr.quoted_echo.identifier), hdr.quoted_echo.checksum ++ identifier
        }, 32w65536);
        hdr.quoted_echo.identifier = identifier;
    }

    apply { rewrite(NEW_IDENTIFIER); }
}

#endif

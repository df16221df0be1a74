/* v1model: incremental checksums (RFC 1624 equation 3): HC' = ~(~HC + sum(~m) + sum(m')).
 *
 * csum16 is the complement of the one's complement sum, so one hash over { ~old checksum, ~old words, new words } is the
 * new checksum. A packet that came damaged leaves damaged: nothing is summed afresh. Every word stands at an even offset of
 * its header, options included, because the option list is edited as whole words. */
#ifndef _V1MODEL_CHECKSUM_P4_
#define _V1MODEL_CHECKSUM_P4_

/* After every rewrite. What is summed stands in few numbers, as p4c copies each. */
control UpdateChecksums(inout headers_t hdr, inout metadata_t m) {
    OptionChecksum() option_checksum;

    @hidden
    action update_ipv4() {
        hash(hdr.ipv4.checksum, HashAlgorithm.csum16, 16w0, {
            m.target.received.ipv4, m.target.received.addresses,
            hdr.ipv4.total_len ++ hdr.ipv4.ttl ++ hdr.ipv4.protocol, hdr.ipv4.src ++ hdr.ipv4.dst
        }, 32w65536);
    }

    /* Both in one, as most packets need. */
    @hidden
    action update_tcp() {
        update_ipv4();
        hash(hdr.tcp.checksum, HashAlgorithm.csum16, 16w0, {
            m.target.received.addresses, m.target.received.ports ++ ~hdr.tcp.checksum, m.target.received.numbers,
            hdr.ipv4.src ++ hdr.ipv4.dst, hdr.ports.src ++ hdr.ports.dst, hdr.tcp.seq ++ hdr.tcp.ack
        }, 32w65536);
    }

    @hidden
    action update_tcp6() {
        hash(hdr.tcp.checksum, HashAlgorithm.csum16, 16w0, {
            ~m.flow.src6, ~m.flow.dst6, m.target.received.ports ++ ~hdr.tcp.checksum, m.target.received.numbers,
            hdr.ipv6.src, hdr.ipv6.dst, hdr.ports.src ++ hdr.ports.dst, hdr.tcp.seq ++ hdr.tcp.ack
        }, 32w65536);
    }

    /* 0 says that there is none, and is never computed (RFC 768). */
    @hidden
    action update_udp() {
        hash(hdr.udp.checksum, HashAlgorithm.csum16, 16w0, {
            m.target.received.addresses, m.target.received.ports ++ ~hdr.udp.checksum,
            hdr.ipv4.src ++ hdr.ipv4.dst, hdr.ports.src ++ hdr.ports.dst
        }, 32w65536);
        hdr.udp.checksum = hdr.udp.checksum == 0 ? 16w0xffff : hdr.udp.checksum;
    }

    @hidden
    action update_udp6() {
        hash(hdr.udp.checksum, HashAlgorithm.csum16, 16w0, {
            ~m.flow.src6, ~m.flow.dst6, m.target.received.ports ++ ~hdr.udp.checksum,
            hdr.ipv6.src, hdr.ipv6.dst, hdr.ports.src ++ hdr.ports.dst
        }, 32w65536);
        hdr.udp.checksum = hdr.udp.checksum == 0 ? 16w0xffff : hdr.udp.checksum;
    }

    /* TOA also changes the data offset and the length in the pseudo header. */
    @hidden
    action add_toa() {
        hash(hdr.tcp.checksum, HashAlgorithm.csum16, 16w0, {
            ~(hdr.tcp.checksum ++ (hdr.tcp.data_offset - TOA_V4_WORDS) ++ 12w0), hdr.tcp.data_offset ++ 12w0 ++ m.growth,
            hdr.toa_v4.kind ++ hdr.toa_v4.length ++ hdr.toa_v4.client_port ++ hdr.toa_v4.client
        }, 32w65536);
    }

    @hidden
    action add_toa6() {
        hash(hdr.tcp.checksum, HashAlgorithm.csum16, 16w0, {
            ~(hdr.tcp.checksum ++ (hdr.tcp.data_offset - TOA_V6_WORDS) ++ 12w0), hdr.tcp.data_offset ++ 12w0 ++ m.growth,
            hdr.toa_v6.kind ++ hdr.toa_v6.length ++ hdr.toa_v6.client_port, hdr.toa_v6.client
        }, 32w65536);
    }

    apply {
        if (TRANSLATED && hdr.tcp.isValid()) {
            if (hdr.ipv4.isValid()) { update_tcp(); } else { update_tcp6(); }
            if (hdr.toa_v4.isValid()) { add_toa(); } else if (hdr.toa_v6.isValid()) { add_toa6(); }
            option_checksum.apply(hdr, m);
        } else {
            if (hdr.ipv4.isValid()) { update_ipv4(); }
            if (TRANSLATED && hdr.udp.isValid() && hdr.udp.checksum != 0) {
                if (hdr.ipv6.isValid()) { update_udp6(); } else { update_udp(); }
            }
        }
    }
}

/* A router drops what fails the header checksum (RFC 1812 5.2.2). */
control VerifyIpv4Checksum(inout headers_t hdr, inout metadata_t m) {
    apply {
        verify_checksum(hdr.ipv4.isValid(), {
            hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.tos, hdr.ipv4.total_len, hdr.ipv4.id, hdr.ipv4.reserved,
            hdr.ipv4.dont_fragment, hdr.ipv4.more_fragments, hdr.ipv4.fragment_offset, hdr.ipv4.ttl, hdr.ipv4.protocol,
            hdr.ipv4.src, hdr.ipv4.dst, hdr.ipv4_options.options
        }, hdr.ipv4.checksum, HashAlgorithm.csum16);
    }
}

control NoChecksum(inout headers_t hdr, inout metadata_t m) {
    apply { }
}

#endif

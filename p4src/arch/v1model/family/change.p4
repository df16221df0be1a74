/* v1model: a packet of a session in the header of the other family (RFC 7915). After UpdateChecksums, which has left it as one
 * of its own family whose addresses are 0, as those of m.session that are of that family: so nothing is to be taken out of the
 * checksums of TCP and UDP but zeros, and the new addresses are put in by the difference. Protocol and length are the same sum
 * in both pseudo headers.
 *
 *   traffic class = TOS; flow label 0; hop limit = TTL, which Leave has lowered; no options, no fragments
 *   DF            unless the packet came with 1280 bytes at most, which routers of IPv6 may not find too big (RFC 7915 5.1)
 *   id            the checksum of what is behind: as good as any number for packets that few routers fragment
 */
#ifndef _FAMILY_CHANGE_P4_
#define _FAMILY_CHANGE_P4_

#include "icmp.p4"

control ChangeFamily(inout headers_t hdr, inout metadata_t m) {
    ChangeIcmpFamily() change_icmp_family;

    bit<16> id = 0;

    @hidden
    action to_ipv6() {
        hdr.ethernet.type = ETHERTYPE_IPV6;
        hdr.ipv6.setValid();
        hdr.ipv6.version = 6;
        hdr.ipv6.traffic_class = hdr.ipv4.tos;
        hdr.ipv6.flow_label = 0;
        hdr.ipv6.payload_len = hdr.ipv4.total_len - IPV4_BYTES;
        hdr.ipv6.next_header = hdr.ipv4.protocol;
        hdr.ipv6.hop_limit = hdr.ipv4.ttl;
        hdr.ipv6.src = m.session.src6;
        hdr.ipv6.dst = m.session.dst6;
        hdr.ipv4.setInvalid();
    }

    @hidden
    action to_ipv4() {
        hdr.ethernet.type = ETHERTYPE_IPV4;
        hdr.ipv4.setValid();
        hdr.ipv4.version = 4;
        hdr.ipv4.ihl = 5;
        hdr.ipv4.tos = hdr.ipv6.traffic_class;
        hdr.ipv4.total_len = hdr.ipv6.payload_len + IPV4_BYTES;
        hdr.ipv4.reserved = 0;
        hdr.ipv4.dont_fragment = hdr.ipv6.payload_len - m.growth <= IPV6_LEAST_MTU - IPV6_BYTES ? 1w0 : 1w1;
        hdr.ipv4.more_fragments = 0;
        hdr.ipv4.fragment_offset = 0;
        hdr.ipv4.ttl = hdr.ipv6.hop_limit;
        hdr.ipv4.protocol = hdr.ipv6.next_header;
        hdr.ipv4.src = m.session.src;
        hdr.ipv4.dst = m.session.dst;
        hdr.ipv6.setInvalid();
    }

    /* Of either family's addresses two are 0. */
    @hidden
    action put_into_tcp() {
        hash(hdr.tcp.checksum, HashAlgorithm.csum16, 16w0, {
            ~hdr.tcp.checksum, m.session.src, m.session.dst, m.session.src6, m.session.dst6
        }, 32w65536);
        id = hdr.tcp.checksum;
    }

    @hidden
    action put_into_udp() {
        hash(hdr.udp.checksum, HashAlgorithm.csum16, 16w0, {
            ~hdr.udp.checksum, m.session.src, m.session.dst, m.session.src6, m.session.dst6
        }, 32w65536);
        hdr.udp.checksum = hdr.udp.checksum == 0 ? 16w0xffff : hdr.udp.checksum;
        id = hdr.udp.checksum;
    }

    @hidden
    action sum_ipv4() {
        hdr.ipv4.id = id;
        hash(hdr.ipv4.checksum, HashAlgorithm.csum16, 16w0, {
            hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.tos, hdr.ipv4.total_len, hdr.ipv4.id, hdr.ipv4.reserved,
            hdr.ipv4.dont_fragment, hdr.ipv4.more_fragments, hdr.ipv4.fragment_offset, hdr.ipv4.ttl, hdr.ipv4.protocol,
            hdr.ipv4.src, hdr.ipv4.dst
        }, 32w65536);
    }

    apply {
        if (hdr.ipv4.isValid()) { to_ipv6(); } else { to_ipv4(); }
        if (hdr.tcp.isValid()) {
            put_into_tcp();
        } else if (hdr.udp.isValid()) {
            put_into_udp();
        } else {
            change_icmp_family.apply(hdr, m, id);
        }
        if (hdr.ipv4.isValid()) { sum_ipv4(); }
    }
}

#endif

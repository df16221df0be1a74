/* v1model: sessions of FULLNAT between families (NAT64, NAT46), as RFC 7915 has their packets translated: what of them is
 * refused, and how long the others are as they leave. Of what no session is translated, FAMILY.
 *
 * IPv4 options would be lost, and fragments need what IPv4 keeps in every header and IPv6 in one of its own. A datagram without
 * checksum would need one made of all of it (RFC 7915 4.5). After server_in and server_out; reads hdr and m.session; writes
 * m.route.drop and m.length. */
#ifndef _FAMILY_JUDGE_P4_
#define _FAMILY_JUDGE_P4_

const bit<16> FAMILY_BYTES = 20;  /* by which a header of IPv6 is longer than one of IPv4 */

control JudgeFamilies(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action drop(DropReason reason) { m.route.drop = (bit<8>)reason; }

    @hidden
    action grow(bit<16> bytes) {
        m.length.last = m.length.last |+| bytes;
        m.length.toa_last = m.length.toa_last |+| bytes;
    }

    @hidden
    action shrink() {
        m.length.last = m.length.last - FAMILY_BYTES;
        m.length.toa_last = m.length.toa_last - FAMILY_BYTES;
    }

    /* An error grows by the header that it quotes as well. */
    @hidden
    table ipv4_rules {
        key = {
            hdr.ipv4.more_fragments  : ternary;
            hdr.ipv4.fragment_offset : ternary;
            hdr.ipv4.ihl             : ternary;
            hdr.ports.isValid()      : ternary;
            hdr.udp.isValid()        : ternary;
            hdr.udp.checksum         : ternary;
            hdr.icmp.isValid()       : ternary;
            hdr.quoted.ihl           : ternary;
        }
        actions = { drop; grow; }
        const default_action = drop(DropReason.ICMP_ERROR);
        const entries = {
            (1, _, _, _, _, _, _, _)            : drop(DropReason.FRAGMENT);
            (0, 0, 5, true, true, 0, _, _)      : drop(DropReason.UDP_CHECKSUM);
            (0, 0, 5, true, _, _, false, _)     : grow(FAMILY_BYTES);
            (0, 0, 5, true, _, _, true, 5)      : grow(2 * FAMILY_BYTES);
            (0, 0, 5, true, _, _, true, _)      : drop(DropReason.ICMP_ERROR);
            (0, 0, _, true, _, _, _, _)         : drop(DropReason.IPV4_OPTIONS);
            (0, 0, _, false, _, _, _, _)        : drop(DropReason.IPSEC);
            (_, _, _, _, _, _, _, _)            : drop(DropReason.FRAGMENT);
        }
    }

    apply {
        if (!m.session.crosses || m.session.ipv6 == hdr.ipv6.isValid()) {
            drop(DropReason.FAMILY);
        } else if (hdr.ipv6.isValid()) {
            shrink();
        } else {
            ipv4_rules.apply();
        }
    }
}

#endif

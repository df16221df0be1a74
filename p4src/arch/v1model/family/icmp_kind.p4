/* v1model: what an ICMP error says, in the words of the other family: its type, code and pointer, and the MTU (RFC 7915 4.2, 5.2). */
#ifndef _FAMILY_ICMP_KIND_P4_
#define _FAMILY_ICMP_KIND_P4_

struct icmp_kind_t {
    bit<8> type;
    bit<8> code;
    bit<8> pointer;  /* of a parameter problem */
    bool   too_big;
}

/* What the other family has no message for is dropped. */
control IcmpKind(in headers_t hdr, inout metadata_t m, out icmp_kind_t kind) {
    @hidden
    action drop() {
        m.verdict.punt = 0;
        m.verdict.drop = (bit<8>)DropReason.ICMP_ERROR;
    }

    @hidden
    action becomes(bit<8> type, bit<8> code) {
        kind.type = type;
        kind.code = code;
    }

    @hidden
    action becomes_pointer(bit<8> type, bit<8> code, bit<8> pointer) {
        kind.type = type;
        kind.code = code;
        kind.pointer = pointer;
    }

    @hidden
    action becomes_too_big(bit<8> type, bit<8> code) {
        kind.type = type;
        kind.code = code;
        kind.too_big = true;
    }

    /* The pointer is the upper half of what other errors leave unused (RFC 792). */
    @hidden
    table icmp_kinds {
        key = {
            hdr.icmp.type         : ternary;
            hdr.icmp.code         : ternary;
            hdr.icmp_error.unused : ternary;
        }
        actions = { drop; becomes; becomes_pointer; becomes_too_big; }
        const default_action = drop();
        const entries = {
            (ICMP_UNREACHABLE, 4, _)            : becomes_too_big(ICMPV6_TOO_BIG, 0);
            (ICMP_UNREACHABLE, 2, _)            : becomes_pointer(ICMPV6_PARAMETER_PROBLEM, 1, 6);
            (ICMP_UNREACHABLE, 3, _)            : becomes(ICMPV6_UNREACHABLE, 4);
            (ICMP_UNREACHABLE, 0 &&& 0xfe, _)   : becomes(ICMPV6_UNREACHABLE, 0);
            (ICMP_UNREACHABLE, 5, _)            : becomes(ICMPV6_UNREACHABLE, 0);
            (ICMP_UNREACHABLE, 6 &&& 0xfe, _)   : becomes(ICMPV6_UNREACHABLE, 0);
            (ICMP_UNREACHABLE, 8, _)            : becomes(ICMPV6_UNREACHABLE, 0);
            (ICMP_UNREACHABLE, 11, _)           : becomes(ICMPV6_UNREACHABLE, 0);
            (ICMP_UNREACHABLE, 12, _)           : becomes(ICMPV6_UNREACHABLE, 0);
            (ICMP_UNREACHABLE, 9, _)            : becomes(ICMPV6_UNREACHABLE, 1);
            (ICMP_UNREACHABLE, 10, _)           : becomes(ICMPV6_UNREACHABLE, 1);
            (ICMP_UNREACHABLE, 13, _)           : becomes(ICMPV6_UNREACHABLE, 1);
            (ICMP_UNREACHABLE, 15, _)           : becomes(ICMPV6_UNREACHABLE, 1);
            (ICMP_TIME_EXCEEDED, 0, _)          : becomes(ICMPV6_TIME_EXCEEDED, 0);
            (ICMP_TIME_EXCEEDED, 1, _)          : becomes(ICMPV6_TIME_EXCEEDED, 1);
            (ICMP_PARAMETER_PROBLEM, 0 &&& 0xfd, 0x0000 &&& 0xff00) : becomes_pointer(ICMPV6_PARAMETER_PROBLEM, 0, 0);
            (ICMP_PARAMETER_PROBLEM, 0 &&& 0xfd, 0x0100 &&& 0xff00) : becomes_pointer(ICMPV6_PARAMETER_PROBLEM, 0, 1);
            (ICMP_PARAMETER_PROBLEM, 0 &&& 0xfd, 0x0200 &&& 0xfe00) : becomes_pointer(ICMPV6_PARAMETER_PROBLEM, 0, 4);
            (ICMP_PARAMETER_PROBLEM, 0 &&& 0xfd, 0x0800 &&& 0xff00) : becomes_pointer(ICMPV6_PARAMETER_PROBLEM, 0, 7);
            (ICMP_PARAMETER_PROBLEM, 0 &&& 0xfd, 0x0900 &&& 0xff00) : becomes_pointer(ICMPV6_PARAMETER_PROBLEM, 0, 6);
            (ICMP_PARAMETER_PROBLEM, 0 &&& 0xfd, 0x0c00 &&& 0xfc00) : becomes_pointer(ICMPV6_PARAMETER_PROBLEM, 0, 8);
            (ICMP_PARAMETER_PROBLEM, 0 &&& 0xfd, 0x1000 &&& 0xfc00) : becomes_pointer(ICMPV6_PARAMETER_PROBLEM, 0, 24);
        }
    }

    /* The pointer has both halves (RFC 4443 3.4). */
    @hidden
    table icmpv6_kinds {
        key = {
            hdr.icmpv6.type       : ternary;
            hdr.icmpv6.code       : ternary;
            hdr.icmp_error.unused : ternary;
            hdr.icmp_error.mtu    : ternary;
        }
        actions = { drop; becomes; becomes_pointer; becomes_too_big; }
        const default_action = drop();
        const entries = {
            (ICMPV6_TOO_BIG, _, _, _)                        : becomes_too_big(ICMP_UNREACHABLE, 4);
            (ICMPV6_UNREACHABLE, 4, _, _)                    : becomes(ICMP_UNREACHABLE, 3);
            (ICMPV6_UNREACHABLE, 1, _, _)                    : becomes(ICMP_UNREACHABLE, 10);
            (ICMPV6_UNREACHABLE, 0 &&& 0xfc, _, _)           : becomes(ICMP_UNREACHABLE, 1);
            (ICMPV6_TIME_EXCEEDED, 0, _, _)                  : becomes(ICMP_TIME_EXCEEDED, 0);
            (ICMPV6_TIME_EXCEEDED, 1, _, _)                  : becomes(ICMP_TIME_EXCEEDED, 1);
            (ICMPV6_PARAMETER_PROBLEM, 1, _, _)              : becomes(ICMP_UNREACHABLE, 2);
            (ICMPV6_PARAMETER_PROBLEM, 0, 0, 0)              : becomes_pointer(ICMP_PARAMETER_PROBLEM, 0, 0);
            (ICMPV6_PARAMETER_PROBLEM, 0, 0, 1)              : becomes_pointer(ICMP_PARAMETER_PROBLEM, 0, 1);
            (ICMPV6_PARAMETER_PROBLEM, 0, 0, 4 &&& 0xfffe)   : becomes_pointer(ICMP_PARAMETER_PROBLEM, 0, 2);
            (ICMPV6_PARAMETER_PROBLEM, 0, 0, 6)              : becomes_pointer(ICMP_PARAMETER_PROBLEM, 0, 9);
            (ICMPV6_PARAMETER_PROBLEM, 0, 0, 7)              : becomes_pointer(ICMP_PARAMETER_PROBLEM, 0, 8);
            (ICMPV6_PARAMETER_PROBLEM, 0, 0, 8 &&& 0xfff8)   : becomes_pointer(ICMP_PARAMETER_PROBLEM, 0, 12);
            (ICMPV6_PARAMETER_PROBLEM, 0, 0, 16 &&& 0xfff8)  : becomes_pointer(ICMP_PARAMETER_PROBLEM, 0, 12);
            (ICMPV6_PARAMETER_PROBLEM, 0, 0, 24 &&& 0xfff8)  : becomes_pointer(ICMP_PARAMETER_PROBLEM, 0, 16);
            (ICMPV6_PARAMETER_PROBLEM, 0, 0, 32 &&& 0xfff8)  : becomes_pointer(ICMP_PARAMETER_PROBLEM, 0, 16);
        }
    }

    apply {
        kind = { 0, 0, 0, false };
        if (hdr.icmp.isValid()) { icmp_kinds.apply(); } else { icmpv6_kinds.apply(); }
    }
}

/* How long a packet may be as its sender sends it: by the difference of the headers longer or shorter than as it was found too big, and
 * for the client shorter by what TOA adds. No host believes of IPv6 that a link takes less than 1280 bytes, so nothing below that is
 * told or taken; what then still is too long for a link of IPv4 leaves without DF. */
control IcmpMtu(in headers_t hdr, in metadata_t m, out bit<16> mtu) {
    @hidden
    action plateau(bit<16> bytes) { mtu = bytes; }

    /* A router that tells no MTU: the largest usual one below the packet's length (RFC 1191 7), which is taken as it is. */
    @hidden
    table plateaus {
        key = { hdr.quoted.total_len : range; }
        actions = { plateau; }
        const default_action = plateau(IPV6_LEAST_MTU);
        const entries = {
            32001 .. 65535 : plateau(32000);
            17915 .. 32000 : plateau(17914);
            8167 .. 17914  : plateau(8166);
            4353 .. 8166   : plateau(4352);
            2003 .. 4352   : plateau(2002);
            1493 .. 2002   : plateau(1492);
        }
    }

    apply {
        bool with_toa = OUTBOUND && m.session.flags & (bit<8>)SessionFlag.TOA != 0;
        mtu = hdr.icmp_error.mtu;
        if (hdr.icmp.isValid()) {
            if (mtu == 0) { plateaus.apply(); } else { mtu = mtu |+| FAMILY_BYTES; }
            if (with_toa) { mtu = mtu |-| TOA_V6_BYTES; }
            mtu = mtu < IPV6_LEAST_MTU ? IPV6_LEAST_MTU : mtu;
        } else {
            mtu = hdr.icmp_error.unused != 0 ? 16w0xffff : mtu;
            mtu = (mtu < IPV6_LEAST_MTU ? IPV6_LEAST_MTU : mtu) - FAMILY_BYTES;
            if (with_toa) { mtu = mtu - TOA_V4_BYTES; }
        }
    }
}

#endif

/* Validate6: what Validate says, of an IPv6 packet. */
#ifndef _VALIDATE6_P4_
#define _VALIDATE6_P4_

#include "segment_rules.p4"

/* Addresses by their prefixes (RFC 4291 2.4; mapped ones are never on a wire). */
#define UNSPECIFIED6 128w0
#define LOOPBACK6 128w1
#define MAPPED6 (128w0xffff << 32) &&& (0xffffffffffffffffffffffff << 32)
#define LINK_LOCAL6 (128w0xfe80 << 112) &&& (128w0xffc0 << 112)
#define MULTICAST6 (128w0xff << 120) &&& (128w0xff << 120)
#define SOLICITED_NODE6 ((128w0xff02 << 112) + (128w0x1ff << 24)) &&& ~128w0xffffff

control Validate6(inout headers_t hdr, inout metadata_t m) {
    SegmentRules() segment_rules;

    @hidden
    action drop(DropReason reason) { m.verdict.drop = (bit<8>)reason; }

    @hidden
    action pass() { }

    /* Neighbor discovery has multicast, link-local and unspecified addresses; what else comes of such ones is not routed. */
    @hidden
    table ipv6_rules {
        key = {
            hdr.ipv6.version : ternary;
            m.ip_fault       : ternary;
            hdr.nd.isValid() : ternary;
            hdr.ipv6.src     : ternary;
            hdr.ipv6.dst     : ternary;
        }
        actions = { pass; drop; }
        const default_action = drop(DropReason.IPV6_HEADER);
        const entries = {
            (_, DropReason.IPV6_HEADER, _, _, _) : drop(DropReason.IPV6_HEADER);
            (6, _, _, MULTICAST6, _)             : drop(DropReason.IPV6_ADDRESS);
            (6, _, _, LOOPBACK6, _)              : drop(DropReason.IPV6_ADDRESS);
            (6, _, _, MAPPED6, _)                : drop(DropReason.IPV6_ADDRESS);
            (6, _, _, _, UNSPECIFIED6)           : drop(DropReason.IPV6_ADDRESS);
            (6, _, _, _, LOOPBACK6)              : drop(DropReason.IPV6_ADDRESS);
            (6, _, _, _, MAPPED6)                : drop(DropReason.IPV6_ADDRESS);
            (6, _, true, _, _)                   : pass();
            (6, _, _, UNSPECIFIED6, _)           : drop(DropReason.IPV6_ADDRESS);
            (6, _, _, LINK_LOCAL6, _)            : drop(DropReason.IPV6_ADDRESS);
            (6, _, _, _, MULTICAST6)             : drop(DropReason.IPV6_ADDRESS);
            (6, _, _, _, LINK_LOCAL6)            : drop(DropReason.IPV6_ADDRESS);
            (6, _, _, _, _)                      : pass();
        }
    }

    /* RFC 4861 7.1.1 and 7.1.2, but for checksum and options, which concern whoever answers. */
    @hidden
    table nd_rules {
        key = {
            m.length.nd_missing : ternary;
            hdr.ipv6.hop_limit  : ternary;
            hdr.icmpv6.code     : ternary;
            hdr.nd.target       : ternary;
            hdr.icmpv6.type     : ternary;
            hdr.ipv6.src        : ternary;
            hdr.ipv6.dst        : ternary;
        }
        actions = { pass; drop; }
        const default_action = drop(DropReason.ND);
        const entries = {
            (0, ND_HOP_LIMIT, 0, MULTICAST6, _, _, _)                                      : drop(DropReason.ND);
            (0, ND_HOP_LIMIT, 0, _, ND_SOLICITATION, UNSPECIFIED6, SOLICITED_NODE6)        : pass();
            (0, ND_HOP_LIMIT, 0, _, _, UNSPECIFIED6, _)                                    : drop(DropReason.ND);
            (0, ND_HOP_LIMIT, 0, _, _, _, _)                                               : pass();
        }
    }

    apply {
        if (m.parser_error) {
            drop(DropReason.PARSER);
        } else {
            switch (ipv6_rules.apply().action_run) {
                pass: {
                    if (hdr.ports.isValid()) {
                        segment_rules.apply(hdr, m);
                        if (hdr.udp.isValid() && hdr.udp.checksum == 0) { m.segment_fault = (bit<8>)DropReason.UDP_CHECKSUM; }
                    } else if (hdr.icmpv6.isValid() && m.length.icmp_missing != 0) {
                        drop(DropReason.IPV6_HEADER);
                    } else if (hdr.nd.isValid()) {
                        nd_rules.apply();
                    }
                }
            }
        }
    }
}

#endif

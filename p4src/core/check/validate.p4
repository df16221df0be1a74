/* Validate: what is wrong with a packet before anything is looked up. One reason each, the first that applies.
 *
 * Target parsers do not check lengths against each other (Tofino ignores verify), so that is done here; and an ASIC
 * compares two fields by what is left of a saturating subtraction. Each layer's rules are one table, first row first.
 * After MeasureLengths. Reads hdr, m.length and what the target
 * says is wrong; writes m.verdict.drop. IPv6 is Validate6's. */
#ifndef _VALIDATE_P4_
#define _VALIDATE_P4_

#include "segment_rules.p4"

/* Addresses that no router forwards: multicast, reserved and broadcast; loopback; this network (RFC 1812 5.3.7). */
#define CLASS_D_AND_E 0xe0000000 &&& 0xe0000000
#define LOOPBACK 0x7f000000 &&& 0xff000000
#define THIS_NETWORK 0 &&& 0xff000000

control Validate(inout headers_t hdr, inout metadata_t m) {
    SegmentRules() segment_rules;

    @hidden
    action drop(DropReason reason) { m.verdict.drop = (bit<8>)reason; }

    @hidden
    action pass() { }

    @hidden
    table frame_rules {
        key = { hdr.ethernet.type : ternary; }
        actions = { drop; }
        const default_action = drop(DropReason.ETHERTYPE);
        const entries = {
            ETHERTYPE_VLAN         : drop(DropReason.VLAN);
            ETHERTYPE_SERVICE_VLAN : drop(DropReason.VLAN);
        }
    }

    @hidden
    table arp_rules {
        key = {
            hdr.arp.hw_type    : ternary;
            hdr.arp.proto_type : ternary;
            hdr.arp.hw_len     : ternary;
            hdr.arp.proto_len  : ternary;
            hdr.arp.operation  : ternary;
        }
        actions = { pass; drop; }
        const default_action = drop(DropReason.ARP);
        const entries = {
            (1, ETHERTYPE_IPV4, 6, 4, ARP_REQUEST) : pass();
            (1, ETHERTYPE_IPV4, 6, 4, ARP_REPLY)   : pass();
        }
    }

    @hidden
    table ipv4_rules {
        key = {
            hdr.ipv4.version    : ternary;
            hdr.ipv4.ihl        : ternary;
            m.length.ip_missing : ternary;
            m.ip_fault          : ternary;
            m.checksum_error    : ternary;
            hdr.ipv4.src        : ternary;
            hdr.ipv4.dst        : ternary;
        }
        actions = { pass; drop; }
        const default_action = drop(DropReason.IPV4_HEADER);
        const entries = {
            (_, BELOW_4, _, _, _, _, _)                 : drop(DropReason.IPV4_HEADER);
            (_, 4, _, _, _, _, _)                       : drop(DropReason.IPV4_HEADER);
            (_, _, _, DropReason.IPV4_HEADER, _, _, _)  : drop(DropReason.IPV4_HEADER);
            (4, _, 0, DropReason.IPV4_OPTIONS, _, _, _) : drop(DropReason.IPV4_OPTIONS);
            (4, _, 0, _, true, _, _)                    : drop(DropReason.IPV4_CHECKSUM);
            (4, _, 0, _, _, CLASS_D_AND_E, _)           : drop(DropReason.IPV4_ADDRESS);
            (4, _, 0, _, _, LOOPBACK, _)                : drop(DropReason.IPV4_ADDRESS);
            (4, _, 0, _, _, THIS_NETWORK, _)            : drop(DropReason.IPV4_ADDRESS);
            (4, _, 0, _, _, _, CLASS_D_AND_E)           : drop(DropReason.IPV4_ADDRESS);
            (4, _, 0, _, _, _, LOOPBACK)                : drop(DropReason.IPV4_ADDRESS);
            (4, _, 0, _, _, _, THIS_NETWORK)            : drop(DropReason.IPV4_ADDRESS);
            (4, _, 0, _, _, _, _)                       : pass();
        }
    }

    apply {
        if (m.parser_error) {
            drop(DropReason.PARSER);
        } else if (hdr.arp.isValid()) {
            arp_rules.apply();
        } else if (!hdr.ipv4.isValid()) {
            frame_rules.apply();
        } else {
            switch (ipv4_rules.apply().action_run) {
                pass: {
                    if (hdr.ports.isValid()) {
                        segment_rules.apply(hdr, m);
                    } else if (hdr.icmp.isValid() && m.length.icmp_missing != 0) {
                        drop(DropReason.IPV4_HEADER);
                    }
                }
            }
        }
    }
}

#endif

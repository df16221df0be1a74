/* Validate: what is wrong with a packet before anything is looked up. One reason each, the first that applies.
 *
 * Target parsers do not check lengths against each other (Tofino ignores verify), so that is done here; and an ASIC
 * compares two fields by what is left of a saturating subtraction. Each layer's rules are one table, first row first.
 * After MeasureLengths. Reads hdr, m.length and what the target
 * says is wrong; writes m.verdict.drop and m.segment_fault. */
#ifndef _VALIDATE_P4_
#define _VALIDATE_P4_

#include "../target.p4"

/* Of the first four bits of a header, a value below 4. */
#define BELOW_4 0 &&& 0xc
#define BELOW_8 0 &&& 0xfff8
/* Addresses that no router forwards: multicast, reserved and broadcast; loopback; this network (RFC 1812 5.3.7). */
#define CLASS_D_AND_E 0xe0000000 &&& 0xe0000000
#define LOOPBACK 0x7f000000 &&& 0xff000000
#define THIS_NETWORK 0 &&& 0xff000000

control Validate(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action drop(DropReason reason) { m.verdict.drop = (bit<8>)reason; }

    @hidden
    action fault(DropReason reason) { m.segment_fault = (bit<8>)reason; }

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

    @hidden
    table tcp_rules {
        key = {
            hdr.tcp.data_offset  : ternary;
            m.length.tcp_missing : ternary;
            hdr.tcp.syn          : ternary;
            hdr.tcp.fin          : ternary;
            hdr.tcp.rst          : ternary;
            m.bad_options        : ternary;
        }
        actions = { pass; fault; drop; }
        const default_action = drop(DropReason.TCP_HEADER);
        const entries = {
            (BELOW_4, _, _, _, _, _) : drop(DropReason.TCP_HEADER);
            (4, _, _, _, _, _)       : drop(DropReason.TCP_HEADER);
            (_, 0, 1, 1, _, _)       : fault(DropReason.TCP_FLAGS);
            (_, 0, 1, _, 1, _)       : fault(DropReason.TCP_FLAGS);
            (_, 0, _, _, _, true)    : fault(DropReason.TCP_OPTIONS);
            (_, 0, _, _, _, _)       : pass();
        }
    }

    /* RFC 768. What a datagram leaves of its packet is nobody's, and no fault of it. */
    @hidden
    table udp_rules {
        key = {
            hdr.udp.length          : ternary;
            m.length.udp_missing    : ternary;
            hdr.ipv4.more_fragments : ternary;
        }
        actions = { pass; drop; }
        const default_action = drop(DropReason.UDP_HEADER);
        const entries = {
            (BELOW_8, _, _) : drop(DropReason.UDP_HEADER);
            (_, 0, _)       : pass();
            (_, _, 1)       : pass();
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
                    if (hdr.tcp.isValid()) {
                        tcp_rules.apply();
                    } else if (hdr.udp.isValid()) {
                        udp_rules.apply();
                    } else if (hdr.icmp.isValid() && m.length.icmp_missing != 0) {
                        drop(DropReason.IPV4_HEADER);
                    }
                }
            }
        }
    }
}

#endif

/* v1model parser.
 *
 *   start -> packet_out? -> ethernet [-> vlan] -> arp
 *                                              -> ipv4 [-> options] -> icmp | tcp -> the states of OPTION_STATES
 *
 * A packet shorter than its headers sets parser_error and is dropped by Validate. Lengths that lie are found there too. */
#ifndef _V1MODEL_PARSER_P4_
#define _V1MODEL_PARSER_P4_

const bit<16> VLAN_BYTES = 4;

parser FullnatParser(packet_in packet, out headers_t hdr, inout metadata_t m, inout standard_metadata_t standard_metadata) {
    state start {
        transition select(standard_metadata.ingress_port) {
            CPU_PORT: parse_packet_out;
            default: parse_ethernet;
        }
    }

    state parse_packet_out {
        packet.extract(hdr.packet_out);
        transition select(hdr.packet_out.request) {
            PacketOutAction.FORWARD: parse_as_it_is;
            default: parse_ethernet;
        }
    }

    state parse_as_it_is {
        packet.extract(hdr.ethernet);
        transition accept;
    }

    state parse_ethernet {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.type) {
            ETHERTYPE_IPV4: parse_ipv4;
            ETHERTYPE_ARP: parse_arp;
            ETHERTYPE_VLAN: parse_vlan;
            default: accept;
        }
    }

    /* A tag that only tells a priority is passed over. */
    state parse_vlan {
        packet.extract(hdr.vlan);
        transition select(hdr.vlan.vid) {
            0: parse_tagged;
            default: accept;
        }
    }

    state parse_tagged {
        hdr.ethernet.type = hdr.vlan.type;
        m.length.tag = VLAN_BYTES;
        transition select(hdr.vlan.type) {
            ETHERTYPE_IPV4: parse_ipv4;
            ETHERTYPE_ARP: parse_arp;
            default: accept;
        }
    }

    state parse_arp {
        packet.extract(hdr.arp);
        transition accept;
    }

    state parse_ipv4 {
        packet.extract(hdr.ipv4);
        transition select(hdr.ipv4.ihl) {
            0 .. 4: accept;
            5: parse_l4;
            default: parse_ipv4_options;
        }
    }

    state parse_ipv4_options {
        packet.extract(hdr.ipv4_options, ((bit<32>)hdr.ipv4.ihl - 5) << 5);
        transition parse_l4;
    }

    /* Only the first fragment has a layer-4 header, and no fragment is translated. */
    state parse_l4 {
        transition select(hdr.ipv4.more_fragments, hdr.ipv4.fragment_offset, hdr.ipv4.protocol) {
            (0, 0, PROTO_TCP): parse_tcp;
            (0, 0, PROTO_ICMP): parse_icmp;
            default: accept;
        }
    }

    state parse_icmp {
        packet.extract(hdr.icmp);
        transition accept;
    }

    state parse_tcp {
        packet.extract(hdr.ports);
        packet.extract(hdr.tcp);
        transition parse_options;
    }

#include OPTION_STATES
}

#endif

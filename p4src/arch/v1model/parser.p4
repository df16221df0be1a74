/* v1model parser.
 *
 *   start -> packet_out? -> ethernet [-> vlan] -> arp
 *                                              -> ipv4 [-> options] -> icmp [-> what an error quotes]
 *                                                                       | ports, udp
 *                                                                       | ports, tcp -> the states of OPTION_STATES
 *                                              -> ipv6 -> icmpv6 [-> nd [-> nd_link]] | ports, as behind ipv4
 *
 * A packet shorter than its headers sets parser_error and is dropped by Validate. Lengths that lie are found there too. */
#ifndef _V1MODEL_PARSER_P4_
#define _V1MODEL_PARSER_P4_

const bit<16> VLAN_BYTES = 4;
const bit<16> PACKET_OUT_BYTES = 10;

parser FullnatParser(packet_in packet, out headers_t hdr, inout metadata_t m, inout standard_metadata_t standard_metadata) {
    state start {
        transition select(standard_metadata.ingress_port) {
            CPU_PORT: from_controller;
            default: parse_ethernet;
        }
    }

    state from_controller {
        m.target.packet_out_bytes = PACKET_OUT_BYTES;
        transition parse_packet_out;
    }

#include "../../core/parse/states.p4"

    state parse_ipv4_options {
        packet.extract(hdr.ipv4_options, ((bit<32>)hdr.ipv4.ihl - 5) << 5);
        transition parse_l4;
    }

#include OPTION_STATES
#ifdef QUOTED_STATES
#include QUOTED_STATES
#endif
#ifdef PORTLESS_STATES
#include PORTLESS_STATES
#endif
}

#endif

/* TNA parser of what is received.
 *
 *   start -> packet_out? -> ethernet [-> vlan] -> arp
 *                                              -> ipv4 -> icmp | ports, udp
 *                                                        | ports, tcp -> the states of arch/layouts
 *
 * IPv4 options are not parsed: their up to ten words would need parser states and deparser checksum entries of their own.
 * Validate drops them by name. A packet shorter than its headers sets parser_err. */
#ifndef _TNA_PARSER_P4_
#define _TNA_PARSER_P4_

#define SET_WORDS(COUNT) words.set(8w ## COUNT);
#define TAKE_WORDS(COUNT) words.decrement(8w ## COUNT);
#define WORDS words.is_zero(), words.is_negative()
#define WORDS_NONE (true, _)
#define WORDS_MORE (false, false)

parser FullnatParser(packet_in packet, out headers_t hdr, out metadata_t m, out ingress_intrinsic_metadata_t ig_intr_md) {
    Checksum() ipv4_checksum;
    ParserCounter() words;

    state start {
        packet.extract(ig_intr_md);
        packet.advance(PORT_METADATA_SIZE);
        transition select(ig_intr_md.ingress_port) {
            CPU_PORT: parse_packet_out;
            default: parse_ethernet;
        }
    }

#include "../../core/parse/states.p4"

    state parse_ipv4_options {
        m.ip_fault = (bit<8>)DropReason.IPV4_OPTIONS;
        transition accept;
    }

#include OPTION_STATES
}

#endif

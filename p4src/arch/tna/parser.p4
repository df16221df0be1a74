/* TNA parser of what is received.
 *
 *   start -> packet_out? -> ethernet [-> vlan] -> arp
 *                                              -> ipv4 -> icmp | tcp -> the states of arch/layouts
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
            IPV6_ETHERTYPE
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
        transition select(hdr.vlan.type) {
            ETHERTYPE_IPV4: parse_ipv4;
            ETHERTYPE_ARP: parse_arp;
            IPV6_ETHERTYPE
            default: accept;
        }
    }

    state parse_arp {
        packet.extract(hdr.arp);
        m.addressed = hdr.arp.target_ip;
        transition accept;
    }

    IPV6_STATES

    state parse_ipv4 {
        packet.extract(hdr.ipv4);
        ipv4_checksum.add(hdr.ipv4);
        m.checksum_error = ipv4_checksum.verify();
        m.addressed = hdr.ipv4.dst;
        m.next_hop = hdr.ipv4.dst;
        transition select(hdr.ipv4.ihl, hdr.ipv4.more_fragments, hdr.ipv4.fragment_offset, hdr.ipv4.protocol) {
            (5, 0, 0, PROTO_TCP): parse_tcp;
            (5, 0, 0, PROTO_ICMP): parse_icmp;
            (5, _, _, _): accept;
            default: unparsed_ipv4;
        }
    }

    state unparsed_ipv4 {
        m.unparsed_ipv4 = true;
        transition accept;
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

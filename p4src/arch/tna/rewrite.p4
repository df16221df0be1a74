/* TNA, egress: its parser, which takes apart what is rewritten and begins the checksum, and what it counts. */
#ifndef _TNA_REWRITE_P4_
#define _TNA_REWRITE_P4_

/* TCP and UDP only if it is of a session: nothing else is rewritten above IPv4. */
parser RewriteParser(packet_in packet, out headers_t hdr, out metadata_t m, out egress_intrinsic_metadata_t eg_intr_md) {
    Checksum() l4_checksum;
    ParserCounter() words;

    state start {
        packet.extract(eg_intr_md);
        packet.extract(hdr.decision);
        READ_DECISION
        packet.extract(hdr.ethernet);
        packet.extract(hdr.ipv4);
        l4_checksum.subtract({ hdr.ipv4.src, hdr.ipv4.dst });
        transition select(hdr.decision.direction, hdr.ipv4.protocol) {
            (Direction.NONE, _): accept;
            (_, PROTO_UDP): parse_udp;
            default: parse_tcp;
        }
    }

    /* Without a checksum there is none to make. */
    state parse_udp {
        packet.extract(hdr.ports);
        packet.extract(hdr.udp);
        l4_checksum.subtract({ hdr.ports.src, hdr.ports.dst, hdr.udp.checksum });
        l4_checksum.subtract_all_and_deposit(m.target.l4_residual);
        transition select(hdr.udp.checksum) {
            0: accept;
            default: parse_udp_checksum;
        }
    }

    state parse_udp_checksum {
        m.target.update_udp = true;
        transition accept;
    }

    state parse_tcp {
        packet.extract(hdr.ports);
        packet.extract(hdr.tcp);
        m.target.received_ack = hdr.tcp.ack;
        m.target.update_tcp = true;
        l4_checksum.subtract({
            hdr.ports.src, hdr.ports.dst, hdr.tcp.seq, hdr.tcp.ack, hdr.tcp.data_offset, hdr.tcp.reserved,
            hdr.tcp.cwr, hdr.tcp.ece, hdr.tcp.urg, hdr.tcp.ack_flag, hdr.tcp.psh, hdr.tcp.rst, hdr.tcp.syn, hdr.tcp.fin,
            hdr.tcp.window, hdr.tcp.checksum, hdr.tcp.urgent
        });
        /* The options extracted from here on are subtracted as well. */
        l4_checksum.subtract_all_and_deposit(m.target.l4_residual);
        transition parse_options;
    }

#include OPTION_STATES
}

/* What became of TOA; last in egress. */
control CountToa(in bit<8> result) {
    @id(ID_C_TOA) @name(".toa_ctr")
    Counter<bit<64>, bit<8>>((bit<32>)(bit<8>)ToaResult.TOA_RESULTS, CounterType_t.PACKETS) toa_ctr;

    @hidden
    action count() { toa_ctr.count(result); }

    apply {
        if (result != (bit<8>)ToaResult.TOA_RESULTS) { count(); }
    }
}

#endif

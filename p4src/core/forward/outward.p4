/* Outward: what hosts inside send out, by rules of SNAT, and has no session yet.
 *
 * Asked behind NextHop, because rules go by the interface that a packet leaves by, too; and of what would leave alone, so that
 * sessions do not pay. What opens a session goes to the controller as it came in; what cannot be translated stays inside. What has
 * no next hop yet goes to the controller anyway, which knows the same rules. Reads m.flow and m.verdict; writes m.verdict. */
#ifndef _OUTWARD_P4_
#define _OUTWARD_P4_

#include "../target.p4"

control Outward(inout headers_t hdr, inout metadata_t m) {
    @id(ID_A_SNAT_PUNT) @name(".snat_punt")
    action snat_punt(@id(1) bit<8> flags) { m.verdict.service_flags = flags; }

    @id(ID_T_SNAT_MATCH) @name(".snat_match")
    table snat_match {
        key = {
            m.flow.protocol    : ternary @id(1) @name("protocol");
            m.flow.src         : ternary @id(2) @name("source");
            m.flow.dst         : ternary @id(3) @name("destination");
            m.flow.src_port    : range   @id(4) @name("source_port");
            m.flow.dst_port    : range   @id(5) @name("destination_port");
            m.ingress_port     : ternary @id(6) @name("port");
            m.verdict.out_port : ternary @id(7) @name("out_port");
        }
        actions = { snat_punt; @defaultonly NoAction; }
        const default_action = NoAction();
        size = MATCH_TABLE_SIZE;
    }

    @id(ID_T_SNAT_MATCH6) @name(".snat_match6")
    table snat_match6 {
        key = {
            m.flow.protocol    : ternary @id(1) @name("protocol");
            m.flow.src6        : ternary @id(2) @name("source");
            m.flow.dst6        : ternary @id(3) @name("destination");
            m.flow.src_port    : range   @id(4) @name("source_port");
            m.flow.dst_port    : range   @id(5) @name("destination_port");
            m.ingress_port     : ternary @id(6) @name("port");
            m.verdict.out_port : ternary @id(7) @name("out_port");
        }
        actions = { snat_punt; @defaultonly NoAction; }
        const default_action = NoAction();
        size = MATCH_TABLE_SIZE;
    }

    @hidden
    action pass() { }

    @hidden
    action drop(DropReason reason) { m.verdict.drop = (bit<8>)reason; }

    @hidden
    action drop_faulty() { m.verdict.drop = m.segment_fault; }

    /* The frame as it came in, but for its source: the controller sends it in once more. */
    @hidden
    action punt(PuntReason reason) {
        m.verdict.punt = (bit<8>)reason;
        hdr.ethernet.dst = m.port_mac;
    }

    /* Who may be told that a connection is gone is told, as by a service. What ICMP has besides requests answers what was never let
     * in, or tells of it. IPsec goes by the flow of IKE, and is of no rule itself. */
    @hidden
    table first_packet {
        key = {
            m.injected               : ternary;
            m.segment_fault          : ternary;
            hdr.icmp.isValid()       : ternary;
            hdr.icmpv6.isValid()     : ternary;
            hdr.udp.isValid()        : ternary;
            hdr.tcp.isValid()        : ternary;
            hdr.tcp.syn              : ternary;
            hdr.tcp.ack_flag         : ternary;
            hdr.tcp.rst              : ternary;
            m.verdict.service_flags  : ternary;
            hdr.ipv4.more_fragments  : ternary;
            hdr.ipv4.fragment_offset : ternary;
        }
        actions = { pass; drop; drop_faulty; punt; }
        const default_action = drop_faulty();
        const entries = {
            (true, 0, _, _, _, _, _, _, _, _, _, _)             : drop(DropReason.INJECT_MISS);
            (_, 0, true, _, _, _, _, _, _, _, _, _)             : drop(DropReason.NO_SESSION);
            (_, 0, _, true, _, _, _, _, _, _, _, _)             : drop(DropReason.NO_SESSION);
            (_, 0, _, _, true, _, _, _, _, _, _, _)             : punt(PuntReason.SNAT);
            (_, 0, _, _, _, true, 1, 0, _, _, _, _)             : punt(PuntReason.SNAT);
            (_, 0, _, _, _, true, _, _, 0, RESETS_ON_MISS, _, _) : punt(PuntReason.NO_SESSION);
            (_, 0, _, _, _, true, _, _, _, _, _, _)             : drop(DropReason.NO_SESSION);
            (_, 0, _, _, _, _, _, _, _, _, 0, 0)                : pass();
            (_, 0, _, _, _, _, _, _, _, _, _, _)                : drop(DropReason.FRAGMENT);
        }
    }

    apply {
        if (!m.own_packet && (IS_IPV6 ? hdr.ipv6.hop_limit : hdr.ipv4.ttl) > 1) {
            bool is_of_rule;
            if (IS_IPV6) { is_of_rule = snat_match6.apply().hit; } else { is_of_rule = snat_match.apply().hit; }
            if (is_of_rule) {
                if (IS_ECHO && m.flow.dst_port == 0 && !m.injected) { punt(PuntReason.SNAT); } else { first_packet.apply(); }
            }
        }
    }
}

#endif

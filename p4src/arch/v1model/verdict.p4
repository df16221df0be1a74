/* v1model: carries out m.verdict, counts what became of the packet, and talks to the controller. Last in ingress. */
#ifndef _V1MODEL_VERDICT_P4_
#define _V1MODEL_VERDICT_P4_

struct session_event_t {
    @id(1) bit<32> session_id;
    @id(2) bit<8>  direction;  /* Direction of the packet that set them */
    @id(3) bit<8>  events;     /* SessionEvent bits set for the first time, or withdrawn */
    @id(4) bit<32> seq;        /* end of what the client has sent, in the server's numbers; 0 = not known */
}

/* After Forward: the packet leaves by a port. */
#define FORWARDED (m.verdict.punt == 0 && m.verdict.drop == (bit<8>)DropReason.NONE)
/* And it leaves rewritten; so it goes to the controller, too, which only sends it on when it knows the neighbor. */
#define LEAVES_ROUTED (m.verdict.punt == (bit<8>)PuntReason.NO_NEIGHBOR || (FORWARDED && ROUTED))

control Verdict(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t standard_metadata) {
    @id(ID_C_DROP) @name(".drop_ctr")
    counter<bit<8>>((bit<32>)(bit<8>)DropReason.DROP_REASONS, CounterType.packets_and_bytes) drop_ctr;
    @id(ID_C_PUNT) @name(".punt_ctr")
    counter<bit<8>>((bit<32>)(bit<8>)PuntReason.PUNT_REASONS, CounterType.packets_and_bytes) punt_ctr;
    @id(ID_C_SERVER_IN) @name(".server_in_ctr")
    counter<server_id_t>(SERVER_TABLE_SIZE, CounterType.packets_and_bytes) server_in_ctr;
    @id(ID_C_SERVER_OUT) @name(".server_out_ctr")
    counter<server_id_t>(SERVER_TABLE_SIZE, CounterType.packets_and_bytes) server_out_ctr;

    @hidden
    action drop() {
        drop_ctr.count(m.verdict.drop);
        mark_to_drop(standard_metadata);
    }

    @hidden
    action punt() {
        punt_ctr.count(m.verdict.punt);
        hdr.packet_in.setValid();
        hdr.packet_in.reason = m.verdict.punt;
        hdr.packet_in.service_flags = m.verdict.service_flags;
        hdr.packet_in.ingress_port = m.priority | m.ingress_port;
        hdr.packet_in.session_id = m.session.direction == (bit<8>)Direction.STATELESS
            ? OF_SERVER | (bit<32>)m.session.server_id : (bit<32>)m.session.id;
        hdr.packet_in.seq = m.verdict.punt == (bit<8>)PuntReason.SESSION_SYN ? m.target.client_end : 0;
        standard_metadata.egress_spec = CPU_PORT;
        m.verdict.out_port = CPU_PORT;
    }

    /* The answer goes to who asked. */
    @hidden
    action tell_neighbor() {
        punt_ctr.count(m.verdict.punt);
        digest<neighbor_event_t>(1, { hdr.arp.target_ip, hdr.arp.target_mac, m.ingress_port });
        standard_metadata.egress_spec = (bit<9>)m.verdict.out_port;
    }

    @hidden
    action tell_neighbor6() {
        punt_ctr.count(m.verdict.punt);
        digest<neighbor_event6_t>(1, { hdr.ipv6.dst, m.answer.asker, m.ingress_port });
        standard_metadata.egress_spec = (bit<9>)m.verdict.out_port;
    }

    @hidden
    action forward() { standard_metadata.egress_spec = (bit<9>)m.verdict.out_port; }

    @hidden
    action forward_in() {
        forward();
        server_in_ctr.count(m.session.server_id);
    }

    @hidden
    action forward_out() {
        forward();
        server_out_ctr.count(m.session.server_id);
    }

    /* The frame leaves by a VLAN, with the priority that it had. */
    @hidden
    action tag() {
        hdr.tag.setValid();
        hdr.tag.priority = m.priority[31:29];
        hdr.tag.drop_eligible = m.priority[28:28];
        hdr.tag.vid = m.verdict.out_port[27:16];
        hdr.tag.type = hdr.ethernet.type;
        hdr.ethernet.type = ETHERTYPE_VLAN;
    }

    apply {
        if (m.verdict.punt != 0) {
            if (m.verdict.punt == (bit<8>)PuntReason.NEIGHBOR) {
                tell_neighbor();
            } else if (m.verdict.punt == (bit<8>)PuntReason.NEIGHBOR6) {
                tell_neighbor6();
            } else {
                punt();
            }
        } else if (m.verdict.drop != (bit<8>)DropReason.NONE) {
            drop();
        } else {
            if (m.session.direction & (bit<8>)Direction.IN != 0) {
                forward_in();
            } else if (m.session.direction == (bit<8>)Direction.OUT) {
                forward_out();
            } else {
                forward();
            }
        }
        if (m.verdict.out_port[27:16] != 0) { tag(); }
        if (m.target.new_events != 0) {
            digest<session_event_t>(1, {
                (bit<32>)m.session.id, m.session.direction, TOLD_EVENTS, m.target.client_end
            });
        }
    }
}

/* What became of TOA in what leaves, if it should carry it. */
control CountToa(in bit<8> toa_result) {
    @id(ID_C_TOA) @name(".toa_ctr")
    counter<bit<8>>((bit<32>)(bit<8>)ToaResult.TOA_RESULTS, CounterType.packets) toa_ctr;

    apply { toa_ctr.count(toa_result); }
}

#endif

/* TNA: carries out m.verdict, counts what became of the packet, and talks to the controller. Last in ingress; what became of
 * TOA, Rewrite counts. */
#ifndef _TNA_VERDICT_P4_
#define _TNA_VERDICT_P4_

#define DIGEST_SESSION_EVENT 1
#define DIGEST_NEIGHBOR_EVENT 2

control Verdict(inout headers_t hdr, inout metadata_t m,
                inout ingress_intrinsic_metadata_for_deparser_t ig_dprsr_md,
                inout ingress_intrinsic_metadata_for_tm_t ig_tm_md) {
    SendDecision() send_decision;

    @id(ID_C_DROP) @name(".drop_ctr")
    Counter<bit<64>, bit<8>>((bit<32>)(bit<8>)DropReason.DROP_REASONS, CounterType_t.PACKETS_AND_BYTES) drop_ctr;
    @id(ID_C_PUNT) @name(".punt_ctr")
    Counter<bit<64>, bit<8>>((bit<32>)(bit<8>)PuntReason.PUNT_REASONS, CounterType_t.PACKETS_AND_BYTES) punt_ctr;
    @id(ID_C_SERVER_IN) @name(".server_in_ctr")
    Counter<bit<32>, server_id_t>(SERVER_TABLE_SIZE, CounterType_t.PACKETS_AND_BYTES) server_in_ctr;
    @id(ID_C_SERVER_OUT) @name(".server_out_ctr")
    Counter<bit<32>, server_id_t>(SERVER_TABLE_SIZE, CounterType_t.PACKETS_AND_BYTES) server_out_ctr;
    @hidden
    action drop() {
        drop_ctr.count(m.verdict.drop);
        ig_dprsr_md.drop_ctl = 1;
    }

    @hidden
    action punt() {
        punt_ctr.count(m.verdict.punt);
        ig_tm_md.ucast_egress_port = CPU_PORT;
    }

    /* The answer goes to who asked, and the controller is told by digest. */
    @hidden
    action answer() {
        punt_ctr.count(m.verdict.punt);
        ig_tm_md.ucast_egress_port = m.verdict.out_port[8:0];
    }

    @hidden
    table send_up {
        key = { m.verdict.punt : ternary; }
        actions = { answer; punt; }
        const entries = {
            PuntReason.NEIGHBOR : answer();
            _                   : punt();
        }
    }

    @hidden
    action add_packet_in() {
        hdr.packet_in.setValid();
        hdr.packet_in.reason = m.verdict.punt;
        hdr.packet_in.service_flags = m.verdict.service_flags;
        hdr.packet_in.ingress_port = m.ingress_port;
        hdr.packet_in.session_id = (bit<32>)m.session.id;
    }

    @hidden
    action forward() { ig_tm_md.ucast_egress_port = m.verdict.out_port[8:0]; }

    @hidden
    action notify() {
        ig_dprsr_md.digest_type = DIGEST_SESSION_EVENT;
        m.target.event.session_id = (bit<32>)m.session.id;
        m.target.event.direction = m.session.direction;
        m.target.event.events = m.target.new_events | m.target.unjudged;
    }

    @hidden
    action tell_neighbor() { ig_dprsr_md.digest_type = DIGEST_NEIGHBOR_EVENT; }

    @hidden
    action count_in() { server_in_ctr.count(m.session.server_id); }
    @hidden
    action count_out() { server_out_ctr.count(m.session.server_id); }

    apply {
        ig_tm_md.bypass_egress = 1;
        hdr.packet_out.setInvalid();
        if (m.verdict.punt != 0 && m.target.colour != METER_RED) {
            send_up.apply();
            if (m.target.punted == 0 && m.verdict.punt != (bit<8>)PuntReason.NEIGHBOR) { add_packet_in(); }
        } else if (m.verdict.drop != (bit<8>)DropReason.NONE) {
            drop();
        } else {
            forward();
            if (m.session.direction == (bit<8>)Direction.IN) { count_in(); }
            if (m.session.direction == (bit<8>)Direction.OUT) { count_out(); }
        }
        if (m.target.punted == 1 || (hdr.ipv4.isValid() && m.verdict.drop == (bit<8>)DropReason.NONE && m.verdict.punt == 0)) {
            ig_tm_md.bypass_egress = 0;
            send_decision.apply(hdr, m);
        }
        /* Never both; by itself, tell_neighbor() would have notify() wait a stage. */
        if (m.target.new_events != 0) {
            notify();
        } else if (m.verdict.punt == (bit<8>)PuntReason.NEIGHBOR && m.target.colour != METER_RED) {
            tell_neighbor();
        }
    }
}

#endif

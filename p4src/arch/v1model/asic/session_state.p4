/* v1model in the ASIC's order: the registers of arch/v1model/session_state.p4, each accessed where the ASIC does. */
#ifndef _V1MODEL_ASIC_SESSION_STATE_P4_
#define _V1MODEL_ASIC_SESSION_STATE_P4_

control SegmentEnd(inout headers_t hdr, inout metadata_t m) {
    apply {
        m.target.end_seq = hdr.tcp.seq + (bit<32>)m.length.payload;
        if (hdr.tcp.syn == 1 || hdr.tcp.fin == 1) { m.target.end_seq = m.target.end_seq + 1; }
    }
}

control SessionState(inout headers_t hdr, inout metadata_t m) {
    @id(ID_R_EVENTS) @name(".events")
    register<bit<16>, session_id_t>(SESSION_TABLE_SIZE) events;

    @hidden
    action note(session_id_t i) {
        bit<16> seen;
        events.read(seen, i);
        seen = m.new_session ? 0 : seen;
        m.target.seen = (bit<8>)seen;
        bool early = m.target.set_events == (bit<8>)SessionEvent.ESTABLISHED && seen == 0;
        events.write(i, early ? 0 : seen | (bit<16>)m.target.set_events);
    }

    apply {
        if (m.verdict.punt == 0) { note(m.session.id); }
    }
}

control FirstDataSeq(inout headers_t hdr, inout metadata_t m) {
    @id(ID_R_FIRST_DATA_SEQ) @name(".first_data_seq")
    register<bit<32>, session_id_t>(SESSION_TABLE_SIZE) first_data_seq;

    @hidden
    action start(session_id_t i) { first_data_seq.write(i, hdr.tcp.seq + 1); }

    @hidden
    action compare(session_id_t i) {
        bit<32> first;
        first_data_seq.read(first, i);
        m.target.acks_first = hdr.tcp.ack == first ? 1w1 : 0;
    }

    apply {
        if (m.session.direction == (bit<8>)Direction.IN) {
            compare(m.session.id);
        } else if (!m.reset && hdr.decision.established == 0 && hdr.tcp.rst == 0 && hdr.tcp.ack_flag == 1 && hdr.tcp.syn == 1) {
            start(m.session.id);
        }
    }
}

control ServerSeq(inout headers_t hdr, inout metadata_t m) {
    @id(ID_R_SERVER_END_SEQ) @name(".server_end_seq")
    register<bit<32>, session_id_t>(SESSION_TABLE_SIZE) server_end_seq;
    @id(ID_R_SERVER_ACK_SEQ) @name(".server_ack_seq")
    register<bit<32>, session_id_t>(SESSION_TABLE_SIZE) server_ack_seq;

    @hidden
    action start(session_id_t i) {
        server_end_seq.write(i, hdr.decision.end_seq);
        server_ack_seq.write(i, m.target.received_ack);
    }

    @hidden
    action follow(session_id_t i) {
        bit<32> end;
        bit<32> ack;
        server_end_seq.read(end, i);
        server_ack_seq.read(ack, i);
        server_end_seq.write(i, (int<32>)(hdr.decision.end_seq - end) > 0 ? hdr.decision.end_seq : end);
        server_ack_seq.write(i, (int<32>)(m.target.received_ack - ack) > 0 ? m.target.received_ack : ack);
    }

    apply {
        if (m.reset) {
            if (m.session.direction == (bit<8>)Direction.IN) {
                server_ack_seq.read(hdr.tcp.seq, m.session.id);
            } else {
                server_end_seq.read(hdr.tcp.seq, m.session.id);
            }
        } else if (m.session.direction == (bit<8>)Direction.OUT && hdr.tcp.rst == 0 && hdr.tcp.ack_flag == 1) {
            if (hdr.tcp.syn == 1 && hdr.decision.established == 0) { start(m.session.id); } else { follow(m.session.id); }
        }
    }
}

#endif

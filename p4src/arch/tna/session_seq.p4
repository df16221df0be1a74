/* TNA, egress: the per-session registers of sequence numbers, one access to each a packet; see arch/v1model/session_state.p4
 * for what they hold. */
#ifndef _TNA_SESSION_SEQ_P4_
#define _TNA_SESSION_SEQ_P4_

/* direction, reset, RST, ACK, SYN, established */
#define SEGMENT \
        m.session.direction : ternary; \
        m.reset : ternary; \
        hdr.tcp.rst : ternary; \
        hdr.tcp.ack_flag : ternary; \
        hdr.tcp.syn : ternary; \
        hdr.decision.established : ternary;
#define SEG_FROM_CLIENT ((bit<8>)Direction.IN, _, _, _, _, _)
#define SEG_RESET_SERVER ((bit<8>)Direction.IN, true, _, _, _, _)
#define SEG_RESET_CLIENT ((bit<8>)Direction.OUT, true, _, _, _, _)
#define SEG_SYN_ACK ((bit<8>)Direction.OUT, false, 0, 1, 1, 0)
/* A SYN-ACK of an established session included: it begins nothing. */
#define SEG_FROM_SERVER ((bit<8>)Direction.OUT, false, 0, 1, _, _)

control FirstDataSeqBank(inout headers_t hdr, inout metadata_t m) {
    Register<bit<32>, bank_index_t>(BANK_SIZE) first_data_seq;

    RegisterAction<bit<32>, bank_index_t, bit<32>>(first_data_seq) start = {
        void apply(inout bit<32> value) { value = hdr.tcp.seq + 1; }
    };
    RegisterAction<bit<32>, bank_index_t, bit<1>>(first_data_seq) compare = {
        void apply(inout bit<32> value, out bit<1> same) {
            if (value == hdr.tcp.ack) { same = 1; } else { same = 0; }
        }
    };

    @hidden
    action do_start() { start.execute(INDEX); }
    @hidden
    action do_compare() { m.target.acks_first = compare.execute(INDEX); }

    @hidden
    PLACE_FIRST_DATA_SEQ
    table use_first_data_seq {
        key = { SEGMENT }
        actions = { do_start; do_compare; NoAction; }
        const default_action = NoAction();
        const entries = {
            SEG_FROM_CLIENT : do_compare();
            SEG_SYN_ACK : do_start();
        }
        size = 2;
    }

    apply { use_first_data_seq.apply(); }
}

/* Before Rewrite, which wants to know whether TOA is due. Writes m.target.acks_first. */
control FirstDataSeq(inout headers_t hdr, inout metadata_t m) {
    BANKS(FirstDataSeqBank)

    apply { APPLY_BANK }
}

control ServerSeqBank(inout headers_t hdr, inout metadata_t m) {
    Register<bit<32>, bank_index_t>(BANK_SIZE) server_end_seq;
    Register<bit<32>, bank_index_t>(BANK_SIZE) server_ack_seq;

    RegisterAction<bit<32>, bank_index_t, bit<32>>(server_end_seq) start_end = {
        void apply(inout bit<32> value) { value = hdr.decision.end_seq; }
    };
    RegisterAction<bit<32>, bank_index_t, bit<32>>(server_end_seq) follow_end = {
        void apply(inout bit<32> value) {
            if ((int<32>)(hdr.decision.end_seq - value) > 0) { value = hdr.decision.end_seq; }
        }
    };
    RegisterAction<bit<32>, bank_index_t, bit<32>>(server_end_seq) get_end = {
        void apply(inout bit<32> value, out bit<32> end) { end = value; }
    };
    RegisterAction<bit<32>, bank_index_t, bit<32>>(server_ack_seq) start_ack = {
        void apply(inout bit<32> value) { value = m.target.received_ack; }
    };
    RegisterAction<bit<32>, bank_index_t, bit<32>>(server_ack_seq) follow_ack = {
        void apply(inout bit<32> value) {
            if ((int<32>)(m.target.received_ack - value) > 0) { value = m.target.received_ack; }
        }
    };
    RegisterAction<bit<32>, bank_index_t, bit<32>>(server_ack_seq) get_ack = {
        void apply(inout bit<32> value, out bit<32> ack) { ack = value; }
    };

    @hidden
    action do_start_end() { start_end.execute(INDEX); }
    @hidden
    action do_follow_end() { follow_end.execute(INDEX); }
    @hidden
    action do_get_end() { hdr.tcp.seq = get_end.execute(INDEX); }
    @hidden
    action do_start_ack() { start_ack.execute(INDEX); }
    @hidden
    action do_follow_ack() { follow_ack.execute(INDEX); }
    @hidden
    action do_get_ack() { hdr.tcp.seq = get_ack.execute(INDEX); }

    @hidden
    PLACE_SERVER_END_SEQ
    table use_server_end_seq {
        key = { SEGMENT }
        actions = { do_start_end; do_follow_end; do_get_end; NoAction; }
        const default_action = NoAction();
        const entries = {
            SEG_RESET_CLIENT : do_get_end();
            SEG_SYN_ACK : do_start_end();
            SEG_FROM_SERVER : do_follow_end();
        }
        size = 3;
    }

    @hidden
    PLACE_SERVER_ACK_SEQ
    table use_server_ack_seq {
        key = { SEGMENT }
        actions = { do_start_ack; do_follow_ack; do_get_ack; NoAction; }
        const default_action = NoAction();
        const entries = {
            SEG_RESET_SERVER : do_get_ack();
            SEG_SYN_ACK : do_start_ack();
            SEG_FROM_SERVER : do_follow_ack();
        }
        size = 3;
    }

    apply {
        use_server_end_seq.apply();
        use_server_ack_seq.apply();
    }
}

/* After Rewrite, in the last stages: a reset leaves with one of them as its seq. */
control ServerSeq(inout headers_t hdr, inout metadata_t m) {
    BANKS(ServerSeqBank)

    apply { APPLY_BANK }
}

/* The sequence number behind the segment; in ingress and early, as it depends on no lookup. */
control SegmentEnd(inout headers_t hdr, inout metadata_t m) {
    /* From a container of 16 bits to one of 32, which only the hash unit can do. */
    Hash<bit<32>>(HashAlgorithm_t.IDENTITY) widen;

    @hidden
    action start() { m.target.occupied = widen.get(m.length.payload); }
    @hidden
    action count_flag() { m.target.occupied = m.target.occupied + 1; }
    @hidden
    action end() { m.target.end_seq = hdr.tcp.seq + m.target.occupied; }

    apply {
        start();
        if (hdr.tcp.syn == 1 || hdr.tcp.fin == 1) { count_flag(); }
        end();
    }
}

#endif

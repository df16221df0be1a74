/* TNA: the per-session registers, one access to each a packet; see arch/v1model/session_state.p4 for what they hold.
 *
 * A register array is bounded by the memory of one stage, so a chip with more sessions has two banks of each, chosen by the
 * top bit of the session id. */
#ifndef _TNA_SESSION_STATE_P4_
#define _TNA_SESSION_STATE_P4_

typedef bit<STATE_BANK_BITS> bank_index_t;

control SessionStateBank(inout headers_t hdr, inout metadata_t m) {
    Register<bit<8>, bank_index_t>(1 << STATE_BANK_BITS) events;
    Register<bit<32>, bank_index_t>(1 << STATE_BANK_BITS) first_data_seq;
    Register<bit<32>, bank_index_t>(1 << STATE_BANK_BITS) server_end_seq;
    Register<bit<32>, bank_index_t>(1 << STATE_BANK_BITS) server_ack_seq;

    RegisterAction<bit<8>, bank_index_t, bit<8>>(events) note = {
        void apply(inout bit<8> value, out bit<8> seen) {
            seen = value;
            value = value | m.state.set_events;
        }
    };
    RegisterAction<bit<8>, bank_index_t, bit<8>>(events) note_first = {
        void apply(inout bit<8> value, out bit<8> seen) {
            seen = 0;
            value = m.state.set_events;
        }
    };
    RegisterAction<bit<32>, bank_index_t, bit<32>>(first_data_seq) start_first = {
        void apply(inout bit<32> value) { value = hdr.tcp.seq + 1; }
    };
    RegisterAction<bit<32>, bank_index_t, bit<1>>(first_data_seq) compare_first = {
        void apply(inout bit<32> value, out bit<1> same) {
            if (value == hdr.tcp.ack) { same = 1; } else { same = 0; }
        }
    };
    RegisterAction<bit<32>, bank_index_t, bit<32>>(server_end_seq) start_end = {
        void apply(inout bit<32> value) { value = m.target.end_seq; }
    };
    RegisterAction<bit<32>, bank_index_t, bit<32>>(server_end_seq) follow_end = {
        void apply(inout bit<32> value) {
            if ((int<32>)(m.target.end_seq - value) > 0) { value = m.target.end_seq; }
        }
    };
    RegisterAction<bit<32>, bank_index_t, bit<32>>(server_end_seq) get_end = {
        void apply(inout bit<32> value, out bit<32> end) { end = value; }
    };
    RegisterAction<bit<32>, bank_index_t, bit<32>>(server_ack_seq) start_ack = {
        void apply(inout bit<32> value) { value = hdr.tcp.ack; }
    };
    RegisterAction<bit<32>, bank_index_t, bit<32>>(server_ack_seq) follow_ack = {
        void apply(inout bit<32> value) {
            if ((int<32>)(hdr.tcp.ack - value) > 0) { value = hdr.tcp.ack; }
        }
    };
    RegisterAction<bit<32>, bank_index_t, bit<32>>(server_ack_seq) get_ack = {
        void apply(inout bit<32> value, out bit<32> ack) { ack = value; }
    };

#define INDEX m.session.id[STATE_BANK_BITS - 1 : 0]

    @hidden
    action do_note() { m.target.seen = note.execute(INDEX); }
    @hidden
    action do_note_first() { m.target.seen = note_first.execute(INDEX); }
    @hidden
    action do_start_first() { start_first.execute(INDEX); }
    @hidden
    action do_compare_first() { m.target.acks_first = compare_first.execute(INDEX); }
    @hidden
    action do_start_end() { start_end.execute(INDEX); }
    @hidden
    action do_follow_end() { follow_end.execute(INDEX); }
    @hidden
    action do_get_end() { m.state.reset_seq = get_end.execute(INDEX); }
    @hidden
    action do_start_ack() { start_ack.execute(INDEX); }
    @hidden
    action do_follow_ack() { follow_ack.execute(INDEX); }
    @hidden
    action do_get_ack() { m.state.reset_seq = get_ack.execute(INDEX); }

/* direction, reset, RST, ACK, SYN */
#define SEGMENT \
        m.session.direction : ternary; \
        m.reset : ternary; \
        hdr.tcp.rst : ternary; \
        hdr.tcp.ack_flag : ternary; \
        hdr.tcp.syn : ternary;
#define SEG_FROM_CLIENT ((bit<8>)Direction.IN, _, _, _, _)
#define SEG_RESET_SERVER ((bit<8>)Direction.IN, true, _, _, _)
#define SEG_RESET_CLIENT ((bit<8>)Direction.OUT, true, _, _, _)
#define SEG_SYN_ACK ((bit<8>)Direction.OUT, false, 0, 1, 1)
#define SEG_FROM_SERVER ((bit<8>)Direction.OUT, false, 0, 1, 0)

    @hidden
    table use_events {
        key = { m.new_session : exact; }
        actions = { do_note; do_note_first; }
        const entries = {
            false : do_note();
            true : do_note_first();
        }
        size = 2;
    }

    @hidden
    table use_first_data_seq {
        key = { SEGMENT }
        actions = { do_start_first; do_compare_first; NoAction; }
        const default_action = NoAction();
        const entries = {
            SEG_FROM_CLIENT : do_compare_first();
            SEG_SYN_ACK : do_start_first();
        }
        size = 2;
    }

    @hidden
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
        use_events.apply();
        use_first_data_seq.apply();
        use_server_end_seq.apply();
        use_server_ack_seq.apply();
    }
}

/* The sequence number behind the segment; early, as it depends on no lookup. */
control SegmentEnd(inout headers_t hdr, inout metadata_t m) {
    /* From a container of 16 bits to one of 32, which only the hash unit can do. */
    Hash<bit<32>>(HashAlgorithm_t.IDENTITY) widen;

    @hidden
    action start() { m.target.occupied = widen.get(m.state.payload_len); }
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

control SessionState(inout headers_t hdr, inout metadata_t m) {
    SessionStateBank() bank_0;
#if SESSION_ID_BITS > STATE_BANK_BITS
    SessionStateBank() bank_1;
#endif

    apply {
#if SESSION_ID_BITS > STATE_BANK_BITS
        if (m.session.id[STATE_BANK_BITS : STATE_BANK_BITS] == 1) { bank_1.apply(hdr, m); } else { bank_0.apply(hdr, m); }
#else
        bank_0.apply(hdr, m);
#endif
        m.state.new_events = m.state.set_events & ~m.target.seen;
    }
}

#endif

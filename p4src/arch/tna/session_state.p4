/* TNA, ingress: which events a session has seen, one access a packet; see arch/v1model/session_state.p4. The registers of
 * sequence numbers are in egress (session_seq.p4), where there are stages left. */
#ifndef _TNA_SESSION_STATE_P4_
#define _TNA_SESSION_STATE_P4_

control EventsBank(inout headers_t hdr, inout metadata_t m) {
    Register<bit<8>, bank_index_t>(BANK_SIZE) events;

    /* The client's ACK is news of a connection only when there is one. Told by the register and not by a table, which would
     * take TCAM where the routes need all that a stage has. */
    RegisterAction<bit<8>, bank_index_t, bit<8>>(events) note = {
        void apply(inout bit<8> value, out bit<8> seen) {
            seen = value;
            if (value != 0 || m.target.set_events != (bit<8>)SessionEvent.ESTABLISHED) { value = value | m.target.set_events; }
        }
    };
    RegisterAction<bit<8>, bank_index_t, bit<8>>(events) note_first = {
        void apply(inout bit<8> value, out bit<8> seen) {
            seen = 0;
            value = m.target.set_events;
        }
    };

    @hidden
    action do_note() { m.target.seen = note.execute(INDEX); }
    @hidden
    action do_note_first() { m.target.seen = note_first.execute(INDEX); }

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

    apply { use_events.apply(); }
}

/* Writes m.target.seen, of which NewEvents makes news. */
control SessionState(inout headers_t hdr, inout metadata_t m) {
    BANKS(EventsBank)

    apply {
        if (m.verdict.punt == 0) { APPLY_BANK }
    }
}

#endif

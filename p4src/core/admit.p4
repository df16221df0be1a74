/* Admit: which segments of a session are translated, and what news of the session they are.
 *
 * A client's SYN on a session goes to the controller, which alone knows whether it is a retransmission; it comes back
 * injected. So does a segment whose options this target cannot edit. What is not admitted is no news either, nor is a FIN
 * without ACK, which no receiver takes (RFC 9293 3.10.7.4). After Session. Reads hdr, m.session, m.segment_fault and
 * m.*options*; writes m.verdict, and m.state.set_events and m.state.unjudged for SessionState. */
#ifndef _ADMIT_P4_
#define _ADMIT_P4_

control Admit(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action drop_faulty() { m.verdict.drop = m.segment_fault; }

    @hidden
    action punt(PuntReason reason, bit<8> flags) {
        m.verdict.punt = (bit<8>)reason;
        m.verdict.service_flags = flags;
    }

    @hidden
    action admit() { }

    @hidden
    action tell(SessionEvent event) { m.state.set_events = (bit<8>)event; }

    @hidden
    action tell_end(SessionEvent event) {
        m.state.set_events = (bit<8>)event;
        m.state.unjudged = (bit<8>)SessionEvent.UNJUDGED;
    }

    @hidden
    table segment {
        key = {
            m.segment_fault     : ternary;
            m.odd_options       : ternary;
            m.options_edited    : ternary;
            m.injected          : ternary;
            m.new_session       : ternary;
            m.reset             : ternary;
            m.session.direction : ternary;
            hdr.tcp.rst         : ternary;
            hdr.tcp.fin         : ternary;
            hdr.tcp.syn         : ternary;
            hdr.tcp.ack_flag    : ternary;
        }
        actions = { drop_faulty; punt; admit; tell; tell_end; }
        const default_action = drop_faulty();
        const entries = {
            (0, _, _, false, _, _, Direction.IN, _, _, 1, 0)   : punt(PuntReason.SESSION_SYN, 0);
            (0, true, false, _, true, _, _, _, _, _, _)        : punt(PuntReason.OPTIONS, (bit<8>)PacketOutFlag.NEW_SESSION);
            (0, true, false, _, _, _, _, _, _, _, _)           : punt(PuntReason.OPTIONS, 0);
            /* The controller's own RST is no news to it. */
            (0, _, _, _, _, true, _, _, _, _, _)               : admit();
            (0, _, _, _, _, _, Direction.IN, 1, _, _, _)       : tell_end(SessionEvent.RST_IN);
            (0, _, _, _, _, _, Direction.IN, _, 1, _, 1)       : tell_end(SessionEvent.FIN_IN);
            (0, _, _, _, _, _, Direction.IN, _, _, 0, 1)       : tell(SessionEvent.ESTABLISHED);
            (0, _, _, _, _, _, Direction.OUT, 1, _, _, _)      : tell_end(SessionEvent.RST_OUT);
            (0, _, _, _, _, _, Direction.OUT, _, 1, _, 1)      : tell_end(SessionEvent.FIN_OUT);
            (0, _, _, _, _, _, Direction.OUT, _, _, 1, 1)      : tell(SessionEvent.SYN_ACK);
            (0, _, _, _, _, _, _, _, _, _, _)                  : admit();
        }
    }

    apply { segment.apply(); }
}

#endif

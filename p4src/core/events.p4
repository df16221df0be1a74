/* SegmentEvents: the SessionEvent bits that a segment stands for. Writes m.state.set_events. */
#ifndef _EVENTS_P4_
#define _EVENTS_P4_

control SegmentEvents(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action set(SessionEvent event) { m.state.set_events = (bit<8>)event; }

    @hidden
    action nothing_new() { m.state.set_events = 0; }

    @hidden
    table segment_events {
        key = {
            m.reset             : ternary;
            m.session.direction : ternary;
            hdr.tcp.rst         : ternary;
            hdr.tcp.fin         : ternary;
            hdr.tcp.syn         : ternary;
            hdr.tcp.ack_flag    : ternary;
        }
        actions = { nothing_new; set; }
        const default_action = nothing_new();
        const entries = {
            /* The controller's own RST is no news to it. */
            (true, _, _, _, _, _)             : nothing_new();
            (_, Direction.IN, 1, _, _, _)     : set(SessionEvent.RST_IN);
            (_, Direction.IN, _, 1, _, _)     : set(SessionEvent.FIN_IN);
            (_, Direction.IN, _, _, 0, 1)     : set(SessionEvent.ESTABLISHED);
            (_, Direction.OUT, 1, _, _, _)    : set(SessionEvent.RST_OUT);
            (_, Direction.OUT, _, 1, _, _)    : set(SessionEvent.FIN_OUT);
            (_, Direction.OUT, _, _, 1, 1)    : set(SessionEvent.SYN_ACK);
        }
    }

    apply { segment_events.apply(); }
}

#endif

/* SegmentEvents: the SessionEvent bits that a segment stands for. Writes m.state.set_events. */
#ifndef _EVENTS_P4_
#define _EVENTS_P4_

control SegmentEvents(inout headers_t hdr, inout metadata_t m) {
    apply {
        if (m.reset) {
            /* The controller's own RST is no news to it. */
            m.state.set_events = 0;
        } else if (m.session.direction == (bit<8>)Direction.IN) {
            if (hdr.tcp.rst == 1) {
                m.state.set_events = (bit<8>)SessionEvent.RST_IN;
            } else if (hdr.tcp.fin == 1) {
                m.state.set_events = (bit<8>)SessionEvent.FIN_IN;
            } else if (hdr.tcp.syn == 0 && hdr.tcp.ack_flag == 1) {
                m.state.set_events = (bit<8>)SessionEvent.ESTABLISHED;
            }
        } else {
            if (hdr.tcp.rst == 1) {
                m.state.set_events = (bit<8>)SessionEvent.RST_OUT;
            } else if (hdr.tcp.fin == 1) {
                m.state.set_events = (bit<8>)SessionEvent.FIN_OUT;
            } else if (hdr.tcp.syn == 1 && hdr.tcp.ack_flag == 1) {
                m.state.set_events = (bit<8>)SessionEvent.SYN_ACK;
            }
        }
    }
}

#endif

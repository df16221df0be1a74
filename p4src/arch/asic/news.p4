/* ASIC, ingress: what a segment of a session is news of. Its registers do not judge whether the segment is acceptable to its
 * receiver; SegmentNews says what it would tell, before SessionState, and NewEvents, after it, what of this had not been told. */
#ifndef _ASIC_NEWS_P4_
#define _ASIC_NEWS_P4_

#include "../../core/target.p4"

/* What the client acknowledges, the server has to have sent. */
#define EARLY_ACK (m.target.set_events == (bit<8>)SessionEvent.ESTABLISHED)
/* As if it had all been told: so it is if the segment never comes to the registers. */
#define ALL_SEEN 0xff

control SegmentNews(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action no_news() { }

    @hidden
    action tell(SessionEvent event) {
        m.target.set_events = (bit<8>)event;
        m.target.seen = ALL_SEEN;
    }

    @hidden
    action tell_end(SessionEvent event) {
        m.target.set_events = (bit<8>)event;
        m.target.unjudged = (bit<8>)SessionEvent.UNJUDGED;
        m.target.seen = ALL_SEEN;
    }

    /* A FIN without ACK is none, as no receiver takes it (RFC 9293 3.10.7.4); nor is the controller's own RST. */
    @hidden
    table news_rules {
        key = {
            m.reset             : ternary;
            hdr.udp.isValid()   : ternary;
            m.session.direction : ternary;
            hdr.tcp.rst         : ternary;
            hdr.tcp.fin         : ternary;
            hdr.tcp.syn         : ternary;
            hdr.tcp.ack_flag    : ternary;
        }
        actions = { no_news; tell; tell_end; }
        const default_action = no_news();
        const entries = {
            (true, _, _, _, _, _, _)             : no_news();
            (_, true, Direction.OUT, _, _, _, _) : tell(SessionEvent.SYN_ACK);
            (_, true, _, _, _, _, _)             : no_news();
            (_, _, Direction.IN, 1, _, _, _)     : tell_end(SessionEvent.RST_IN);
            (_, _, Direction.IN, _, 1, _, 1)     : tell_end(SessionEvent.FIN_IN);
            (_, _, Direction.IN, _, _, 0, 1)     : tell(SessionEvent.ESTABLISHED);
            (_, _, Direction.OUT, 1, _, _, _)    : tell_end(SessionEvent.RST_OUT);
            (_, _, Direction.OUT, _, 1, _, 1)    : tell_end(SessionEvent.FIN_OUT);
            (_, _, Direction.OUT, _, _, 1, 1)    : tell(SessionEvent.SYN_ACK);
        }
    }

    apply { news_rules.apply(); }
}

control NewEvents(inout metadata_t m) {
    apply {
        if (m.target.set_events != 0 && !(EARLY_ACK && !SERVER_ANSWERED)) {
            m.target.new_events = m.target.set_events & ~m.target.seen;
        }
    }
}

#endif

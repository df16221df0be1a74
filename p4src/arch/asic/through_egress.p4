/* ASIC, ingress: what egress is told, which rewrites the packet. */
#ifndef _ASIC_THROUGH_EGRESS_P4_
#define _ASIC_THROUGH_EGRESS_P4_

#include "../../core/target.p4"

/* After Forward. */
control ThroughEgress(inout metadata_t m) {
    @hidden
    action without_toa() { }

    @hidden
    action with_toa() { m.target.toa_fits = 1; }

    @hidden
    action to_controller() {
        m.target.punted = 1;
        m.target.toa_fits = 1;
    }

    /* What the rewrite must know, and cannot find out. A packet without neighbor goes to the controller as it will leave,
     * checksums and all, for the controller only sends it on. */
    @hidden
    table through_egress {
        key = {
            m.verdict.punt   : ternary;
            m.route.toa_room : ternary;
        }
        actions = { without_toa; with_toa; to_controller; }
        const default_action = with_toa();
        const entries = {
            (PuntReason.NO_NEIGHBOR, _) : to_controller();
            (_, 0)                      : without_toa();
        }
    }

    apply { through_egress.apply(); }
}

/* At the end of ingress, if the packet is routed, or punted rewritten. */
control SendDecision(inout headers_t hdr, in metadata_t m) {
    @hidden
    action send() {
        hdr.decision.setValid();
        hdr.decision.direction = m.session.direction;
        hdr.decision.flags = m.session.flags;
        hdr.decision.punted = m.target.punted;
        hdr.decision.toa_fits = m.target.toa_fits;
        hdr.decision.answered = (bit<1>)m.target.seen; /* SessionEvent.SYN_ACK is 1 */
        hdr.decision.established = m.target.seen[1:1]; /* SessionEvent.ESTABLISHED is 2 */
        hdr.decision.reset = (bit<1>)m.reset;
        hdr.decision.options_edited = (bit<1>)m.options_edited;
        hdr.decision.ingress_port = m.ingress_port;
        hdr.decision.src_port = m.session.src_port;
        hdr.decision.dst_port = m.session.dst_port;
        hdr.decision.src = m.session.src;
        hdr.decision.dst = m.session.dst;
        SEND_DECISION6(m.session.src6, m.session.dst6)
        hdr.decision.delta = m.session.delta;
        hdr.decision.end_seq = m.target.end_seq;
        hdr.decision.session_id = m.session.id;
    }

    /* In full, as a header that nothing was written to would not be sent. */
    @hidden
    action send_plain() {
        hdr.decision.setValid();
        hdr.decision.direction = (bit<8>)Direction.NONE;
        hdr.decision.flags = 0;
        hdr.decision.punted = m.target.punted;
        hdr.decision.toa_fits = 0;
        hdr.decision.answered = 0;
        hdr.decision.established = 0;
        hdr.decision.reset = 0;
        hdr.decision.options_edited = 0;
        hdr.decision.ingress_port = m.ingress_port;
        hdr.decision.src_port = 0;
        hdr.decision.dst_port = 0;
        hdr.decision.src = 0;
        hdr.decision.dst = 0;
        SEND_DECISION6(0, 0)
        hdr.decision.delta = 0;
        hdr.decision.end_seq = 0;
        hdr.decision.session_id = 0;
    }

    apply { if (IN_SESSION) { send(); } else { send_plain(); } }
}

#endif

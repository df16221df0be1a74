/* ASIC, ingress: what shall become of a packet, in the order that an ASIC has stages for.
 *
 *   Session, Measure, Port, Addressee - Validate, Server, Service -+- TCP: hit: Admit --+- SessionState, Route - NextHop
 *                                                                  |       miss: Miss --+                      |
 *                                                                  +- else: Local ------+          PuntLimit, Forward
 *
 * The same controls as in fullnat_v1model.p4. Lookups that depend on nothing come first and unconditionally, because an
 * ASIC has few stages one after another and much width: a segment that Validate drops has counted as a hit of its session.
 * Between Received and Verdict. */
#ifndef _ASIC_DECIDE_P4_
#define _ASIC_DECIDE_P4_

/* Nothing more to decide. */
#define DECIDED (m.verdict.drop != (bit<8>)DropReason.NONE || m.verdict.punt != 0 || m.verdict.as_it_is)
/* What the client acknowledges, the server has to have sent. */
#define EARLY_ACK (m.state.set_events == (bit<8>)SessionEvent.ESTABLISHED)
#define IN_SESSION (m.session.direction != (bit<8>)Direction.NONE)

control Decide(inout headers_t hdr, inout metadata_t m) {
    PacketOutRequest() packet_out_request;
    Measure() measure;
    Compare() compare;
    Validate() validate;
    Port() port;
    Session() session;
    Server() server;
    Addressee() addressee;
    Local() local;
    Service() service;
    Miss() miss;
    Admit() admit;
    SegmentEnd() segment_end;
    SessionState() session_state;
    Route() route;
    NextHop() next_hop;
    Forward() forward;
    PuntLimit() punt_limit;
    IPV6_CONTROLS

    @hidden
    action not_for_us() { m.verdict.drop = (bit<8>)DropReason.NOT_FOR_US; }

    /* Whatever a table found for a header that is not there. */
    @hidden
    action no_session() { m.session.direction = (bit<8>)Direction.NONE; }

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

    apply {
        if (hdr.packet_out.isValid()) { packet_out_request.apply(hdr, m); }
        measure.apply(hdr, m);
        compare.apply(hdr, m);
        IPV6_ELSE(ipv6_addressee) { addressee.apply(hdr, m); }
        session.apply(hdr, m);
        IPV6_ALSO(ipv6_session)
        port.apply(hdr, m);
        segment_end.apply(hdr, m);
        if (!DECIDED) { validate.apply(hdr, m); }
        if (hdr.tcp.isValid()) {
            if (IN_SESSION) {
                IPV6_ELSE(ipv6_server) { server.apply(hdr, m); }
            }
            IPV6_ALSO(ipv6_route)
            service.apply(hdr, m);
            if (!DECIDED) {
                if (m.foreign && !m.reset) {
                    not_for_us();
                } else if (IN_SESSION) {
                    admit.apply(hdr, m);
                } else {
                    miss.apply(hdr, m);
                }
            }
        } else {
            no_session();
            if (!DECIDED) {
                if (m.foreign && !m.reset) { not_for_us(); } else { local.apply(hdr, m); }
            }
        }
        if (IN_SESSION && m.route.drop == (bit<8>)DropReason.NONE && !DECIDED) { session_state.apply(hdr, m); }
        IPV6_ELSE(ipv6_next_hop) { route.apply(hdr, m); }
        if (ROUTED && !DECIDED) { next_hop.apply(hdr, m); }
        through_egress.apply();
        if (m.verdict.punt != 0) {
            punt_limit.apply(m);
        } else if (ROUTED) {
            forward.apply(hdr, m);
        }
        if (m.state.set_events != 0 && !(EARLY_ACK && !SERVER_ANSWERED)) {
            m.state.new_events = m.state.set_events & ~m.target.seen;
        }
    }
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
        hdr.decision.delta = 0;
        hdr.decision.end_seq = 0;
        hdr.decision.session_id = 0;
    }

    apply { if (IN_SESSION) { send(); } else { send_plain(); } }
}

#endif

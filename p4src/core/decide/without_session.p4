/* What becomes of a TCP segment or a UDP datagram without session that is addressed to us.
 *
 * SYNs and datagrams to a virtual service go to the controller, and so do late segments that it may answer with RST; everything
 * else is dropped for a named reason. JudgeWithoutSession says what would become of it if it had no session, which need not be known
 * yet; WithoutSession carries it out. What a SYN cookie answers, or may acknowledge, is as dropped until Forward has looked at it.
 * Reads hdr, m.own and m.segment_fault; writes m.without_session, and m.verdict. */
#ifndef _WITHOUT_SESSION_P4_
#define _WITHOUT_SESSION_P4_

#include "../target.p4"

control JudgeWithoutSession(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action pass() { }

    @hidden
    action drop(DropReason reason) { m.without_session.drop = (bit<8>)reason; }

    @hidden
    action drop_faulty() { m.without_session.drop = m.segment_fault; }

    @hidden
    action punt(PuntReason reason) { m.without_session.punt = (bit<8>)reason; }

    @hidden
    table segment_rules {
        key = {
            m.reset          : ternary;
            m.own.address    : ternary;
            m.own.vip        : ternary;
            m.own.local      : ternary;
            m.own.served     : ternary;
            m.segment_fault  : ternary;
            hdr.tcp.syn      : ternary;
            hdr.tcp.ack_flag : ternary;
            hdr.tcp.rst      : ternary;
            m.injected       : ternary;
            m.own.flags      : ternary;
        }
        actions = { pass; drop; drop_faulty; punt; }
        const default_action = drop_faulty();
        const entries = {
            (true, _, _, _, _, _, _, _, _, _, _)                  : drop(DropReason.INJECT_MISS);
            (_, false, _, _, _, _, _, _, _, _, _)                 : pass();
            (_, _, false, _, _, _, 1, 0, _, _, _)                 : drop(DropReason.NO_SESSION);
            (_, _, false, true, _, 0, _, _, 0, false, _)          : punt(PuntReason.LATE_ANSWER);
            (_, _, false, _, _, _, _, _, _, _, _)                 : drop(DropReason.NO_SESSION);
            (_, _, _, _, false, _, _, _, _, _, _)                 : drop(DropReason.NO_SERVICE);
            (_, _, _, _, _, 0, 1, 0, _, true, _)                  : drop(DropReason.INJECT_MISS);
#ifdef SYN_COOKIES
            (_, _, _, _, _, 0, 1, 0, _, _, SERVICE_FLAG(COOKIES))         : drop(DropReason.SYN_COOKIE);
            (_, _, _, _, _, 0, 0, 1, 0, false, SERVICE_FLAG(COOKIES))     : drop(DropReason.BAD_COOKIE);
            (_, _, _, _, _, 0, 0, 1, 0, false, SERVICE_FLAG(COOKIES_IN_NEED)) : drop(DropReason.BAD_COOKIE);
#endif
            (_, _, _, _, _, 0, 1, 0, _, _, _)                     : punt(PuntReason.SERVICE_SYN);
            (_, _, _, _, _, 0, _, _, 0, false, RESETS_ON_MISS)    : punt(PuntReason.NO_SESSION);
            (_, _, _, _, _, 0, _, _, _, _, _)                     : drop(DropReason.NO_SESSION);
        }
    }

    /* A server's datagram to a local address may be late; that to an interface is nobody's. What is neither is an ICMP error. */
    @hidden
    table datagram_rules {
        key = {
            m.reset           : ternary;
            m.own.address     : ternary;
            hdr.udp.isValid() : ternary;
            m.own.vip         : ternary;
            m.own.local       : ternary;
            m.own.served      : ternary;
            m.injected        : ternary;
        }
        actions = { pass; drop; punt; }
        const default_action = drop(DropReason.PROTOCOL);
        const entries = {
            (true, _, _, _, _, _, _)       : drop(DropReason.INJECT_MISS);
            (_, false, _, _, _, _, _)      : pass();
            (_, _, false, _, _, _, _)      : drop(DropReason.ICMP_ERROR);
            (_, _, _, true, _, false, _)   : drop(DropReason.NO_SERVICE);
            (_, _, _, true, _, true, true) : drop(DropReason.INJECT_MISS);
            (_, _, _, true, _, true, _)    : punt(PuntReason.SERVICE_DATAGRAM);
            (_, _, _, _, true, _, _)       : drop(DropReason.NO_SESSION);
        }
    }

    apply {
        if (hdr.tcp.isValid()) {
            segment_rules.apply();
        } else if (IS_IPV6 && m.segment_fault != 0 && m.own.address) {
            drop_faulty();
        } else {
            datagram_rules.apply();
        }
    }
}

control WithoutSession(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action adopt() {
        m.verdict.drop = m.without_session.drop;
        m.verdict.punt = m.without_session.punt;
        m.verdict.service_flags = m.own.flags;
    }

    apply { adopt(); }
}

#endif

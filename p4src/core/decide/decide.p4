/* Decide: what shall become of a packet, by what was found: dropped or sent to the controller for a reason, answered, or
 * translated, of which the session's registers take note. What is none of this is routed. After LookUp.
 *
 * Server is looked up here, as m.next_hop is then written by it or by AnswerOrDrop, never by one behind the other. */
#ifndef _DECIDE_P4_
#define _DECIDE_P4_

#include "server.p4"
#include "without_session.p4"
#include "admit.p4"
#include "answer_or_drop.p4"
#include "answer_or_drop6.p4"

control Decide(inout headers_t hdr, inout metadata_t m) {
    Server() server;
    JudgeWithoutSession() judge_without_session;
    WithoutSession() without_session;
    Admit() admit;
    CompareForAnswer() compare_for_answer;
    AnswerOrDrop() answer_or_drop;
    AnswerOrDrop6() answer_or_drop6;
    SessionState() session_state;

    @hidden
    action not_for_us() { m.verdict.drop = (bit<8>)DropReason.NOT_FOR_US; }

    apply {
        if (AHEAD) { compare_for_answer.apply(hdr, m); }
        if (GOES_BY_FLOW) {
            if (IN_SESSION) { server.apply(hdr, m); }
            if (AHEAD) { judge_without_session.apply(hdr, m); }
            if (!DECIDED) {
                if (m.foreign) {
                    not_for_us();
                } else if (IN_SESSION) {
                    admit.apply(hdr, m);
                } else {
                    if (!AHEAD) { judge_without_session.apply(hdr, m); }
                    without_session.apply(hdr, m);
                }
            }
        } else if (!DECIDED) {
            if (m.foreign) {
                not_for_us();
            } else {
                if (!AHEAD) { compare_for_answer.apply(hdr, m); }
                if (IS_IPV6) { answer_or_drop6.apply(hdr, m); } else { answer_or_drop.apply(hdr, m); }
            }
        }
        TELL_BY_PROXY
        if (TRANSLATED && (hdr.tcp.isValid() || hdr.udp.isValid()) && m.route.drop == (bit<8>)DropReason.NONE
            && m.verdict.drop == (bit<8>)DropReason.NONE) {
            session_state.apply(hdr, m);
        }
    }
}

#endif

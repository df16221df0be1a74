/* AnswerOrDrop6: what AnswerOrDrop does, with an IPv6 packet: neighbor discovery (RFC 4861) and echo requests (RFC 4443). */
#ifndef _ANSWER_OR_DROP6_P4_
#define _ANSWER_OR_DROP6_P4_

#include "../target.p4"

#define ALL_NODES ((128w0xff02 << 112) + 1)

control AnswerOrDrop6(inout headers_t hdr, inout metadata_t m) {
    AnswerSolicitation() answer_solicitation;

    @hidden
    action drop(DropReason reason) { m.verdict.drop = (bit<8>)reason; }

    @hidden
    action punt(PuntReason reason) { m.verdict.punt = (bit<8>)reason; }

    @hidden
    action answer() { }

    /* As answer_echo() of AnswerOrDrop. */
    @hidden
    action answer_echo6(bit<16> change) {
        m.next_hop6 = hdr.ipv6.src;
        hdr.ipv6.dst = hdr.ipv6.src;
        hdr.ipv6.src = m.flow.dst6;
        hdr.ipv6.hop_limit = DEFAULT_HOP_LIMIT;
        hdr.icmpv6.type = ICMPV6_ECHO_REPLY;
        hdr.icmpv6.checksum = hdr.icmpv6.checksum + change;
        m.own_packet = true;
    }

    /* A question of a neighbor that tells its own address, and nothing else, is the usual one: the target may answer it. An
     * answer to us, or an announcement to all, tells of a neighbor. */
    @hidden
    table discovery {
        key = {
            hdr.icmpv6.type       : ternary;
            m.own.address         : ternary;
            hdr.nd_link.isValid() : ternary;
            hdr.nd_link.type      : ternary;
            hdr.nd_link.length    : ternary;
            hdr.ipv6.src          : ternary;
            hdr.ipv6.dst          : ternary;
        }
        actions = { drop; punt; answer; }
        const default_action = drop(DropReason.ND);
        const entries = {
            (ND_SOLICITATION, true, _, _, _, 0, _)                  : punt(PuntReason.ND);
            (ND_SOLICITATION, true, true, ND_SOURCE_LINK, 1, _, _)  : answer();
            (ND_SOLICITATION, true, _, _, _, _, _)                  : punt(PuntReason.ND);
            (ND_ADVERTISEMENT, true, _, _, _, _, _)                 : punt(PuntReason.ND);
            (ND_ADVERTISEMENT, _, _, _, _, _, ALL_NODES)            : punt(PuntReason.ND);
        }
    }

    /* RFC 1624 with m = 0x8000, m' = 0x8100: the checksum shrinks by 0x0100, with end-around borrow. */
    @hidden
    table ours6 {
        key = {
            hdr.ipv6.next_header : ternary;
            hdr.icmpv6.type      : ternary;
            m.own.answers_echo   : ternary;
            m.answer.no_borrow   : ternary;
        }
        actions = { drop; punt; answer_echo6; }
        const default_action = drop(DropReason.PROTOCOL);
        const entries = {
            (PROTO_ICMPV6, ICMPV6_ECHO_REQUEST, true, 0)   : answer_echo6(0xfeff);
            (PROTO_ICMPV6, ICMPV6_ECHO_REQUEST, true, _)   : answer_echo6(0xff00);
            (PROTO_ICMPV6, ICMPV6_UNREACHABLE, _, _)       : STRAY_ICMP_ERROR;
            (PROTO_ICMPV6, ICMPV6_TOO_BIG, _, _)           : STRAY_ICMP_ERROR;
            (PROTO_ICMPV6, ICMPV6_TIME_EXCEEDED, _, _)     : STRAY_ICMP_ERROR;
            (PROTO_ICMPV6, ICMPV6_PARAMETER_PROBLEM, _, _) : STRAY_ICMP_ERROR;
            (PROTO_FRAGMENT, _, _, _)                      : drop(DropReason.IPV6_FRAGMENT);
            (PROTO_HOP_BY_HOP, _, _, _)                    : drop(DropReason.IPV6_EXTENSION);
            (PROTO_ROUTING, _, _, _)                       : drop(DropReason.IPV6_EXTENSION);
            (PROTO_DESTINATION, _, _, _)                   : drop(DropReason.IPV6_EXTENSION);
        }
    }

    apply {
        if (m.reset) {
            drop(DropReason.INJECT_MISS);
        } else if (IS_DISCOVERY) {
            switch (discovery.apply().action_run) {
                answer: { answer_solicitation.apply(hdr, m); }
            }
        } else if (m.own.address) {
            ours6.apply();
        }
    }
}

#endif

/* Admit: which segments of a session are translated; of datagrams, all are.
 *
 * A client's SYN on a session goes to the controller, which alone knows whether it is a retransmission; it comes back
 * injected. So does a segment whose options the target cannot edit. After Session. Reads hdr, m.session, m.segment_fault and
 * m.*options*; writes m.verdict. */
#ifndef _ADMIT_P4_
#define _ADMIT_P4_

#include "../target.p4"

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
    table segment {
        key = {
            m.segment_fault     : ternary;
            m.odd_options       : ternary;
            m.options_edited    : ternary;
            m.injected          : ternary;
            m.new_session       : ternary;
            m.session.direction : ternary;
            hdr.tcp.syn         : ternary;
            hdr.tcp.ack_flag    : ternary;
        }
        actions = { drop_faulty; punt; admit; }
        const default_action = drop_faulty();
        const entries = {
#ifdef STATELESS_SERVICES
            (0, _, _, _, _, Direction.STATELESS, _, _) : admit();
#endif
            (0, _, _, false, _, Direction.IN, 1, 0) : punt(PuntReason.SESSION_SYN, 0);
            (0, true, false, _, true, _, _, _)      : punt(PuntReason.OPTIONS, (bit<8>)PacketOutFlag.NEW_SESSION);
            (0, true, false, _, _, _, _, _)         : punt(PuntReason.OPTIONS, 0);
            (0, _, _, _, _, _, _, _)                : admit();
        }
    }

    apply {
        if (hdr.tcp.isValid()) {
            segment.apply();
        } else if (IS_IPV6 && m.segment_fault != 0) {
            drop_faulty();
        }
        ADMIT_WITHOUT_PORTS
    }
}

#endif

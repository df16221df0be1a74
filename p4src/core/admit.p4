/* Admit: which segments of a session are neither translated nor counted as its news.
 *
 * A client's SYN on a session goes to the controller, which alone knows whether it is a retransmission; it comes back
 * injected. So does a segment whose options this target cannot edit. Reads hdr, m.session, m.segment_fault and m.*options*;
 * writes m.verdict. */
#ifndef _ADMIT_P4_
#define _ADMIT_P4_

control Admit(inout headers_t hdr, inout metadata_t m) {
    apply {
        if (m.segment_fault != (bit<8>)DropReason.NONE) {
            m.verdict.drop = m.segment_fault;
        } else if (m.session.direction == (bit<8>)Direction.IN
                   && hdr.tcp.syn == 1 && hdr.tcp.ack_flag == 0 && !m.injected) {
            m.verdict.punt = (bit<8>)PuntReason.SESSION_SYN;
        } else if (m.odd_options && !m.options_edited) {
            m.verdict.punt = (bit<8>)PuntReason.OPTIONS;
            if (m.new_session) { m.verdict.service_flags = (bit<8>)PacketOutFlag.NEW_SESSION; }
        }
    }
}

#endif

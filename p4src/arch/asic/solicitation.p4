/* ASIC: an answer would be summed in egress, which has no room for it, so the controller answers. */
#ifndef _ASIC_SOLICITATION_P4_
#define _ASIC_SOLICITATION_P4_

control AnswerSolicitation(inout headers_t hdr, inout metadata_t m) {
    apply { m.verdict.punt = (bit<8>)PuntReason.ND; }
}

#endif

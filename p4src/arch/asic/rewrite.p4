/* ASIC, egress: the rewrite of a segment of a session, between the registers that it asks and those that want to know. */
#ifndef _ASIC_REWRITE_P4_
#define _ASIC_REWRITE_P4_

#include "../../core/rewrite/rewrite.p4"

control RewriteSegment(inout headers_t hdr, inout metadata_t m, out bit<8> toa_result) {
    FirstDataSeq() first_data_seq;
    Rewrite() rewrite;
    ServerSeq() server_seq;

    apply {
        if (hdr.decision.toa_fits == 1) { m.route.toa_room = 1; }
        if (hdr.decision.reset == 1) { m.reset = true; }
        if (hdr.decision.options_edited == 1) { m.options_edited = true; }
        if (hdr.tcp.isValid()) { first_data_seq.apply(hdr, m); }
        rewrite.apply(hdr, m, toa_result);
        if (hdr.tcp.isValid()) { server_seq.apply(hdr, m); }
    }
}

#endif

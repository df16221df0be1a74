/* Check: what the packet by itself says, before anything is looked up: what the controller wants, and what is wrong. */
#ifndef _CHECK_P4_
#define _CHECK_P4_

#include "packet_out.p4"
#include "lengths.p4"
#include "segment_rules.p4"
#include "validate.p4"
#include "validate6.p4"

control Check(inout headers_t hdr, inout metadata_t m) {
    PacketOutRequest() packet_out_request;
    MeasureLengths() measure_lengths;
    Validate() validate;
    Validate6() validate6;

    apply {
        if (hdr.packet_out.isValid()) { packet_out_request.apply(hdr, m); }
        measure_lengths.apply(hdr, m);
        if (!DECIDED) {
            if (IS_IPV6) { validate6.apply(hdr, m); } else { validate.apply(hdr, m); }
        }
    }
}

#endif

/* The ASIC's program where packets can be sent, for tests: its lookups without a condition, its options by layout
 * (arch/layouts) and its way through egress (arch/asic), on v1model. Parser, checksums, registers and counters are v1model's.
 *
 *   ingress   Received - Check - LookUp - SegmentNews - Decide - Forward - NewEvents, ThroughEgress - Verdict
 *   egress    what is routed: FirstDataSeq - Rewrite - ServerSeq - checksums
 */
#include <core.p4>
#define V1MODEL_VERSION 20200408
#include <v1model.p4>

#include "arch/v1model/asic/target.p4"
#include "core/check/check.p4"
#include "core/lookup/lookup.p4"
#include "arch/v1model/access.p4"
#include "core/decide/decide.p4"
#include "core/forward/forward.p4"
#include "arch/asic/rewrite.p4"

@pkginfo(name="p4-fullnat", version="0.1.0", organization="p4-fullnat")

control FullnatIngress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t standard_metadata) {
    Received() received;
    Check() check;
    SegmentEnd() segment_end;
    LookUp() look_up;
    Access() access;
    SegmentNews() segment_news;
    Decide() decide;
    Forward() forward;
    NewEvents() new_events;
    ThroughEgress() through_egress;
    Verdict() verdict;
    SendDecision() send_decision;
    UnusedRegisters() unused_registers;

    apply {
        unused_registers.apply(m);
        received.apply(hdr, m, standard_metadata);
        check.apply(hdr, m);
        segment_end.apply(hdr, m);
        look_up.apply(hdr, m);
        if (m.own.served && !IN_SESSION) { access.apply(hdr, m, standard_metadata.ingress_global_timestamp); }
        segment_news.apply(hdr, m);
        decide.apply(hdr, m);
        forward.apply(hdr, m);
        new_events.apply(m);
        through_egress.apply(m);
        verdict.apply(hdr, m, standard_metadata);
        if (LEAVES_ROUTED) { send_decision.apply(hdr, m); }
    }
}

/* With metadata of its own: it knows what the decision tells, and what its parser could see. */
control FullnatEgress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t standard_metadata) {
    RewriteSegment() rewrite_segment;
    UpdateChecksums() update_checksums;
    CountToa() count_toa;

    apply {
        if (hdr.decision.isValid()) {
            received_t received = m.target.received;
            flow_t flow = m.flow;
            editable_options_t options = m.target.original;
            m = {...};
            m.target.received = received;
            m.flow = flow;
            m.target.original = options;
            m.target.received_ack = hdr.tcp.ack;
            READ_DECISION
            bit<8> toa_result = (bit<8>)ToaResult.TOA_RESULTS;
            if (TRANSLATED) { rewrite_segment.apply(hdr, m, toa_result); }
            if (hdr.decision.punted == 0 && toa_result != (bit<8>)ToaResult.TOA_RESULTS) { count_toa.apply(toa_result); }
            update_checksums.apply(hdr, m);
            hdr.decision.setInvalid();
        }
    }
}

V1Switch(FullnatParser(), VerifyIpv4Checksum(), FullnatIngress(), FullnatEgress(), NoChecksum(), FullnatDeparser()) main;

/* FULLNAT on Tofino (TNA).
 *
 *   ingress   Received - Check - LookUp - SegmentNews - Decide - Forward - NewEvents, ThroughEgress - Verdict
 *   egress    what is routed: FirstDataSeq - Rewrite - ServerSeq - checksums
 */
#include <core.p4>
#if __TARGET_TOFINO__ == 1
#include <tna.p4>
#else
#include <t2na.p4>
#endif

#include "arch/tna/target.p4"
#include "core/check/check.p4"
#include "core/lookup/lookup.p4"
#include "core/decide/decide.p4"
#include "core/forward/forward.p4"
#include "arch/asic/rewrite.p4"

@pkginfo(name="p4-fullnat", version="0.1.0", organization="p4-fullnat")

#if __TARGET_TOFINO__ == 2
/* With nothing else in their containers, their tables can stand in any stage. */
@pa_container_size("ingress", "m.session.direction", 8)
@pa_container_size("ingress", "m.session.server_id", 16)
@pa_container_size("ingress", "m.session.id", 16, 8)
@pa_solitary("ingress", "m.session.id")
#endif
@pa_auto_init_metadata
control FullnatIngress(inout headers_t hdr, inout metadata_t m, in ingress_intrinsic_metadata_t ig_intr_md,
                       in ingress_intrinsic_metadata_from_parser_t ig_prsr_md,
                       inout ingress_intrinsic_metadata_for_deparser_t ig_dprsr_md,
                       inout ingress_intrinsic_metadata_for_tm_t ig_tm_md) {
    Received() received;
    Check() check;
    SegmentEnd() segment_end;
    LookUp() look_up;
    SegmentNews() segment_news;
    Decide() decide;
    Forward() forward;
    NewEvents() new_events;
    ThroughEgress() through_egress;
    Verdict() verdict;

    apply {
        received.apply(hdr, m, ig_intr_md, ig_prsr_md);
        check.apply(hdr, m);
        segment_end.apply(hdr, m);
        look_up.apply(hdr, m);
        segment_news.apply(hdr, m);
        decide.apply(hdr, m);
        forward.apply(hdr, m);
        new_events.apply(m);
        through_egress.apply(m);
        verdict.apply(hdr, m, ig_dprsr_md, ig_tm_md);
    }
}

/* Tofino 1 sums the checksum's headers whether valid or not, so what holds TOA must hold nothing else. */
@pa_no_overlay("egress", "hdr.toa_v4.kind")
@pa_no_overlay("egress", "hdr.toa_v4.length")
@pa_no_overlay("egress", "hdr.toa_v4.client_port")
@pa_no_overlay("egress", "hdr.toa_v4.client")
/* Flags that are matched and summed are kept once. */
@do_not_use_clot("egress", "hdr.tcp")
@pa_auto_init_metadata
control FullnatEgress(inout headers_t hdr, inout metadata_t m, in egress_intrinsic_metadata_t eg_intr_md,
                      in egress_intrinsic_metadata_from_parser_t eg_prsr_md,
                      inout egress_intrinsic_metadata_for_deparser_t eg_dprsr_md,
                      inout egress_intrinsic_metadata_for_output_port_t eg_oport_md) {
    RewriteSegment() rewrite_segment;
    CountToa() count_toa;

    apply {
        bit<8> toa_result = (bit<8>)ToaResult.TOA_RESULTS;
        if (IN_SESSION) {
            rewrite_segment.apply(hdr, m, toa_result);
            if (hdr.decision.punted == 0) { count_toa.apply(toa_result); }
        }
        if (hdr.decision.punted == 1) {
            hdr.packet_in.setValid();
            hdr.packet_in.reason = (bit<8>)PuntReason.NO_NEIGHBOR;
            hdr.packet_in.service_flags = 0;
            hdr.packet_in.ingress_port = hdr.decision.ingress_port;
            hdr.packet_in.session_id = (bit<32>)hdr.decision.session_id;
        }
    }
}

Pipeline(FullnatParser(), FullnatIngress(), FullnatDeparser(), RewriteParser(), FullnatEgress(), RewriteDeparser()) pipe;

Switch(pipe) main;

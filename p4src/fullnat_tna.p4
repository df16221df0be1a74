/* FULLNAT on Tofino (TNA).
 *
 *   ingress   Received - Decide - Verdict
 *   egress    what is routed: FirstDataSeq - Fullnat - TcpOptions - ServerSeq -> checksums
 *
 * arch/asic has the order of the controls on one page. */
#include <core.p4>
#if __TARGET_TOFINO__ == 1
#include <tna.p4>
#else
#include <t2na.p4>
#endif

#include "include/sizes.p4"
#include "include/ids.p4"
#include "include/constants.p4"
#include "arch/tna/headers.p4"
#include "include/metadata.p4"
#include "arch/tna/prims.p4"
#include "arch/asic/prims.p4"
#include "arch/tna/parser.p4"
#include "arch/tna/received.p4"
#include "arch/tna/banks.p4"
#include "arch/tna/session_state.p4"
#include "arch/tna/session_seq.p4"
#include "arch/layouts/edit.p4"
#include "core/packet_out.p4"
#include "core/validate.p4"
#include "core/port.p4"
#include "core/session.p4"
#include "core/server.p4"
#include "core/addressee.p4"
#include "core/local.p4"
#include "core/service.p4"
#include "core/miss.p4"
#include "core/admit.p4"
#include "core/route.p4"
#include "core/next_hop.p4"
#include "core/fullnat.p4"
#include "core/forward.p4"
#include "arch/asic/ipv6_room/tables.p4"
#include "arch/tna/punt_limit.p4"
#include "arch/asic/decide.p4"
#include "arch/asic/rewrite.p4"
#include "arch/tna/rewrite.p4"
#include "arch/tna/verdict.p4"
#include "arch/tna/deparser.p4"

@pkginfo(name="p4-fullnat", version="0.1.0", organization="p4-fullnat")

/* Sessions are looked up whatever the packet; with nothing else kept there, what was not parsed is what no session has. */
@pa_no_overlay("ingress", "hdr.ipv4.protocol")
@pa_no_overlay("ingress", "hdr.tcp.dst_port")
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
    Decide() decide;
    Verdict() verdict;

    apply {
        received.apply(hdr, m, ig_intr_md, ig_prsr_md);
        decide.apply(hdr, m);
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
control Rewrite(inout headers_t hdr, inout metadata_t m, in egress_intrinsic_metadata_t eg_intr_md,
                in egress_intrinsic_metadata_from_parser_t eg_prsr_md,
                inout egress_intrinsic_metadata_for_deparser_t eg_dprsr_md,
                inout egress_intrinsic_metadata_for_output_port_t eg_oport_md) {
    RewriteSegment() rewrite_segment;
    CountToa() count_toa;

    apply {
        bit<8> toa_result = (bit<8>)ToaResult.TOA_RESULTS;
        if (hdr.tcp.isValid()) {
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

Pipeline(FullnatParser(), FullnatIngress(), FullnatDeparser(), RewriteParser(), Rewrite(), RewriteDeparser()) pipe;

Switch(pipe) main;

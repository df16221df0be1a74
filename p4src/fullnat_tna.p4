/* FULLNAT on Tofino (TNA): the pipeline on one page.
 *
 *   ingress   Session, Measure, Port, Addressee - Validate, Server, Service -+- TCP: hit: Admit --+- SessionState, Route - Neighbor
 *                                                                           |       miss: Miss --+                      |
 *                                                                           +- else: Local ------+                   Forward -> Verdict
 *   egress    what is routed: FirstDataSeq - Fullnat - TcpOptions - ServerSeq -> checksums
 *
 * The same controls as on v1model. Lookups that depend on nothing come first and unconditionally, because an ASIC has few
 * stages one after another and much width: a segment that Validate drops has counted as a hit of its session. */
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
#include "core/neighbor.p4"
#include "core/fullnat.p4"
#include "core/forward.p4"
#include "arch/tna/rewrite.p4"
#include "arch/tna/verdict.p4"
#include "arch/tna/ipv6_room/tables.p4"
#include "arch/tna/deparser.p4"

@pkginfo(name="p4-fullnat", version="0.1.0", organization="p4-fullnat")

/* Nothing more to decide. */
#define DECIDED (m.verdict.drop != (bit<8>)DropReason.NONE || m.verdict.punt != 0 || m.verdict.as_it_is)

#define IN_SESSION (m.session.direction != (bit<8>)Direction.NONE)

/* Sessions are looked up whatever the packet: what was not parsed is zero, and so in no table, if nothing else is kept there. */
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
    PacketOutRequest() packet_out_request;
    Measure() measure;
    Compare() compare;
    Validate() validate;
    Port() port;
    Session() session;
    Server() server;
    Addressee() addressee;
    Local() local;
    Service() service;
    Miss() miss;
    Admit() admit;
    SegmentEnd() segment_end;
    SessionState() session_state;
    Route() route;
    Neighbor() neighbor;
    Forward() forward;
    PuntLimit() punt_limit;
    Verdict() verdict;
    IPV6_CONTROLS

    @hidden
    action not_for_us() { m.verdict.drop = (bit<8>)DropReason.NOT_FOR_US; }

    apply {
        received.apply(hdr, m, ig_intr_md, ig_prsr_md);
        if (hdr.packet_out.isValid()) { packet_out_request.apply(hdr, m); }
        measure.apply(hdr, m);
        compare.apply(hdr, m);
        IPV6_ELSE(ipv6_addressee) { addressee.apply(hdr, m); }
        session.apply(hdr, m);
        IPV6_ALSO(ipv6_session)
        port.apply(hdr, m);
        segment_end.apply(hdr, m);
        if (!DECIDED) { validate.apply(hdr, m); }
        if (hdr.tcp.isValid()) {
            if (IN_SESSION) {
                IPV6_ELSE(ipv6_server) { server.apply(hdr, m); }
            }
            IPV6_ALSO(ipv6_route)
            service.apply(hdr, m);
            if (!DECIDED) {
                if (m.foreign && !m.reset) {
                    not_for_us();
                } else if (IN_SESSION) {
                    admit.apply(hdr, m);
                } else {
                    miss.apply(hdr, m);
                }
            }
        } else if (!DECIDED) {
            if (m.foreign && !m.reset) { not_for_us(); } else { local.apply(hdr, m); }
        }
        if (IN_SESSION && m.route.drop == (bit<8>)DropReason.NONE && !DECIDED) { session_state.apply(hdr, m); }
        IPV6_ELSE(ipv6_next_hop) { route.apply(hdr, m); }
        if (ROUTED && !DECIDED) { neighbor.apply(hdr, m); }
        if (m.verdict.punt != 0) {
            punt_limit.apply(m);
        } else if (ROUTED) {
            forward.apply(hdr, m);
        }
        verdict.apply(hdr, m, ig_dprsr_md, ig_tm_md);
    }
}

/* Flags that are matched and summed are kept once. */
@do_not_use_clot("egress", "hdr.tcp")
@pa_auto_init_metadata
control Rewrite(inout headers_t hdr, inout metadata_t m, in egress_intrinsic_metadata_t eg_intr_md,
                in egress_intrinsic_metadata_from_parser_t eg_prsr_md,
                inout egress_intrinsic_metadata_for_deparser_t eg_dprsr_md,
                inout egress_intrinsic_metadata_for_output_port_t eg_oport_md) {
    FirstDataSeq() first_data_seq;
    ServerSeq() server_seq;
    Fullnat() fullnat;
    TcpOptions() tcp_options;
    CountToa() count_toa;

    apply {
        bit<8> toa_result = (bit<8>)ToaResult.TOA_RESULTS;
        if (hdr.tcp.isValid()) {
            if (hdr.decision.reset == 1) { m.reset = true; }
            if (hdr.decision.options_edited == 1) { m.options_edited = true; }
            first_data_seq.apply(hdr, m);
            fullnat.apply(hdr, m, toa_result);
            tcp_options.apply(hdr, m);
            server_seq.apply(hdr, m);
            count_toa.apply(toa_result);
        }
    }
}

Pipeline(FullnatParser(), FullnatIngress(), FullnatDeparser(), RewriteParser(), Rewrite(), RewriteDeparser()) pipe;

Switch(pipe) main;

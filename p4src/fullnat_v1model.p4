/* FULLNAT on v1model (BMv2 simple_switch_grpc and p4soft): the pipeline on one page.
 *
 *   packet_out? -- forward ------------------------------------------------------------------------> Verdict
 *       | inject, reset
 *   Validate - Port - Session -+ hit -- Server - Admit - SessionState - Route - NextHop - Fullnat - TcpOptions - Forward -> Verdict
 *                              + miss - Addressee - Service - Miss -+ ours: punt or drop -----------------------> Verdict
 *                    not TCP - Addressee - Local -------------------+ ours: answer, punt or drop ---------------> Verdict
 *                                                                   + not ours: Route - Forward ----------------> Verdict
 */
#include <core.p4>
#define V1MODEL_VERSION 20200408
#include <v1model.p4>

#include "include/sizes.p4"
#include "include/ids.p4"
#include "include/constants.p4"
#include "arch/v1model/option_list/headers.p4"
#include "arch/v1model/headers.p4"
#include "include/metadata.p4"
#include "arch/v1model/prims.p4"
#include "arch/v1model/parser.p4"
#include "arch/v1model/received.p4"
#include "arch/v1model/option_list/edit.p4"
#include "arch/v1model/checksum.p4"
#include "arch/v1model/session_state.p4"
#include "arch/v1model/punt_limit.p4"
#include "arch/v1model/verdict.p4"
#include "arch/v1model/deparser.p4"
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

@pkginfo(name="p4-fullnat", version="0.1.0", organization="p4-fullnat")

/* Nothing more to look up or rewrite: the packet is dropped or goes to the controller. */
#define DECIDED (m.verdict.drop != (bit<8>)DropReason.NONE || m.verdict.punt != 0)

/* What happens to a packet that was received, or injected as if it were. */
control Process(inout headers_t hdr, inout metadata_t m, out bit<8> toa_result) {
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
    SessionState() session_state;
    Route() route;
    NextHop() next_hop;
    Fullnat() fullnat;
    TcpOptions() tcp_options;
    Forward() forward;
    SaveOriginal() save_original;
    UpdateChecksums() update_checksums;

    apply {
        toa_result = (bit<8>)ToaResult.TOA_RESULTS;
        measure.apply(hdr, m);
        validate.apply(hdr, m);
        if (!m.reset && !DECIDED) {
            port.apply(hdr, m);
            if (m.foreign) { m.verdict.drop = (bit<8>)DropReason.NOT_FOR_US; }
        }
        if (DECIDED) { return; }

        save_original.apply(hdr, m);
        m.addressed = hdr.ipv4.dst;
        if (hdr.arp.isValid()) { m.addressed = hdr.arp.target_ip; }
        m.next_hop = m.addressed;
        if (hdr.tcp.isValid()) { session.apply(hdr, m); }
        if (m.session.direction == (bit<8>)Direction.NONE) {
            addressee.apply(hdr, m);
            if (hdr.tcp.isValid()) {
                service.apply(hdr, m);
                miss.apply(hdr, m);
            } else {
                compare.apply(hdr, m);
                local.apply(hdr, m);
            }
        } else {
            server.apply(hdr, m);
            admit.apply(hdr, m);
            if (m.route.drop == (bit<8>)DropReason.NONE && m.verdict.drop == (bit<8>)DropReason.NONE) {
                session_state.apply(hdr, m);
            }
        }
        if (DECIDED || !hdr.ipv4.isValid()) { return; }

        route.apply(hdr, m);
        next_hop.apply(hdr, m);
        if (m.session.direction != (bit<8>)Direction.NONE) {
            fullnat.apply(hdr, m, toa_result);
            tcp_options.apply(hdr, m);
        }
        forward.apply(hdr, m);
        update_checksums.apply(hdr, m);
    }
}

control FullnatIngress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t standard_metadata) {
    Received() received;
    PacketOutRequest() packet_out_request;
    Process() process;
    PuntLimit() punt_limit;
    Verdict() verdict;
    CountToa() count_toa;

    apply {
        bit<8> toa_result = (bit<8>)ToaResult.TOA_RESULTS;
        received.apply(hdr, m, standard_metadata);
        if (hdr.packet_out.isValid()) { packet_out_request.apply(hdr, m); }
        if (!m.verdict.as_it_is && !DECIDED) { process.apply(hdr, m, toa_result); }
        if (m.verdict.punt != 0) { punt_limit.apply(m); }
        verdict.apply(hdr, m, standard_metadata);
        if (FORWARDED) { count_toa.apply(toa_result); }
    }
}

/* All per-session state is in ingress; egress has nothing to do. */
control FullnatEgress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t standard_metadata) {
    apply { }
}

V1Switch(FullnatParser(), VerifyIpv4Checksum(), FullnatIngress(), FullnatEgress(), NoChecksum(), FullnatDeparser()) main;

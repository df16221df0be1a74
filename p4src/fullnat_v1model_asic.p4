/* The ASIC's program where packets can be sent: its order of controls (arch/asic), its options by layout (arch/layouts) and
 * its way through egress, on v1model. Parser, checksums, registers and counters are v1model's. For tests. */
#include <core.p4>
#define V1MODEL_VERSION 20200408
#include <v1model.p4>

#include "include/sizes.p4"
#include "include/ids.p4"
#include "include/constants.p4"
#include "arch/v1model/asic/headers.p4"
#include "arch/v1model/headers.p4"
#include "include/metadata.p4"
#include "arch/v1model/prims.p4"
#include "arch/asic/prims.p4"
#include "arch/v1model/parser.p4"
#include "arch/v1model/received.p4"
#include "arch/layouts/edit.p4"
#include "arch/v1model/asic/checksum.p4"
#include "arch/v1model/checksum.p4"
#include "arch/v1model/asic/session_state.p4"
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
#include "arch/asic/ipv6_room/tables.p4"
#include "arch/asic/decide.p4"
#include "arch/asic/rewrite.p4"

@pkginfo(name="p4-fullnat", version="0.1.0", organization="p4-fullnat")

control FullnatIngress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t standard_metadata) {
    Received() received;
    SaveOriginal() save_original;
    Decide() decide;
    Verdict() verdict;
    SendDecision() send_decision;
    UnusedRegisters() unused_registers;

    apply {
        unused_registers.apply();
        received.apply(hdr, m, standard_metadata);
        save_original.apply(hdr, m);
        m.next_hop = hdr.ipv4.dst;
        m.addressed = hdr.ipv4.dst;
        if (hdr.arp.isValid()) { m.addressed = hdr.arp.target_ip; }
        decide.apply(hdr, m);
        verdict.apply(hdr, m, standard_metadata);
        if (m.target.punted == 1 || (FORWARDED && hdr.ipv4.isValid())) { send_decision.apply(hdr, m); }
    }
}

/* With metadata of its own: it knows what the decision tells, and what its parser could see. */
control FullnatEgress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t standard_metadata) {
    RewriteSegment() rewrite_segment;
    UpdateChecksums() update_checksums;
    CountToa() count_toa;

    apply {
        if (hdr.decision.isValid()) {
            original_t original = m.original;
            editable_options_t options = m.target.original;
            m = {...};
            m.original = original;
            m.target.original = options;
            m.target.received_ack = hdr.tcp.ack;
            READ_DECISION
            bit<8> toa_result = (bit<8>)ToaResult.TOA_RESULTS;
            if (m.session.direction != (bit<8>)Direction.NONE) { rewrite_segment.apply(hdr, m, toa_result); }
            if (hdr.decision.punted == 0) { count_toa.apply(toa_result); }
            update_checksums.apply(hdr, m);
            hdr.decision.setInvalid();
        }
    }
}

V1Switch(FullnatParser(), VerifyIpv4Checksum(), FullnatIngress(), FullnatEgress(), NoChecksum(), FullnatDeparser()) main;

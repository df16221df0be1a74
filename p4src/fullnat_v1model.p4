/* FULLNAT on v1model (BMv2 simple_switch_grpc and p4soft): the pipeline on one page.
 *
 *   Received - Check - LookUp - Decide - Forward - Rewrite - Verdict
 *
 * core/ has each of these but the first and the last: what the packet itself says, what the tables say, what shall become of
 * it, which way it goes, and how it leaves. All per-session state is in ingress; egress has nothing to do. */
#include <core.p4>
#define V1MODEL_VERSION 20200408
#include <v1model.p4>

#include "arch/v1model/target.p4"
#include "core/check/check.p4"
#include "core/lookup/lookup.p4"
#include "arch/v1model/access.p4"
#include "core/decide/decide.p4"
#include "core/forward/forward.p4"
#include "core/rewrite/rewrite.p4"

@pkginfo(name="p4-fullnat", version="0.1.0", organization="p4-fullnat")

control FullnatIngress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t standard_metadata) {
    Received() received;
    Check() check;
    FollowFragment() follow_fragment;
    LookUp() look_up;
    Access() access;
    Decide() decide;
    Forward() forward;
    Rewrite() rewrite;
    InsertProxy() insert_proxy;
    RewriteEcho() rewrite_echo;
    RewriteIcmpError() rewrite_icmp_error;
    RewriteAddresses() rewrite_addresses;
    RewriteIcmpv6Error() rewrite_icmpv6_error;
    UpdateChecksums() update_checksums;
    Encapsulate() encapsulate;
    ChangeFamily() change_family;
    Verdict() verdict;
    CountToa() count_toa;

    apply {
        received.apply(hdr, m, standard_metadata);
        check.apply(hdr, m);
        follow_fragment.apply(hdr, m, standard_metadata);
        look_up.apply(hdr, m);
        if (m.own.served) { access.apply(hdr, m, standard_metadata.ingress_global_timestamp); }
        decide.apply(hdr, m);
        forward.apply(hdr, m);
        if (LEAVES_ROUTED) {
            if (TRANSLATED) {
                if (hdr.tcp.isValid() || hdr.udp.isValid()) {
                    bit<8> toa_result;
                    rewrite.apply(hdr, m, toa_result);
                    if (m.target.proxy_bytes != 0) { insert_proxy.apply(hdr, m); }
                    if (toa_result != (bit<8>)ToaResult.TOA_RESULTS && FORWARDED) { count_toa.apply(toa_result); }
                } else if (IS_ECHO) {
                    rewrite_echo.apply(hdr, m);
                } else if (hdr.icmp.isValid()) {
                    rewrite_icmp_error.apply(hdr, m);
                } else if (PORTLESS) {
                    rewrite_addresses.apply(hdr, m);
                } else {
                    rewrite_icmpv6_error.apply(hdr, m);
                }
            }
            update_checksums.apply(hdr, m);
            if (TUNNELLED || m.session.crosses) {
                if (m.session.crosses) { change_family.apply(hdr, m); } else { encapsulate.apply(hdr, m); }
            }
        }
        verdict.apply(hdr, m, standard_metadata);
    }
}

control FullnatEgress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t standard_metadata) {
    apply { }
}

V1Switch(FullnatParser(), VerifyIpv4Checksum(), FullnatIngress(), FullnatEgress(), NoChecksum(), FullnatDeparser()) main;

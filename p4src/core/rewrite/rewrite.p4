/* Rewrite: a packet of a session as its receiver shall see it. After Forward; on an ASIC in egress. */
#ifndef _REWRITE_P4_
#define _REWRITE_P4_

#include "tcp.p4"
#include "endpoints.p4"

control Rewrite(inout headers_t hdr, inout metadata_t m, out bit<8> toa_result) {
    RewriteTcp() rewrite_tcp;
    RewriteEndpoints() rewrite_endpoints;
    TcpOptions() tcp_options;

    apply {
        toa_result = (bit<8>)ToaResult.TOA_RESULTS;
        if (hdr.tcp.isValid()) { rewrite_tcp.apply(hdr, m, toa_result); }
        rewrite_endpoints.apply(hdr, m);
        tcp_options.apply(hdr, m);
    }
}

#endif

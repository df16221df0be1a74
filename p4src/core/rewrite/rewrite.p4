/* Rewrite: a packet of a session as its receiver shall see it. After Forward; on an ASIC in egress. */
#ifndef _REWRITE_P4_
#define _REWRITE_P4_

#include "tcp.p4"
#include "endpoints.p4"

control Rewrite(inout headers_t hdr, inout metadata_t m) {
    RewriteTcp() rewrite_tcp;
    RewriteEndpoints() rewrite_endpoints;
    TcpOptions() tcp_options;

    apply {
        if (hdr.tcp.isValid()) { rewrite_tcp.apply(hdr, m); }
        rewrite_endpoints.apply(hdr, m);
        tcp_options.apply(hdr, m);
    }
}

#endif

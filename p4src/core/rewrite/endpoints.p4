/* RewriteEndpoints: addresses and ports of a packet of a session, whatever its protocol.
 *
 *   inbound (client -> real server)      c:cp -> v:vp  =>  l:lp -> d:dp
 *   outbound (real server -> client)     d:dp -> l:lp  =>  v:vp -> c:cp
 *
 * Reads m.session; writes hdr. */
#ifndef _REWRITE_ENDPOINTS_P4_
#define _REWRITE_ENDPOINTS_P4_

#include "../target.p4"

control RewriteEndpoints(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action rewrite() {
        hdr.ipv4.src = m.session.src;
        hdr.ipv4.dst = m.session.dst;
        hdr.ports.src = m.session.src_port;
        hdr.ports.dst = m.session.dst_port;
    }

    @hidden
    action rewrite6() {
        hdr.ipv6.src = m.session.src6;
        hdr.ipv6.dst = m.session.dst6;
        hdr.ports.src = m.session.src_port;
        hdr.ports.dst = m.session.dst_port;
    }

    apply {
        if (IS_IPV6) { rewrite6(); } else { rewrite(); }
    }
}

#endif

/* Forward: sends a packet the way that Route found, after the last checks: TTL (RFC 1812 5.3.1) and MTU. */
#ifndef _FORWARD_P4_
#define _FORWARD_P4_

control Forward(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action send() {
        m.verdict.out_port = m.route.port;
        hdr.ethernet.src = m.route.source;
        hdr.ethernet.dst = m.route.destination;
    }

    apply {
        if (m.route.drop != (bit<8>)DropReason.NONE) {
            m.verdict.drop = m.route.drop;
            m.verdict.punt = m.route.punt;
        } else if (hdr.ipv4.ttl == 0 || (hdr.ipv4.ttl == 1 && !m.own_packet)) {
            m.verdict.drop = (bit<8>)DropReason.TTL;
        } else if (m.route.excess != 0) {
            m.verdict.drop = (bit<8>)DropReason.MTU;
        } else {
            send();
            if (!m.own_packet) { hdr.ipv4.ttl = hdr.ipv4.ttl - 1; }
        }
    }
}

#endif

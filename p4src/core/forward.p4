/* Forward: the last checks of a packet that leaves by a port: TTL (RFC 1812 5.3.1) and MTU. */
#ifndef _FORWARD_P4_
#define _FORWARD_P4_

control Forward(inout headers_t hdr, inout metadata_t m) {
    apply {
        if (hdr.ipv4.isValid() && m.verdict.drop == (bit<8>)DropReason.NONE) {
            if (!m.own_packet) {
                hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
            }
            if (hdr.ipv4.ttl == 0 || m.original.ttl_protocol[15:8] == 0) {
                m.verdict.drop = (bit<8>)DropReason.TTL;
            } else if (hdr.ipv4.total_len > m.mtu) {
                m.verdict.drop = (bit<8>)DropReason.MTU;
            }
        }
    }
}

#endif

/* IcmpEcho: turns an echo request to one of our addresses into the reply (RFC 792).
 *
 * The source and destination change places, which no checksum notices; the ICMP checksum changes by the type alone. */
#ifndef _ECHO_P4_
#define _ECHO_P4_

control IcmpEcho(inout headers_t hdr, inout metadata_t m) {
    apply {
        ipv4_t requester = hdr.ipv4.src;
        hdr.ipv4.src = hdr.ipv4.dst;
        hdr.ipv4.dst = requester;
        hdr.ipv4.ttl = 64;
        hdr.icmp.type = ICMP_ECHO_REPLY;
        /* RFC 1624 with m = 0x0800, m' = 0: add 0x0800 with end-around carry, which comes of 0xf800 and more. */
        if (hdr.icmp.checksum[15:11] == 5w0x1f) {
            hdr.icmp.checksum = hdr.icmp.checksum + 16w0x0801;
        } else {
            hdr.icmp.checksum = hdr.icmp.checksum + 16w0x0800;
        }
        m.next_hop = requester;
        m.own_packet = true;
    }
}

#endif

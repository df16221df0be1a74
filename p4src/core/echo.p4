/* IcmpEcho: turns an echo request to one of our addresses into the reply (RFC 792).
 *
 * The source and destination change places, which no checksum notices; the ICMP checksum changes by the type alone. */
#ifndef _ECHO_P4_
#define _ECHO_P4_

control IcmpEcho(inout headers_t hdr, inout metadata_t m) {
    bit<16> carry;

    /* RFC 1624 with m = 0x0800, m' = 0: add 0x0800 with end-around carry, which comes of 0xf800 and more. */
    @hidden
    action find_carry() { carry = hdr.icmp.checksum |-| 16w0xf7ff; }

    @hidden
    action answer(bit<16> change) {
        m.next_hop = hdr.ipv4.src;
        hdr.ipv4.dst = hdr.ipv4.src;
        hdr.ipv4.src = m.addressed;
        hdr.ipv4.ttl = 64;
        hdr.icmp.type = ICMP_ECHO_REPLY;
        hdr.icmp.checksum = hdr.icmp.checksum + change;
        m.own_packet = true;
    }

    apply {
        find_carry();
        if (carry != 0) { answer(16w0x0801); } else { answer(16w0x0800); }
    }
}

#endif

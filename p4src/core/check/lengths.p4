/* MeasureLengths: what Validate and later controls compare, in two steps, as the second uses what the first has found. Reads
 * hdr.ipv4, hdr.ipv6, hdr.udp and the headers' lengths; writes m.length. */
#ifndef _LENGTHS_P4_
#define _LENGTHS_P4_

#include "../target.p4"

control MeasureLengths(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action measure_l4() {
        m.length.l4 = hdr.ipv4.total_len - m.length.ip_header;
        m.length.ip_missing = m.length.ip_header |-| hdr.ipv4.total_len;
        m.length.last = hdr.ipv4.total_len - 1;
        m.length.toa_last = hdr.ipv4.total_len |+| (TOA_V4_BYTES - 1);
    }

    /* A payload that is longer than any frame is found by the target. */
    @hidden
    action measure_ipv6() {
        m.length.l4 = hdr.ipv6.payload_len;
        m.length.last = hdr.ipv6.payload_len |+| (IPV6_BYTES - 1);
        m.length.toa_last = hdr.ipv6.payload_len |+| (IPV6_BYTES + TOA_V6_BYTES - 1);
        m.length.nd_missing = ND_BYTES |-| hdr.ipv6.payload_len;
    }

    @hidden
    action measure_payload() {
        m.length.payload = m.length.l4 - m.length.tcp_header;
        m.length.icmp_missing = ICMP_BYTES |-| m.length.l4;
        m.length.tcp_missing = m.length.tcp_header |-| m.length.l4;
        m.length.udp_missing = hdr.udp.length |-| m.length.l4;
    }

    @hidden
    action measure_at_once() {
        measure_l4();
        measure_payload();
    }

    @hidden
    action measure_ipv6_at_once() {
        measure_ipv6();
        measure_payload();
    }

    apply {
        if (AHEAD) {
            if (IS_IPV6) { measure_ipv6(); } else { measure_l4(); }
            measure_payload();
        } else if (IS_IPV6) {
            measure_ipv6_at_once();
        } else {
            measure_at_once();
        }
    }
}

#endif

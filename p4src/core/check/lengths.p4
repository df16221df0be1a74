/* MeasureLengths: what Validate and later controls compare, in two steps, as the second uses what the first has found. Reads
 * hdr.ipv4, hdr.udp and the headers' lengths; writes m.length. */
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

    @hidden
    action measure_payload() {
        m.length.payload = m.length.l4 - m.length.tcp_header;
        m.length.icmp_missing = ICMP_BYTES |-| m.length.l4;
        m.length.tcp_missing = m.length.tcp_header |-| m.length.l4;
        m.length.udp_missing = hdr.udp.length |-| m.length.l4;
    }

    apply {
        measure_l4();
        measure_payload();
    }
}

#endif

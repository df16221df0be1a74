/* Validate: what is wrong with a packet before anything is looked up. One reason each, the first that applies.
 *
 * Target parsers do not check lengths against each other (Tofino ignores verify), so that is done here; and an ASIC
 * compares two fields by what is left of a saturating subtraction. Reads hdr and the headers' lengths in m.length; writes m.verdict.drop, m.segment_fault, m.length
 * and m.state.payload_len. */
#ifndef _VALIDATE_P4_
#define _VALIDATE_P4_

control Validate(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action drop(DropReason reason) { m.verdict.drop = (bit<8>)reason; }

    /* Two steps, as the second uses what the first has found. */
    @hidden
    action measure_l4() {
        m.length.l4 = hdr.ipv4.total_len - m.length.ip_header;
        m.length.ip_missing = m.length.ip_header |-| hdr.ipv4.total_len;
        m.length.last = hdr.ipv4.total_len - 1;
        m.length.toa_last = hdr.ipv4.total_len |+| (TOA_V4_BYTES - 1);
    }

    @hidden
    action measure_payload() {
        m.state.payload_len = m.length.l4 - m.length.tcp_header;
        m.length.icmp_missing = ICMP_BYTES |-| m.length.l4;
        m.length.tcp_missing = m.length.tcp_header |-| m.length.l4;
    }

    apply {
        measure_l4();
        measure_payload();
        if (m.parser_error) {
            drop(DropReason.PARSER);
        } else if (hdr.arp.isValid()) {
            if (hdr.arp.hw_type != 1 || hdr.arp.proto_type != ETHERTYPE_IPV4) {
                drop(DropReason.ARP);
            } else if (hdr.arp.hw_len != 6 || hdr.arp.proto_len != 4) {
                drop(DropReason.ARP);
            } else if (hdr.arp.operation != ARP_REQUEST && hdr.arp.operation != ARP_REPLY) {
                drop(DropReason.ARP);
            }
        } else if (!hdr.ipv4.isValid()) {
            drop(DropReason.ETHERTYPE);
        } else if (hdr.ipv4.version != 4 || hdr.ipv4.ihl < 5 || m.length.ip_missing != 0 || m.beyond_frame) {
            drop(DropReason.IPV4_HEADER);
        } else if (m.unparsed_ipv4) {
            drop(DropReason.IPV4_OPTIONS);
        } else if (m.checksum_error) {
            drop(DropReason.IPV4_CHECKSUM);
        } else if (hdr.ipv4.src[31:28] == 4w0xe || hdr.ipv4.src[31:28] == 4w0xf
                   || hdr.ipv4.src[31:24] == 8w0x7f || hdr.ipv4.src[31:24] == 8w0) {
            drop(DropReason.IPV4_ADDRESS);
        } else if (hdr.ipv4.dst[31:28] == 4w0xe || hdr.ipv4.dst[31:28] == 4w0xf
                   || hdr.ipv4.dst[31:24] == 8w0x7f || hdr.ipv4.dst[31:24] == 8w0) {
            drop(DropReason.IPV4_ADDRESS);
        } else if (hdr.icmp.isValid() && m.length.icmp_missing != 0) {
            drop(DropReason.IPV4_HEADER);
        } else if (hdr.tcp.isValid()) {
            if (hdr.tcp.data_offset < 5 || m.length.tcp_missing != 0) {
                drop(DropReason.TCP_HEADER);
            } else if (hdr.tcp.syn == 1 && (hdr.tcp.fin == 1 || hdr.tcp.rst == 1)) {
                m.segment_fault = (bit<8>)DropReason.TCP_FLAGS;
            } else if (m.bad_options) {
                m.segment_fault = (bit<8>)DropReason.TCP_OPTIONS;
            }
        }
    }
}

#endif

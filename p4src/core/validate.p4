/* Validate: what is wrong with a packet before anything is looked up. One reason each, the first that applies.
 *
 * Target parsers do not check lengths against each other (Tofino ignores verify), so that is done here; and an ASIC
 * compares two fields by what is left of a saturating subtraction. Reads hdr; writes m.verdict.drop, m.segment_fault,
 * m.toa_total_len and m.state.payload_len. */
#ifndef _VALIDATE_P4_
#define _VALIDATE_P4_

control Validate(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action drop(DropReason reason) { m.verdict.drop = (bit<8>)reason; }

    apply {
        bit<16> ip_header_len = 10w0 ++ hdr.ipv4.ihl ++ 2w0;
        bit<16> tcp_header_len = 10w0 ++ hdr.tcp.data_offset ++ 2w0;
        bit<16> l4_len = hdr.ipv4.total_len - ip_header_len;
        bit<16> ip_missing = ip_header_len |-| hdr.ipv4.total_len;
        bit<16> tcp_missing = tcp_header_len |-| l4_len;
        m.state.payload_len = l4_len - tcp_header_len;
        m.toa_total_len = hdr.ipv4.total_len |+| TOA_V4_BYTES;
        if (m.parser_error) {
            drop(DropReason.PARSER);
        } else if (hdr.arp.isValid()) {
            if (hdr.arp.hw_type != 1 || hdr.arp.proto_type != ETHERTYPE_IPV4
                || hdr.arp.hw_len != 6 || hdr.arp.proto_len != 4) {
                drop(DropReason.ARP);
            } else if (hdr.arp.operation != ARP_REQUEST && hdr.arp.operation != ARP_REPLY) {
                drop(DropReason.ARP);
            }
        } else if (!hdr.ipv4.isValid()) {
            drop(DropReason.ETHERTYPE);
        } else if (hdr.ipv4.version != 4 || hdr.ipv4.ihl < 5 || ip_missing != 0 || m.beyond_frame) {
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
        } else if (hdr.icmp.isValid() && l4_len[15:3] == 0) {
            /* less than the 8 bytes of every ICMP message */
            drop(DropReason.IPV4_HEADER);
        } else if (hdr.tcp.isValid()) {
            if (hdr.tcp.data_offset < 5 || tcp_missing != 0) {
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

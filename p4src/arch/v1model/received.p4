/* v1model: what the switch knows of a packet as it was received. First in ingress. */
#ifndef _V1MODEL_RECEIVED_P4_
#define _V1MODEL_RECEIVED_P4_

const bit<16> ETHERNET_BYTES = 14;
const bit<16> PACKET_OUT_BYTES = 10;

control Received(inout headers_t hdr, inout metadata_t m, in standard_metadata_t standard_metadata) {
    apply {
        bit<16> headers_len = ETHERNET_BYTES;
        if (hdr.packet_out.isValid()) { headers_len = ETHERNET_BYTES + PACKET_OUT_BYTES; }
        m.length.ip_header = 10w0 ++ hdr.ipv4.ihl ++ 2w0;
        m.length.tcp_header = 10w0 ++ hdr.tcp.data_offset ++ 2w0;
        m.ingress_port = m.ingress_port | (port_num_t)standard_metadata.ingress_port;
        m.parser_error = standard_metadata.parser_error != error.NoError;
        m.checksum_error = standard_metadata.checksum_error == 1;
        bit<16> ip_bytes = (bit<16>)standard_metadata.packet_length - headers_len - m.target.tag_bytes;
        if (hdr.ipv6.isValid()) {
            m.ip_fault = hdr.ipv6.payload_len > ip_bytes - IPV6_BYTES ? (bit<8>)DropReason.IPV6_HEADER : 0;
        } else {
            m.ip_fault = hdr.ipv4.total_len > ip_bytes ? (bit<8>)DropReason.IPV4_HEADER : 0;
        }
    }
}

#endif

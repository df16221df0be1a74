/* v1model: what the switch knows of a packet as it was received, and its checksums need of it. First in ingress. */
#ifndef _V1MODEL_RECEIVED_P4_
#define _V1MODEL_RECEIVED_P4_

const bit<16> ETHERNET_BYTES = 14;

/* One action, with its conditions inside: BMv2 takes its time for each table, of which a condition of a control makes two. */
control Received(inout headers_t hdr, inout metadata_t m, in standard_metadata_t standard_metadata) {
    SaveOptions() save_options;

    @hidden
    action receive() {
        m.length.ip_header = 10w0 ++ hdr.ipv4.ihl ++ 2w0;
        m.length.tcp_header = 10w0 ++ hdr.tcp.data_offset ++ 2w0;
        m.ingress_port = m.ingress_port | (port_num_t)standard_metadata.ingress_port;
        m.parser_error = standard_metadata.parser_error != error.NoError;
        m.checksum_error = standard_metadata.checksum_error == 1;
        bit<16> ip_bytes = (bit<16>)standard_metadata.packet_length - m.target.packet_out_bytes - m.target.tag_bytes - ETHERNET_BYTES;
        if (hdr.ipv6.isValid()) {
            if (hdr.ipv6.payload_len > ip_bytes - IPV6_BYTES) { m.ip_fault = (bit<8>)DropReason.IPV6_HEADER; }
        } else if (hdr.ipv4.total_len > ip_bytes) {
            m.ip_fault = (bit<8>)DropReason.IPV4_HEADER;
        }
        m.target.clock = standard_metadata.ingress_global_timestamp[47:25];
        m.target.received.ipv4 = ~(hdr.ipv4.total_len ++ hdr.ipv4.ttl ++ hdr.ipv4.protocol ++ hdr.ipv4.checksum);
        m.target.received.addresses = ~(hdr.ipv4.src ++ hdr.ipv4.dst);
        m.target.received.ports = ~(hdr.ports.src ++ hdr.ports.dst);
        m.target.received.numbers = ~(hdr.tcp.seq ++ hdr.tcp.ack);
    }

    apply {
        receive();
        save_options.apply(hdr, m);
    }
}

#endif

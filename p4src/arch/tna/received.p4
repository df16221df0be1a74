/* TNA: what the switch knows of a packet as it was received. First in ingress. */
#ifndef _TNA_RECEIVED_P4_
#define _TNA_RECEIVED_P4_

control Received(inout headers_t hdr, inout metadata_t m, in ingress_intrinsic_metadata_t ig_intr_md,
                 in ingress_intrinsic_metadata_from_parser_t ig_prsr_md) {
    @hidden
    action set_tcp_header(bit<16> bytes) { m.length.tcp_header = bytes; }

    /* Moving four bits into the middle of a number that is reckoned with would tie their containers together. */
    @hidden
    table tcp_header_length {
        key = { hdr.tcp.data_offset : exact; }
        actions = { set_tcp_header; }
        const entries = {
            0: set_tcp_header(0);
            1: set_tcp_header(4);
            2: set_tcp_header(8);
            3: set_tcp_header(12);
            4: set_tcp_header(16);
            5: set_tcp_header(20);
            6: set_tcp_header(24);
            7: set_tcp_header(28);
            8: set_tcp_header(32);
            9: set_tcp_header(36);
            10: set_tcp_header(40);
            11: set_tcp_header(44);
            12: set_tcp_header(48);
            13: set_tcp_header(52);
            14: set_tcp_header(56);
            15: set_tcp_header(60);
        }
        size = 16;
    }

    @hidden
    action untag() { hdr.ethernet.type = hdr.vlan.type; }

    apply {
        m.ingress_port = (port_num_t)ig_intr_md.ingress_port;
        if (ig_prsr_md.parser_err != PARSER_ERROR_OK) { m.parser_error = true; }
        /* What has options is not looked at. */
        m.length.ip_header = 20;
        tcp_header_length.apply();
        if (hdr.vlan.isValid() && hdr.vlan.vid == 0) { untag(); }
    }
}

#endif

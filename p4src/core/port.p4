/* Port: the MAC address of the port a packet came in by, and whether the frame is meant for us.
 *
 * Reads m.ingress_port, hdr.ethernet; writes m.port_mac, m.verdict. First control after packet_out dispatch. */
#ifndef _PORT_P4_
#define _PORT_P4_

control Port(inout headers_t hdr, inout metadata_t m) {
    @id(ID_A_PORT_SET) @name(".port_set")
    action port_set(@id(1) mac_t mac) {
        m.port_mac = mac;
        m.foreign_mac = hdr.ethernet.dst ^ mac;
    }

    @hidden
    table broadcast {
        key = { hdr.ethernet.dst : exact; }
        actions = { NoAction; }
        const default_action = NoAction();
        const entries = { 48w0xffffffffffff : NoAction(); }
    }

    @id(ID_T_PORT) @name(".port")
    table port {
        key = { m.ingress_port : exact @id(1) @name("port"); }
        actions = { port_set; @defaultonly NoAction; }
        const default_action = NoAction();
        size = PORT_TABLE_SIZE;
    }

    apply {
        /* A port without entry has no address, not the address of zeros. */
        if (!port.apply().hit) {
            m.verdict.drop = (bit<8>)DropReason.NOT_FOR_US;
        } else {
            /* In two, as 48 bits are too many for one condition of an ASIC. */
            if (m.foreign_mac[47:32] != 0) { m.foreign = true; }
            if (m.foreign_mac[31:0] != 0) { m.foreign = true; }
            if (m.foreign) {
                if (!hdr.arp.isValid()) {
                    m.verdict.drop = (bit<8>)DropReason.NOT_FOR_US;
                } else if (!broadcast.apply().hit) {
                    m.verdict.drop = (bit<8>)DropReason.NOT_FOR_US;
                }
            }
        }
    }
}

#endif

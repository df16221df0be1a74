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
        } else if (m.foreign_mac != 0 && !(hdr.arp.isValid() && hdr.ethernet.dst == 48w0xffffffffffff)) {
            m.verdict.drop = (bit<8>)DropReason.NOT_FOR_US;
        }
    }
}

#endif

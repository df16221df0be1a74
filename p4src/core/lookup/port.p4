/* Port: the MAC address of the interface a packet came in by, its port and VLAN, and whether the frame is meant for us; the controller's reset is.
 *
 * Neighbor discovery is meant for us by any multicast address: its target says whether it is.
 * Reads m.ingress_port, m.reset and hdr.ethernet; writes m.port_mac, m.foreign. */
#ifndef _PORT_P4_
#define _PORT_P4_

#include "../target.p4"

/* The first 16 bits of the MAC address of an IPv6 multicast address (RFC 2464). */
#define MULTICAST6_MAC 0x3333

control Port(inout headers_t hdr, inout metadata_t m) {
    bool known = false;

    @id(ID_A_PORT_SET) @name(".port_set")
    action port_set(@id(1) mac_t mac) {
        known = true;
        m.port_mac = mac;
        m.foreign_mac = hdr.ethernet.dst ^ mac;
    }

    @id(ID_A_NO_INTERFACE) @name(".no_interface")
    action no_interface() { OF_NO_INTERFACE }

    @id(ID_T_PORT) @name(".port")
    PLACE_PORT
    table port {
        key = { m.ingress_port : exact @id(1) @name("port"); }
        actions = { port_set; @defaultonly no_interface; }
        const default_action = no_interface();
        size = PORT_TABLE_SIZE;
    }

    @hidden
    action ours() { }

    @hidden
    action foreign() { m.foreign = true; }

    /* A port without entry has no address, not the address of zeros. */
    @hidden
    table destination {
        key = {
            known              : ternary;
            m.foreign_mac      : ternary;
            hdr.ethernet.dst   : ternary;
            hdr.arp.isValid()  : ternary;
            m.reset            : ternary;
        }
        actions = { ours; foreign; }
        const default_action = foreign();
        const entries = {
            (true, 0, _, _, _)                 : ours();
            (true, _, 0xffffffffffff, true, _) : ours();
            (_, _, _, _, true)                 : ours();
        }
    }

    apply {
        port.apply();
        if (IS_DISCOVERY && known && hdr.ethernet.dst[47:32] == MULTICAST6_MAC) { ours(); } else { destination.apply(); }
    }
}

#endif

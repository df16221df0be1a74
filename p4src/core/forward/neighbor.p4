/* Neighbor: next hop to port and MAC addresses.
 *
 * Before any rewrite, so that the MTU is known when TOA is to be inserted. Reads m.next_hop, m.route.drop and m.length;
 * writes m.verdict, m.route and the Ethernet header. */
#ifndef _NEIGHBOR_P4_
#define _NEIGHBOR_P4_

#include "../target.p4"

control Neighbor(inout headers_t hdr, inout metadata_t m) {
    @id(ID_A_NEIGHBOR_SET) @name(".neighbor_set")
    action neighbor_set(@id(1) port_num_t port, @id(2) mac_t source, @id(3) mac_t destination, @id(4) bit<16> mtu) {
        m.verdict.out_port = port;
        hdr.ethernet.src = source;
        hdr.ethernet.dst = destination;
        m.route.room = mtu |-| m.length.last;
        m.route.toa_room = mtu |-| m.length.toa_last;
    }

    @id(ID_A_NO_NEIGHBOR) @name(".no_neighbor")
    action no_neighbor() {
        m.verdict.drop = (bit<8>)DropReason.NO_NEIGHBOR;
        m.verdict.punt = (bit<8>)PuntReason.NO_NEIGHBOR;
        /* Whoever resolves it will see whether it fits. */
        m.route.room = 0xffff;
        m.route.toa_room = 0xffff;
    }

    @id(ID_T_NEIGHBOR) @name(".neighbor")
    table neighbor {
        key = { m.next_hop : exact @id(1) @name("address"); }
        actions = { neighbor_set; @defaultonly no_neighbor; }
        const default_action = no_neighbor();
        size = NEIGHBOR_TABLE_SIZE;
    }

    apply {
        if (m.route.drop == (bit<8>)DropReason.NONE) {
            neighbor.apply();
        } else {
            m.verdict.drop = m.route.drop;
        }
    }
}

#endif

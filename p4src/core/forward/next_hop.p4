/* NextHop: what leads to a next hop: port, MAC addresses and MTU.
 *
 * Keyed by an id, so that all that is routed shares it, whatever the addresses. Before any rewrite, so that the MTU is known when TOA is
 * to be inserted. Reads m.route and m.length; writes m.verdict, m.route and the Ethernet header. */
#ifndef _NEXT_HOP_P4_
#define _NEXT_HOP_P4_

#include "../target.p4"

control NextHop(inout headers_t hdr, inout metadata_t m) {
    @id(ID_A_NEXT_HOP_SET) @name(".next_hop_set")
    action next_hop_set(@id(1) port_num_t port, @id(2) mac_t source, @id(3) mac_t destination, @id(4) bit<16> mtu) {
        m.verdict.out_port = port;
        hdr.ethernet.src = source;
        hdr.ethernet.dst = destination;
        m.route.room = mtu |-| m.length.last;
        m.route.toa_room = mtu |-| m.length.toa_last;
    }

    @id(ID_A_NEXT_HOP_UNRESOLVED) @name(".next_hop_unresolved")
    action next_hop_unresolved() {
        m.verdict.drop = (bit<8>)DropReason.NO_NEIGHBOR;
        m.verdict.punt = (bit<8>)PuntReason.NO_NEIGHBOR;
        /* Whoever resolves it will see whether it fits. */
        m.route.room = 0xffff;
        m.route.toa_room = 0xffff;
    }

    /* A gateway has its entry as long as a route leads to it; a host of a connected network that is not known has id 0, and none. */
    @id(ID_T_NEXT_HOP) @name(".next_hop")
    table next_hop {
        key = { m.route.next_hop_id : exact @id(1) @name("next_hop_id"); }
        actions = { next_hop_set; next_hop_unresolved; }
        const default_action = next_hop_unresolved();
        size = NEXT_HOP_TABLE_SIZE;
    }

    apply {
        if (m.route.drop == (bit<8>)DropReason.NONE) {
            next_hop.apply();
        } else {
            m.verdict.drop = m.route.drop;
        }
    }
}

#endif

/* Route: longest prefix to next hop, next hop to port and MAC addresses.
 *
 * Looks up m.next_hop (the destination after any rewrite), so that the MTU is known before TOA is inserted. Decides
 * nothing: Forward does, so that a target may look the way up before it knows whether the packet goes. Writes m.route
 * and the Ethernet header. */
#ifndef _ROUTE_P4_
#define _ROUTE_P4_

control Route(inout headers_t hdr, inout metadata_t m) {
    @id(ID_A_ROUTE_VIA) @name(".route_via")
    action route_via(@id(1) ipv4_t gateway) { m.next_hop = gateway; }

    @id(ID_A_ROUTE_CONNECTED) @name(".route_connected")
    action route_connected() { }

    @id(ID_A_ROUTE_DROP) @name(".route_drop")
    action route_drop() { m.route.drop = (bit<8>)DropReason.ROUTE; }

    @id(ID_T_ROUTE) @name(".ipv4_route")
    table ipv4_route {
        key = { m.next_hop : lpm @id(1) @name("prefix"); }
        actions = { route_via; route_connected; route_drop; @defaultonly NoAction; }
        const default_action = NoAction();
        size = ROUTE_TABLE_SIZE;
    }

    @id(ID_A_NEIGHBOR_SET) @name(".neighbor_set")
    action neighbor_set(@id(1) port_num_t port, @id(2) mac_t source, @id(3) mac_t destination, @id(4) bit<16> mtu) {
        m.route.port = port;
        m.route.source = source;
        m.route.destination = destination;
        m.route.excess = hdr.ipv4.total_len |-| mtu;
        m.route.toa_excess = m.toa_total_len |-| mtu;
    }

    @id(ID_T_NEIGHBOR) @name(".neighbor")
    table neighbor {
        key = { m.next_hop : exact @id(1) @name("address"); }
        actions = { neighbor_set; @defaultonly NoAction; }
        const default_action = NoAction();
        size = NEIGHBOR_TABLE_SIZE;
    }

    apply {
        if (!ipv4_route.apply().hit) {
            m.route.drop = (bit<8>)DropReason.NO_ROUTE;
        } else if (m.route.drop == (bit<8>)DropReason.NONE) {
            if (!neighbor.apply().hit) {
                m.route.drop = (bit<8>)DropReason.NO_NEIGHBOR;
                m.route.punt = (bit<8>)PuntReason.NO_NEIGHBOR;
            }
        }
    }
}

#endif

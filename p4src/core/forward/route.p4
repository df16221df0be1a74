/* Route: longest prefix to next hop.
 *
 * Looks up m.next_hop (the destination after any rewrite). Decides nothing: Neighbor does, so that a target may look the
 * way up before it knows whether the packet goes. Writes m.next_hop and m.route.drop. */
#ifndef _ROUTE_P4_
#define _ROUTE_P4_

#include "../target.p4"

control Route(inout headers_t hdr, inout metadata_t m) {
    @id(ID_A_ROUTE_VIA) @name(".route_via")
    action route_via(@id(1) ipv4_addr_t gateway) { m.next_hop = gateway; }

    @id(ID_A_ROUTE_CONNECTED) @name(".route_connected")
    action route_connected() { }

    @id(ID_A_ROUTE_DROP) @name(".route_drop")
    action route_drop() { m.route.drop = (bit<8>)DropReason.ROUTE; }

    @id(ID_A_NO_ROUTE) @name(".no_route")
    action no_route() { m.route.drop = (bit<8>)DropReason.NO_ROUTE; }

    @id(ID_T_ROUTE) @name(".ipv4_route")
    table ipv4_route {
        key = { m.next_hop : lpm @id(1) @name("prefix"); }
        actions = { route_via; route_connected; route_drop; @defaultonly no_route; }
        const default_action = no_route();
        size = ROUTE_TABLE_SIZE;
    }

    apply {
        if (m.route.drop == (bit<8>)DropReason.NONE) { ipv4_route.apply(); }
    }
}

#endif

/* Route: which next hop a destination has, by its id.
 *
 * ipv4_host has hosts of connected networks whose link-layer address is known, ipv4_route prefixes. A host is in its table only while
 * the longest prefix that matches it is a connected network's, so one that is found needs no prefix; and on an ASIC both tables stand
 * in one stage. Both have a twin for IPv6. Looks up m.next_hop or m.next_hop6. Decides nothing: NextHop does, so that a target may look the way up before it knows whether the
 * packet goes. Writes m.route. */
#ifndef _ROUTE_P4_
#define _ROUTE_P4_

#include "../target.p4"

control Route(inout headers_t hdr, inout metadata_t m) {
    @id(ID_A_ROUTE_VIA) @name(".route_via")
    action route_via(@id(1) @refers_to(next_hop, next_hop_id) next_hop_id_t next_hop_id) {
        m.route.next_hop_id = next_hop_id;
    }

    /* The destination itself is the next hop, and not known yet. */
    @id(ID_A_ROUTE_CONNECTED) @name(".route_connected")
    action route_connected() { }

    @id(ID_A_ROUTE_DROP) @name(".route_drop")
    action route_drop() { m.route.drop = (bit<8>)DropReason.ROUTE; }

    @id(ID_A_NO_ROUTE) @name(".no_route")
    action no_route() { m.route.drop = (bit<8>)DropReason.NO_ROUTE; }

    @id(ID_T_IPV4_HOST) @name(".ipv4_host")
    table ipv4_host {
        key = { m.next_hop : exact @id(1) @name("address"); }
        actions = { route_via; @defaultonly NoAction; }
        const default_action = NoAction();
        size = IPV4_HOST_TABLE_SIZE;
    }

    @id(ID_T_ROUTE) @name(".ipv4_route")
    table ipv4_route {
        key = { m.next_hop : lpm @id(1) @name("prefix"); }
        actions = { route_via; route_connected; route_drop; @defaultonly no_route; }
        const default_action = no_route();
        size = ROUTE_TABLE_SIZE;
    }

    @id(ID_T_IPV6_HOST) @name(".ipv6_host")
    table ipv6_host {
        key = { m.next_hop6 : exact @id(1) @name("address"); }
        actions = { route_via; @defaultonly NoAction; }
        const default_action = NoAction();
        size = IPV6_HOST_TABLE_SIZE;
    }

    @id(ID_T_ROUTE6) @name(".ipv6_route")
    table ipv6_route {
        key = { m.next_hop6 : lpm @id(1) @name("prefix"); }
        actions = { route_via; route_connected; route_drop; @defaultonly no_route; }
        const default_action = no_route();
        size = ROUTE6_TABLE_SIZE;
    }

    apply {
        if (m.route.drop == (bit<8>)DropReason.NONE) {
            if (VIA_IPV6) {
                if (!ipv6_host.apply().hit) { ipv6_route.apply(); }
            } else if (!ipv4_host.apply().hit) {
                ipv4_route.apply();
            }
        }
    }
}

#endif

/* TNA, with IPV6_ROOM only: the tables that IPv6 will need, to see that the chip has room for them beside those of IPv4.
 *
 * `make tofino` compiles the program with them once more and reports it; nothing runs it. Lookups, and what they find, are
 * those of their IPv4 counterparts in core/. Session ids, registers, counters, next hops and all behind them are shared. What is
 * missing needs no tables of its own: ICMPv6, the way of what is not TCP, what Validate says of an IPv6 header, and the rewrite in egress. */
#ifndef _TNA_IPV6_ROOM_TABLES_P4_
#define _TNA_IPV6_ROOM_TABLES_P4_

#ifdef IPV6_ROOM

control Ipv6Addressee(inout headers_t hdr, inout metadata_t m) {
    action own_vip6() { m.own.address = true; m.own.vip = true; m.own.answers_echo = true; }
    action own_local6() { m.own.address = true; }
    action own_interface6() { m.own.address = true; m.own.answers_echo = true; }

    table own_address6 {
        key = { hdr.ipv6.dst : exact; }
        actions = { own_vip6; own_local6; own_interface6; @defaultonly NoAction; }
        const default_action = NoAction();
        size = OWN_ADDRESS6_TABLE_SIZE;
    }

    action service_punt6(bit<8> flags) {
        m.own.served = true;
        m.own.flags = flags;
    }

    table virtual_service6 {
        key = {
            hdr.ipv6.next_header : exact;
            hdr.ipv6.dst         : exact;
            m.flow.dst_port      : exact;
        }
        actions = { service_punt6; @defaultonly NoAction; }
        const default_action = NoAction();
        size = SERVICE6_TABLE_SIZE;
    }

    apply {
        own_address6.apply();
        if (hdr.ports.isValid()) { virtual_service6.apply(); }
    }
}

control Ipv6Session(inout headers_t hdr, inout metadata_t m) {
    DirectCounter<bit<32>>(COUNTED) session_in6_ctr;
    DirectCounter<bit<32>>(COUNTED) session_out6_ctr;

    action fullnat_in6(session_id_t session_id, server_id_t server_id, ipv6_addr_t local, l4_port_t local_port,
                       bit<32> delta) {
        session_in6_ctr.count();
        m.session.direction = (bit<8>)Direction.IN;
        m.session.id = session_id;
        m.session.server_id = server_id;
        m.target.ipv6.src = local;
        m.session.src_port = local_port;
        m.session.delta = delta;
    }

    action fullnat_out6(session_id_t session_id, server_id_t server_id, ipv6_addr_t client, l4_port_t client_port,
                        bit<32> delta) {
        session_out6_ctr.count();
        m.session.direction = (bit<8>)Direction.OUT;
        m.session.id = session_id;
        m.session.server_id = server_id;
        m.target.ipv6.dst = client;
        m.session.dst_port = client_port;
        m.session.delta = delta;
    }

    PLACE_SESSION_IN6
    table session_in6 {
        key = {
            hdr.ipv6.next_header : exact;
            hdr.ipv6.src         : exact;
            m.flow.src_port      : exact;
            hdr.ipv6.dst         : exact;
            m.flow.dst_port      : exact;
        }
        actions = { fullnat_in6; @defaultonly NoAction; }
        const default_action = NoAction();
        size = SESSION6_TABLE_SIZE;
        counters = session_in6_ctr;
        idle_timeout = true;
    }

    PLACE_SESSION_OUT6
    table session_out6 {
        key = {
            hdr.ipv6.next_header : exact;
            hdr.ipv6.src         : exact;
            m.flow.src_port      : exact;
            hdr.ipv6.dst         : exact;
            m.flow.dst_port      : exact;
        }
        actions = { fullnat_out6; @defaultonly NoAction; }
        const default_action = NoAction();
        size = SESSION6_TABLE_SIZE;
        counters = session_out6_ctr;
        idle_timeout = true;
    }

    apply {
        APPLY_EITHER(session_in6, session_out6)
    }
}

control Ipv6Server(inout headers_t hdr, inout metadata_t m) {
    action to_server6(bit<8> flags, ipv6_addr_t address, l4_port_t port) {
        m.session.flags = flags;
        m.target.ipv6.dst = address;
        m.session.dst_port = port;
    }

    action from_vip6(bit<8> flags, ipv6_addr_t vip, l4_port_t vport) {
        m.session.flags = flags;
        m.target.ipv6.src = vip;
        m.session.src_port = vport;
    }

    action no_server6() { m.route.drop = (bit<8>)DropReason.SERVER; }

    table server_in6 {
        key = { m.session.server_id : exact; }
        actions = { to_server6; @defaultonly no_server6; }
        const default_action = no_server6();
        size = SERVER6_TABLE_SIZE;
    }

    table server_out6 {
        key = { m.session.server_id : exact; }
        actions = { from_vip6; @defaultonly no_server6; }
        const default_action = no_server6();
        size = SERVER6_TABLE_SIZE;
    }

    apply {
        if (m.session.direction == (bit<8>)Direction.IN) {
            server_in6.apply();
        } else {
            server_out6.apply();
        }
    }
}

/* The prefix, and the host of a connected network, in one stage; which of them it is, a stage later. */
control Ipv6Route(inout headers_t hdr, inout metadata_t m) {
    action route_via6(next_hop_id_t next_hop_id) { m.route.next_hop_id = next_hop_id; }
    action route_connected6() { m.target.ipv6.connected = true; }
    action route_drop6() { m.route.drop = (bit<8>)DropReason.ROUTE; }
    action no_route6() { m.route.drop = (bit<8>)DropReason.NO_ROUTE; }

    table ipv6_route {
        key = { m.target.ipv6.dst : lpm; }
        actions = { route_via6; route_connected6; route_drop6; @defaultonly no_route6; }
        const default_action = no_route6();
        size = ROUTE6_TABLE_SIZE;
    }

    action host_via6(next_hop_id_t next_hop_id) { m.target.ipv6.host = next_hop_id; }

    table ipv6_host {
        key = { m.target.ipv6.dst : exact; }
        actions = { host_via6; @defaultonly NoAction; }
        const default_action = NoAction();
        size = IPV6_HOST_TABLE_SIZE;
    }

    apply {
        if (hdr.ipv6.isValid()) {
            if (m.route.drop == (bit<8>)DropReason.NONE) { ipv6_route.apply(); }
            ipv6_host.apply();
        }
    }
}

control Ipv6NextHop(inout headers_t hdr, inout metadata_t m) {
    apply {
        if (m.target.ipv6.connected) { m.route.next_hop_id = m.target.ipv6.host; }
    }
}

#endif

#endif

/* Server: what all sessions of one (virtual service, real server) share, by server_id.
 *
 * server_in is for what clients send, server_out for what the real server sends; each has one entry per server_id. Kept out
 * of the session tables, this makes their action data fit one SRAM block per 1,024 entries of an ASIC. After Session, if it
 * found a session. Reads m.session; writes m.session, m.next_hop, m.next_hop6 and m.route.drop. */
#ifndef _SERVER_P4_
#define _SERVER_P4_

#include "../target.p4"

/* In the action of a tunnel: the packet stays what it is, and Route looks for an address of the outer header's family. */
#ifdef IPV6
#define IPV6_INSIDE(OUTER) m.session.ipv6 = m.via6; m.session.dst6 = m.flow.dst6; m.via6 = OUTER;
#else
#define IPV6_INSIDE(OUTER)
#endif

control Server(inout headers_t hdr, inout metadata_t m) {
    JudgeFamilies() judge_families;

    @id(ID_A_TO_SERVER) @name(".to_server")
    action to_server(@id(1) bit<8> flags, @id(2) ipv4_addr_t address, @id(3) l4_port_t port) {
        m.session.flags = flags;
        m.session.dst = address;
        m.session.dst_port = port;
        m.next_hop = address;
    }

    /* Direct routing: the server has the VIP itself. It is next door, and the destination stays. */
    @id(ID_A_TO_SERVER_DIRECT) @name(".to_server_direct")
    action to_server_direct(@id(1) bit<8> flags, @id(2) ipv4_addr_t address) {
        m.session.flags = flags;
        m.session.dst = m.flow.dst;
        m.session.dst_port = m.flow.dst_port;
        m.next_hop = address;
    }

    @id(ID_A_TO_SERVER6) @name(".to_server6")
    action to_server6(@id(1) bit<8> flags, @id(2) ipv6_addr_t address, @id(3) l4_port_t port) {
        m.session.flags = flags;
        m.session.ipv6 = true;
        m.session.dst6 = address;
        m.session.dst_port = port;
        m.next_hop6 = address;
    }

    @id(ID_A_TO_SERVER_DIRECT6) @name(".to_server_direct6")
    action to_server_direct6(@id(1) bit<8> flags, @id(2) ipv6_addr_t address) {
        m.session.flags = flags;
        m.session.ipv6 = true;
        m.session.dst6 = m.flow.dst6;
        m.session.dst_port = m.flow.dst_port;
        m.next_hop6 = address;
    }

    /* The same through a tunnel, wherever the server is. What is inside is of either family, and keeps it. */
    @id(ID_A_TO_SERVER_TUNNEL) @name(".to_server_tunnel")
    action to_server_tunnel(@id(1) bit<8> flags, @id(2) ipv4_addr_t address, @id(3) ipv4_addr_t source) {
        m.session.flags = flags;
        m.session.dst = m.flow.dst;
        m.session.dst_port = m.flow.dst_port;
        m.next_hop = address;
        IPV6_INSIDE(false)
        TUNNEL(source)
    }

    @id(ID_A_TO_SERVER_GUE) @name(".to_server_gue")
    action to_server_gue(@id(1) bit<8> flags, @id(2) ipv4_addr_t address, @id(3) ipv4_addr_t source) {
        m.session.flags = flags;
        m.session.dst = m.flow.dst;
        m.session.dst_port = m.flow.dst_port;
        m.next_hop = address;
        IPV6_INSIDE(false)
        GUE(source)
    }

    @id(ID_A_TO_SERVER_TUNNEL6) @name(".to_server_tunnel6")
    action to_server_tunnel6(@id(1) bit<8> flags, @id(2) ipv6_addr_t address, @id(3) ipv6_addr_t source) {
        m.session.flags = flags;
        m.session.dst = m.flow.dst;
        m.session.dst_port = m.flow.dst_port;
        m.next_hop6 = address;
        IPV6_INSIDE(true)
        TUNNEL6(source)
    }

    @id(ID_A_TO_SERVER_GUE6) @name(".to_server_gue6")
    action to_server_gue6(@id(1) bit<8> flags, @id(2) ipv6_addr_t address, @id(3) ipv6_addr_t source) {
        m.session.flags = flags;
        m.session.dst = m.flow.dst;
        m.session.dst_port = m.flow.dst_port;
        m.next_hop6 = address;
        IPV6_INSIDE(true)
        GUE6(source)
    }

#ifdef SERVICE_MATCH
    /* Of a service of several ports: the server's port is the one that the client asked for. */
    @id(ID_A_TO_SERVER_ANY) @name(".to_server_any")
    action to_server_any(@id(1) bit<8> flags, @id(2) ipv4_addr_t address) {
        to_server(flags, address, m.flow.dst_port);
    }

    @id(ID_A_TO_SERVER_ANY6) @name(".to_server_any6")
    action to_server_any6(@id(1) bit<8> flags, @id(2) ipv6_addr_t address) {
        to_server6(flags, address, m.flow.dst_port);
    }

    /* Of SNAT: what a host inside sends goes where it is addressed to, from an address of ours. */
    @id(ID_A_TO_OUTSIDE) @name(".to_outside")
    action to_outside(@id(1) bit<8> flags, @id(2) ipv4_addr_t address) {
        m.session.flags = flags;
        m.session.src = address;
        m.session.dst = m.flow.dst;
        m.session.dst_port = m.flow.dst_port;
    }

    @id(ID_A_TO_OUTSIDE6) @name(".to_outside6")
    action to_outside6(@id(1) bit<8> flags, @id(2) ipv6_addr_t address) {
        m.session.flags = flags;
        m.session.ipv6 = true;
        m.session.src6 = address;
        m.session.dst6 = m.flow.dst6;
        m.session.dst_port = m.flow.dst_port;
    }
#endif

    @id(ID_A_FROM_VIP) @name(".from_vip")
    action from_vip(@id(1) bit<8> flags, @id(2) ipv4_addr_t vip, @id(3) l4_port_t vport) {
        m.session.flags = flags;
        m.session.src = vip;
        m.session.src_port = vport;
        m.next_hop = m.session.dst;
    }

    @id(ID_A_FROM_VIP6) @name(".from_vip6")
    action from_vip6(@id(1) bit<8> flags, @id(2) ipv6_addr_t vip, @id(3) l4_port_t vport) {
        m.session.flags = flags;
        m.session.ipv6 = true;
        m.session.src6 = vip;
        m.session.src_port = vport;
        m.next_hop6 = m.session.dst6;
    }

#ifdef SERVICE_MATCH
    @id(ID_A_FROM_VIP_ANY) @name(".from_vip_any")
    action from_vip_any(@id(1) bit<8> flags, @id(2) ipv4_addr_t vip) {
        from_vip(flags, vip, m.flow.src_port);
    }

    @id(ID_A_FROM_VIP_ANY6) @name(".from_vip_any6")
    action from_vip_any6(@id(1) bit<8> flags, @id(2) ipv6_addr_t vip) {
        from_vip6(flags, vip, m.flow.src_port);
    }

    /* Of SNAT: who answers stays who it is. */
    @id(ID_A_FROM_OUTSIDE) @name(".from_outside")
    action from_outside(@id(1) bit<8> flags) {
        from_vip(flags, m.flow.src, m.flow.src_port);
    }

    @id(ID_A_FROM_OUTSIDE6) @name(".from_outside6")
    action from_outside6(@id(1) bit<8> flags) {
        from_vip6(flags, m.flow.src6, m.flow.src_port);
    }
#endif

    @id(ID_A_NO_SERVER) @name(".no_server")
    action no_server() { m.route.drop = (bit<8>)DropReason.SERVER; }

    @id(ID_T_SERVER_IN) @name(".server_in")
    table server_in {
        key = { m.session.server_id : exact @id(1) @name("server_id"); }
        actions = {
            to_server; to_server_direct; to_server_tunnel; to_server_gue;
#ifdef IPV6
            to_server6; to_server_direct6; to_server_tunnel6; to_server_gue6;
#endif
#ifdef SERVICE_MATCH
            to_server_any; to_server_any6; to_outside; to_outside6;
#endif
            @defaultonly no_server;
        }
        const default_action = no_server();
        size = SERVER_TABLE_SIZE;
    }

    @id(ID_T_SERVER_OUT) @name(".server_out")
    table server_out {
        key = { m.session.server_id : exact @id(1) @name("server_id"); }
        actions = {
            from_vip;
#ifdef IPV6
            from_vip6;
#endif
#ifdef SERVICE_MATCH
            from_vip_any; from_vip_any6; from_outside; from_outside6;
#endif
            @defaultonly no_server;
        }
        const default_action = no_server();
        size = SERVER_TABLE_SIZE;
    }

    apply {
        if (m.session.direction == (bit<8>)Direction.OUT) {
            server_out.apply();
        } else {
            server_in.apply();
        }
        if (FAMILY_DIFFERS && m.route.drop == (bit<8>)DropReason.NONE) { judge_families.apply(hdr, m); }
    }
}

#endif

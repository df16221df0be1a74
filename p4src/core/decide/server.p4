/* Server: what all sessions of one (virtual service, real server) share, by server_id.
 *
 * server_in is for what clients send, server_out for what the real server sends; each has one entry per server_id. Kept out
 * of the session tables, this makes their action data fit one SRAM block per 1,024 entries of an ASIC. After Session, if it
 * found a session. Reads m.session; writes m.session, m.next_hop and m.route.drop. */
#ifndef _SERVER_P4_
#define _SERVER_P4_

#include "../target.p4"

control Server(inout headers_t hdr, inout metadata_t m) {
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

    /* The same through a tunnel, wherever the server is. */
    @id(ID_A_TO_SERVER_TUNNEL) @name(".to_server_tunnel")
    action to_server_tunnel(@id(1) bit<8> flags, @id(2) ipv4_addr_t address, @id(3) ipv4_addr_t source) {
        m.session.flags = flags;
        m.session.dst = m.flow.dst;
        m.session.dst_port = m.flow.dst_port;
        m.next_hop = address;
        TUNNEL(source, address)
    }

    @id(ID_A_FROM_VIP) @name(".from_vip")
    action from_vip(@id(1) bit<8> flags, @id(2) ipv4_addr_t vip, @id(3) l4_port_t vport) {
        m.session.flags = flags;
        m.session.src = vip;
        m.session.src_port = vport;
        m.next_hop = m.session.dst;
    }

    @id(ID_A_NO_SERVER) @name(".no_server")
    action no_server() { m.route.drop = (bit<8>)DropReason.SERVER; }

    @id(ID_T_SERVER_IN) @name(".server_in")
    table server_in {
        key = { m.session.server_id : exact @id(1) @name("server_id"); }
        actions = { to_server; to_server_direct; to_server_tunnel; @defaultonly no_server; }
        const default_action = no_server();
        size = SERVER_TABLE_SIZE;
    }

    @id(ID_T_SERVER_OUT) @name(".server_out")
    table server_out {
        key = { m.session.server_id : exact @id(1) @name("server_id"); }
        actions = { from_vip; @defaultonly no_server; }
        const default_action = no_server();
        size = SERVER_TABLE_SIZE;
    }

    apply {
        if (m.session.direction == (bit<8>)Direction.IN) {
            server_in.apply();
        } else {
            server_out.apply();
        }
    }
}

#endif

/* Session: which session a packet belongs to, and in which direction.
 *
 * One session is one entry in each table with the same session_id, which is also in the entry's controller_metadata.
 * session_in is keyed by what the client sends (OUT2IN), session_out by what the real server sends (IN2OUT). The action
 * data are the addresses and ports after the rewrite that are the session's own; Server has those that it shares with
 * others. The tables of IPv6 are others, as the keys of IPv4 would be as wide as theirs.
 * Reads m.flow; writes m.session. */
#ifndef _SESSION_P4_
#define _SESSION_P4_

#include "../target.p4"

control Session(inout headers_t hdr, inout metadata_t m) {
    DIRECT_COUNTER(ID_DC_SESSION_IN, ".session_in_ctr", session_in_ctr)
    DIRECT_COUNTER(ID_DC_SESSION_OUT, ".session_out_ctr", session_out_ctr)

    DIRECT_COUNTER(ID_DC_SESSION_IN6, ".session_in6_ctr", session_in6_ctr)
    DIRECT_COUNTER(ID_DC_SESSION_OUT6, ".session_out6_ctr", session_out6_ctr)
#ifdef IPV6
    DIRECT_COUNTER(ID_DC_SESSION46, ".session46_ctr", session46_ctr)
#endif

    @id(ID_A_FULLNAT_IN) @name(".fullnat_in")
    action fullnat_in(@id(1) session_id_t session_id,
                      @id(2) @refers_to(server_in, server_id) @refers_to(server_out, server_id) server_id_t server_id,
                      @id(3) ipv4_addr_t local, @id(4) l4_port_t local_port, @id(5) bit<32> delta) {
        DIRECT_COUNT(session_in_ctr);
        m.session.direction = (bit<8>)Direction.IN;
        m.session.id = session_id;
        m.session.server_id = server_id;
        m.session.src = local;
        m.session.src_port = local_port;
        m.session.delta = delta;
    }

    @id(ID_A_FULLNAT_OUT) @name(".fullnat_out")
    action fullnat_out(@id(1) session_id_t session_id,
                       @id(2) @refers_to(server_in, server_id) @refers_to(server_out, server_id) server_id_t server_id,
                       @id(3) ipv4_addr_t client, @id(4) l4_port_t client_port, @id(5) bit<32> delta) {
        DIRECT_COUNT(session_out_ctr);
        m.session.direction = (bit<8>)Direction.OUT;
        m.session.id = session_id;
        m.session.server_id = server_id;
        m.session.dst = client;
        m.session.dst_port = client_port;
        m.session.delta = delta;
    }

    @id(ID_A_FULLNAT_IN6) @name(".fullnat_in6")
    action fullnat_in6(@id(1) session_id_t session_id,
                       @id(2) @refers_to(server_in, server_id) @refers_to(server_out, server_id) server_id_t server_id,
                       @id(3) ipv6_addr_t local, @id(4) l4_port_t local_port, @id(5) bit<32> delta) {
        DIRECT_COUNT(session_in6_ctr);
        m.session.direction = (bit<8>)Direction.IN;
        m.session.id = session_id;
        m.session.server_id = server_id;
        m.session.src6 = local;
        m.session.src_port = local_port;
        m.session.delta = delta;
    }

    @id(ID_A_FULLNAT_OUT6) @name(".fullnat_out6")
    action fullnat_out6(@id(1) session_id_t session_id,
                        @id(2) @refers_to(server_in, server_id) @refers_to(server_out, server_id) server_id_t server_id,
                        @id(3) ipv6_addr_t client, @id(4) l4_port_t client_port, @id(5) bit<32> delta) {
        DIRECT_COUNT(session_out6_ctr);
        m.session.direction = (bit<8>)Direction.OUT;
        m.session.id = session_id;
        m.session.server_id = server_id;
        m.session.dst6 = client;
        m.session.dst_port = client_port;
        m.session.delta = delta;
    }

#ifdef SYN_COOKIES
#define SPLICE(VALUE) \
        m.session.spliced = true; \
        m.session.splice = VALUE;

    /* Sessions that a cookie began: the client knows other numbers of the server's than the server. All that is before the rewrite goes
     * by the server's. As long as the server has not answered, what either side sends goes to the controller. */
    @id(ID_A_SPLICED_IN) @name(".spliced_in")
    action spliced_in(@id(1) session_id_t session_id,
                      @id(2) @refers_to(server_in, server_id) @refers_to(server_out, server_id) server_id_t server_id,
                      @id(3) ipv4_addr_t local, @id(4) l4_port_t local_port, @id(5) bit<32> delta, @id(6) bit<32> splice) {
        fullnat_in(session_id, server_id, local, local_port, delta);
        SPLICE(splice)
        m.edit.shift_sack = true;
        if (hdr.tcp.isValid() && hdr.tcp.ack_flag == 1) { hdr.tcp.ack = hdr.tcp.ack - splice; }
        AWAIT_SERVER(splice)
    }

    @id(ID_A_SPLICED_OUT) @name(".spliced_out")
    action spliced_out(@id(1) session_id_t session_id,
                       @id(2) @refers_to(server_in, server_id) @refers_to(server_out, server_id) server_id_t server_id,
                       @id(3) ipv4_addr_t client, @id(4) l4_port_t client_port, @id(5) bit<32> delta, @id(6) bit<32> splice,
                       @id(7) bit<4> scale, @id(8) bit<4> narrowed) {
        fullnat_out(session_id, server_id, client, client_port, delta);
        SPLICE(splice)
        m.session.client_scale = scale;
        NARROW_WINDOW(narrowed)
        AWAIT_SERVER(splice)
    }

    @id(ID_A_SPLICED_IN6) @name(".spliced_in6")
    action spliced_in6(@id(1) session_id_t session_id,
                      @id(2) @refers_to(server_in, server_id) @refers_to(server_out, server_id) server_id_t server_id,
                      @id(3) ipv6_addr_t local, @id(4) l4_port_t local_port, @id(5) bit<32> delta, @id(6) bit<32> splice) {
        fullnat_in6(session_id, server_id, local, local_port, delta);
        SPLICE(splice)
        m.edit.shift_sack = true;
        if (hdr.tcp.isValid() && hdr.tcp.ack_flag == 1) { hdr.tcp.ack = hdr.tcp.ack - splice; }
        AWAIT_SERVER(splice)
    }

    @id(ID_A_SPLICED_OUT6) @name(".spliced_out6")
    action spliced_out6(@id(1) session_id_t session_id,
                       @id(2) @refers_to(server_in, server_id) @refers_to(server_out, server_id) server_id_t server_id,
                       @id(3) ipv6_addr_t client, @id(4) l4_port_t client_port, @id(5) bit<32> delta, @id(6) bit<32> splice,
                       @id(7) bit<4> scale, @id(8) bit<4> narrowed) {
        fullnat_out6(session_id, server_id, client, client_port, delta);
        SPLICE(splice)
        m.session.client_scale = scale;
        NARROW_WINDOW(narrowed)
        AWAIT_SERVER(splice)
    }
#define SPLICED_IN spliced_in;
#define SPLICED_OUT spliced_out;
#define SPLICED_IN6 spliced_in6;
#define SPLICED_OUT6 spliced_out6;
#else
#define SPLICED_IN
#define SPLICED_OUT
#define SPLICED_IN6
#define SPLICED_OUT6
#endif

#ifdef IPV6
    /* An IPv4 client's session with an IPv6 server, and the other way round. */
    @id(ID_A_NAT46_IN) @name(".nat46_in")
    action nat46_in(@id(1) session_id_t session_id,
                    @id(2) @refers_to(server_in, server_id) @refers_to(server_out, server_id) server_id_t server_id,
                    @id(3) ipv6_addr_t local, @id(4) l4_port_t local_port, @id(5) bit<32> delta) {
        DIRECT_COUNT(session46_ctr);
        m.session.direction = (bit<8>)Direction.IN;
        m.session.id = session_id;
        m.session.server_id = server_id;
        m.session.src6 = local;
        m.session.src_port = local_port;
        m.session.delta = delta;
        CHANGE_FAMILY(true)
    }

    @id(ID_A_NAT46_OUT) @name(".nat46_out")
    action nat46_out(@id(1) session_id_t session_id,
                    @id(2) @refers_to(server_in, server_id) @refers_to(server_out, server_id) server_id_t server_id,
                    @id(3) ipv4_addr_t client, @id(4) l4_port_t client_port, @id(5) bit<32> delta) {
        DIRECT_COUNT(session_out6_ctr);
        m.session.direction = (bit<8>)Direction.OUT;
        m.session.id = session_id;
        m.session.server_id = server_id;
        m.session.dst = client;
        m.session.dst_port = client_port;
        m.session.delta = delta;
        CHANGE_FAMILY(false)
    }

    @id(ID_A_NAT64_IN) @name(".nat64_in")
    action nat64_in(@id(1) session_id_t session_id,
                    @id(2) @refers_to(server_in, server_id) @refers_to(server_out, server_id) server_id_t server_id,
                    @id(3) ipv4_addr_t local, @id(4) l4_port_t local_port, @id(5) bit<32> delta) {
        DIRECT_COUNT(session_in6_ctr);
        m.session.direction = (bit<8>)Direction.IN;
        m.session.id = session_id;
        m.session.server_id = server_id;
        m.session.src = local;
        m.session.src_port = local_port;
        m.session.delta = delta;
        CHANGE_FAMILY(false)
    }

    @id(ID_A_NAT64_OUT) @name(".nat64_out")
    action nat64_out(@id(1) session_id_t session_id,
                    @id(2) @refers_to(server_in, server_id) @refers_to(server_out, server_id) server_id_t server_id,
                    @id(3) ipv6_addr_t client, @id(4) l4_port_t client_port, @id(5) bit<32> delta) {
        DIRECT_COUNT(session46_ctr);
        m.session.direction = (bit<8>)Direction.OUT;
        m.session.id = session_id;
        m.session.server_id = server_id;
        m.session.dst6 = client;
        m.session.dst_port = client_port;
        m.session.delta = delta;
        CHANGE_FAMILY(true)
    }
#endif

    @id(ID_T_SESSION_IN) @name(".session_in")
    PLACE_SESSION_IN
    table session_in {
        key = {
            m.flow.protocol : exact @id(1) @name("protocol");
            m.flow.src      : exact @id(2) @name("client");
            m.flow.src_port : exact @id(3) @name("client_port");
            m.flow.dst      : exact @id(4) @name("vip");
            m.flow.dst_port : exact @id(5) @name("vport");
        }
        actions = { fullnat_in; SPLICED_IN @defaultonly NoAction; }
        const default_action = NoAction();
        size = SESSION_TABLE_SIZE;
        DIRECT_COUNTERS(session_in_ctr)
        IDLE_TIMEOUT
    }

    @id(ID_T_SESSION_OUT) @name(".session_out")
    PLACE_SESSION_OUT
    table session_out {
        key = {
            m.flow.protocol : exact @id(1) @name("protocol");
            m.flow.src      : exact @id(2) @name("server");
            m.flow.src_port : exact @id(3) @name("server_port");
            m.flow.dst      : exact @id(4) @name("local");
            m.flow.dst_port : exact @id(5) @name("local_port");
        }
        actions = { fullnat_out; SPLICED_OUT @defaultonly NoAction; }
        const default_action = NoAction();
        size = SESSION_TABLE_SIZE;
        DIRECT_COUNTERS(session_out_ctr)
        IDLE_TIMEOUT
    }

    @id(ID_T_SESSION_IN6) @name(".session_in6")
    PLACE_SESSION_IN6
    table session_in6 {
        key = {
            m.flow.protocol : exact @id(1) @name("protocol");
            m.flow.src6     : exact @id(2) @name("client");
            m.flow.src_port : exact @id(3) @name("client_port");
            m.flow.dst6     : exact @id(4) @name("vip");
            m.flow.dst_port : exact @id(5) @name("vport");
        }
        actions = {
            fullnat_in6;
            SPLICED_IN6
#ifdef IPV6
            nat64_in;
#endif
            @defaultonly NoAction;
        }
        const default_action = NoAction();
        size = SESSION6_TABLE_SIZE;
        DIRECT_COUNTERS(session_in6_ctr)
        IDLE_TIMEOUT
    }

    @id(ID_T_SESSION_OUT6) @name(".session_out6")
    PLACE_SESSION_OUT6
    table session_out6 {
        key = {
            m.flow.protocol : exact @id(1) @name("protocol");
            m.flow.src6     : exact @id(2) @name("server");
            m.flow.src_port : exact @id(3) @name("server_port");
            m.flow.dst6     : exact @id(4) @name("local");
            m.flow.dst_port : exact @id(5) @name("local_port");
        }
        actions = {
            fullnat_out6;
            SPLICED_OUT6
#ifdef IPV6
            nat46_out;
#endif
            @defaultonly NoAction;
        }
        const default_action = NoAction();
        size = SESSION6_TABLE_SIZE;
        DIRECT_COUNTERS(session_out6_ctr)
        IDLE_TIMEOUT
    }

#ifdef IPV6
    /* What comes in IPv4 of sessions between families, from either side. A table of its own, as the addresses of IPv6 would
     * make the entries of all others larger; it is looked into when those are not found. */
    @id(ID_T_SESSION46) @name(".session46")
    table session46 {
        key = {
            m.flow.protocol : exact @id(1) @name("protocol");
            m.flow.src      : exact @id(2) @name("source");
            m.flow.src_port : exact @id(3) @name("source_port");
            m.flow.dst      : exact @id(4) @name("destination");
            m.flow.dst_port : exact @id(5) @name("destination_port");
        }
        actions = { nat46_in; nat64_out; @defaultonly NoAction; }
        const default_action = NoAction();
        size = SESSION46_TABLE_SIZE;
        DIRECT_COUNTERS(session46_ctr)
        IDLE_TIMEOUT
    }
#endif

    apply {
        if (IS_IPV6) {
            APPLY_EITHER(session_in6, session_out6)
        } else {
#ifdef IPV6
            if (!session_in.apply().hit) { if (!session_out.apply().hit) { session46.apply(); } }
#else
            APPLY_EITHER(session_in, session_out)
#endif
        }
    }
}

#endif

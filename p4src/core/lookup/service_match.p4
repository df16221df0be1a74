/* ServiceMatch: services of all ports of an address, and by match: prefixes, ranges of ports, interface (the firewall marks of LVS).
 *
 * Asked for what no session and no exact service has, so that those do not pay for it. Of several entries the one of the highest
 * priority is it; whose it is the controller knows by the same rules. After Addressee's exact tables. Reads m.flow and
 * m.ingress_port; writes m.own. */
#ifndef _SERVICE_MATCH_P4_
#define _SERVICE_MATCH_P4_

#include "../target.p4"

control ServiceMatch(inout headers_t hdr, inout metadata_t m) {
    @id(ID_A_MATCH_PUNT) @name(".match_punt")
    action match_punt(@id(1) bit<8> flags) {
        m.own.served = true;
        m.own.flags = flags;
    }

    @id(ID_A_MATCH_PUNT_POLICED) @name(".match_punt_policed")
    action match_punt_policed(@id(1) bit<8> flags, @id(2) bit<16> policy) {
        match_punt(flags);
        m.own.policy = policy;
    }

    @id(ID_T_SERVICE_MATCH) @name(".service_match")
    table service_match {
        key = {
            m.flow.protocol : ternary @id(1) @name("protocol");
            m.flow.src      : ternary @id(2) @name("source");
            m.flow.dst      : ternary @id(3) @name("destination");
            m.flow.src_port : range   @id(4) @name("source_port");
            m.flow.dst_port : range   @id(5) @name("destination_port");
            m.ingress_port  : ternary @id(6) @name("port");
        }
        actions = { match_punt; match_punt_policed; @defaultonly NoAction; }
        const default_action = NoAction();
        size = MATCH_TABLE_SIZE;
    }

    @id(ID_T_SERVICE_MATCH6) @name(".service_match6")
    table service_match6 {
        key = {
            m.flow.protocol : ternary @id(1) @name("protocol");
            m.flow.src6     : ternary @id(2) @name("source");
            m.flow.dst6     : ternary @id(3) @name("destination");
            m.flow.src_port : range   @id(4) @name("source_port");
            m.flow.dst_port : range   @id(5) @name("destination_port");
            m.ingress_port  : ternary @id(6) @name("port");
        }
        actions = { match_punt; match_punt_policed; @defaultonly NoAction; }
        const default_action = NoAction();
        size = MATCH_TABLE_SIZE;
    }

    apply {
        if (IS_IPV6) { service_match6.apply(); } else { service_match.apply(); }
    }
}

#endif

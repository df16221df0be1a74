/* Addressee: whether a packet's destination is an address of ours, and served.
 *
 * own_address says whose an address is: a VIP, a local address (the source towards real servers), or an interface's.
 * virtual_service says which (VIP, protocol, port) is served. What a real server sends to a local address belongs to a session,
 * or else its sender shall learn that there is none: the controller knows whether. The tables write different fields, so an ASIC
 * looks both up in one stage. Both have a twin for IPv6, which takes the same actions. What no exact service has is looked up by
 * ServiceMatch, on a target that has that.
 * Reads m.flow and m.addressed; writes m.own. */
#ifndef _ADDRESSEE_P4_
#define _ADDRESSEE_P4_

#include "../target.p4"
#ifdef SERVICE_MATCH
#include "service_match.p4"
#endif

control Addressee(inout headers_t hdr, inout metadata_t m) {
#ifdef SERVICE_MATCH
    ServiceMatch() service_match;
#endif
    @id(ID_A_OWN_VIP) @name(".own_vip")
    action own_vip() { m.own.address = true; m.own.vip = true; m.own.answers_echo = true; }

    /* One whose services are all down, and that shall tell who pings it. */
    @id(ID_A_OWN_VIP_SILENT) @name(".own_vip_silent")
    action own_vip_silent() { m.own.address = true; m.own.vip = true; }

    @id(ID_A_OWN_LOCAL) @name(".own_local")
    action own_local() { m.own.address = true; m.own.local = true; }

    @id(ID_A_OWN_INTERFACE) @name(".own_interface")
    action own_interface() { m.own.address = true; m.own.answers_echo = true; }

    @id(ID_T_OWN_ADDRESS) @name(".own_address")
    PLACE_ADDRESSEE
    table own_address {
        key = { m.addressed : exact @id(1) @name("address"); }
        actions = { own_vip; own_vip_silent; own_local; own_interface; @defaultonly NoAction; }
        const default_action = NoAction();
        size = OWN_ADDRESS_TABLE_SIZE;
    }

    @id(ID_A_SERVICE_PUNT) @name(".service_punt")
    action service_punt(@id(1) bit<8> flags) {
        m.own.served = true;
        m.own.flags = flags;
    }

#ifdef POLICIES
    @id(ID_A_SERVICE_PUNT_POLICED) @name(".service_punt_policed")
    action service_punt_policed(@id(1) bit<8> flags, @id(2) bit<16> policy) {
        service_punt(flags);
        m.own.policy = policy;
    }
#define SERVICE_PUNTS service_punt; service_punt_policed;
#else
#define SERVICE_PUNTS service_punt;
#endif

#ifdef STATELESS_SERVICES
    /* Where each flow goes, Stateless says. */
    @id(ID_A_SERVICE_STATELESS) @name(".service_stateless")
    action service_stateless(@id(1) bit<8> flags, @id(2) bit<16> group, @id(3) bit<32> mask) {
        m.own.served = true;
        m.own.flags = flags;
        m.own.stateless = true;
        m.own.group = group;
        m.own.bucket_mask = mask;
    }

    @id(ID_A_SERVICE_STATELESS_POLICED) @name(".service_stateless_policed")
    action service_stateless_policed(@id(1) bit<8> flags, @id(2) bit<16> group, @id(3) bit<32> mask, @id(4) bit<16> policy) {
        service_stateless(flags, group, mask);
        m.own.policy = policy;
    }
#define SERVICES SERVICE_PUNTS service_stateless; service_stateless_policed;
#else
#define SERVICES SERVICE_PUNTS
#endif

    @id(ID_T_SERVICE) @name(".virtual_service")
    PLACE_ADDRESSEE
    table virtual_service {
        key = {
            m.flow.protocol : exact @id(1) @name("protocol");
            m.flow.dst      : exact @id(2) @name("vip");
            m.flow.dst_port : exact @id(3) @name("vport");
        }
        actions = { SERVICES @defaultonly NoAction; }
        const default_action = NoAction();
        size = SERVICE_TABLE_SIZE;
    }

    @id(ID_T_OWN_ADDRESS6) @name(".own_address6")
    table own_address6 {
        key = { m.flow.dst6 : exact @id(1) @name("address"); }
        actions = { own_vip; own_vip_silent; own_local; own_interface; @defaultonly NoAction; }
        const default_action = NoAction();
        size = OWN_ADDRESS6_TABLE_SIZE;
    }

    @id(ID_T_SERVICE6) @name(".virtual_service6")
    table virtual_service6 {
        key = {
            m.flow.protocol : exact @id(1) @name("protocol");
            m.flow.dst6     : exact @id(2) @name("vip");
            m.flow.dst_port : exact @id(3) @name("vport");
        }
        actions = { SERVICES @defaultonly NoAction; }
        const default_action = NoAction();
        size = SERVICE6_TABLE_SIZE;
    }

    apply {
        if (IS_IPV6) {
            own_address6.apply();
            if (HAS_FLOW) { virtual_service6.apply(); }
        } else {
            own_address.apply();
            if (HAS_FLOW) { virtual_service.apply(); }
        }
#ifdef SERVICE_MATCH
        if (m.own.vip && !m.own.served && hdr.ports.isValid()) { service_match.apply(hdr, m); }
#endif
    }
}

#endif

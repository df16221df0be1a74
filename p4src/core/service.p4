/* Service: what happens to a packet without session that is addressed to us.
 *
 * own_address says whose an address is: a VIP, a local address (the source towards real servers), or an interface's.
 * virtual_service says which (VIP, protocol, port) is served: its SYNs go to the controller. Everything else that is
 * addressed to us is dropped for a named reason. Reads hdr; writes m.verdict, m.own_packet, hdr (echo reply). */
#ifndef _SERVICE_P4_
#define _SERVICE_P4_

#include "echo.p4"

control Service(inout headers_t hdr, inout metadata_t m) {
    IcmpEcho() icmp_echo;
    bool is_own = false;
    bool is_vip = false;
    bool answers_echo = false;

    @id(ID_A_OWN_VIP) @name(".own_vip")
    action own_vip() { is_own = true; is_vip = true; answers_echo = true; }

    @id(ID_A_OWN_LOCAL) @name(".own_local")
    action own_local() { is_own = true; }

    @id(ID_A_OWN_INTERFACE) @name(".own_interface")
    action own_interface() { is_own = true; answers_echo = true; }

    @id(ID_T_OWN_ADDRESS) @name(".own_address")
    table own_address {
        key = { m.next_hop : exact @id(1) @name("address"); }
        actions = { own_vip; own_local; own_interface; @defaultonly NoAction; }
        const default_action = NoAction();
        size = OWN_ADDRESS_TABLE_SIZE;
    }

    @id(ID_A_SERVICE_PUNT) @name(".service_punt")
    action service_punt(@id(1) bit<8> flags) { m.verdict.service_flags = flags; }

    @id(ID_T_SERVICE) @name(".virtual_service")
    table virtual_service {
        key = {
            hdr.ipv4.protocol : exact @id(1) @name("protocol");
            hdr.ipv4.dst      : exact @id(2) @name("vip");
            hdr.tcp.dst_port  : exact @id(3) @name("vport");
        }
        actions = { service_punt; @defaultonly NoAction; }
        const default_action = NoAction();
        size = SERVICE_TABLE_SIZE;
    }

    @hidden
    action drop(DropReason reason) { m.verdict.drop = (bit<8>)reason; }

    /* A TCP segment to a VIP that has no session. */
    @hidden
    action punt(PuntReason reason) { m.verdict.punt = (bit<8>)reason; }

    apply {
        own_address.apply();
        if (m.reset) {
            drop(DropReason.INJECT_MISS);
        } else if (hdr.arp.isValid()) {
            if (hdr.arp.sender_ip == hdr.arp.target_ip || (is_own && hdr.arp.operation == ARP_REPLY)) {
                /* An announcement, or an answer to the controller's question. */
                punt(PuntReason.ARP);
            } else if (!is_own || hdr.arp.operation == ARP_REPLY) {
                drop(DropReason.ARP);
            } else {
                hdr.arp.operation = ARP_REPLY;
                hdr.arp.target_mac = hdr.arp.sender_mac;
                hdr.arp.target_ip = hdr.arp.sender_ip;
                hdr.arp.sender_mac = m.port_mac;
                hdr.arp.sender_ip = m.next_hop;
                hdr.ethernet.dst = hdr.ethernet.src;
                hdr.ethernet.src = m.port_mac;
                m.own_packet = true;
                m.verdict.out_port = m.ingress_port;
            }
        } else if (is_own) {
            if (hdr.ipv4.fragment_offset != 0 || hdr.ipv4.more_fragments == 1) {
                drop(DropReason.FRAGMENT);
            } else if (hdr.icmp.isValid() && hdr.icmp.type == ICMP_ECHO_REQUEST && answers_echo) {
                icmp_echo.apply(hdr, m);
            } else if (!is_vip) {
                if (hdr.tcp.isValid()) { drop(DropReason.NO_SESSION); } else { drop(DropReason.PROTOCOL); }
            } else if (!hdr.tcp.isValid()) {
                drop(DropReason.PROTOCOL);
            } else if (!virtual_service.apply().hit) {
                drop(DropReason.NO_SERVICE);
            } else if (m.segment_fault != (bit<8>)DropReason.NONE) {
                m.verdict.drop = m.segment_fault;
            } else if (hdr.tcp.syn == 1 && hdr.tcp.ack_flag == 0) {
                if (m.injected) { drop(DropReason.INJECT_MISS); } else { punt(PuntReason.SERVICE_SYN); }
            } else if (m.verdict.service_flags & (bit<8>)ServiceFlag.RESET_ON_MISS != 0
                       && hdr.tcp.rst == 0 && !m.injected) {
                punt(PuntReason.NO_SESSION);
            } else {
                drop(DropReason.NO_SESSION);
            }
        }
    }
}

#endif

/* Service: what happens to a packet without session that is addressed to us.
 *
 * SYNs to a virtual service go to the controller; everything else that is addressed to us is answered, or dropped for a
 * named reason. After Addressee. Reads hdr and m.own; writes m.verdict, m.own_packet, hdr (ARP and echo replies). */
#ifndef _SERVICE_P4_
#define _SERVICE_P4_

#include "echo.p4"

control Service(inout headers_t hdr, inout metadata_t m) {
    IcmpEcho() icmp_echo;

    @hidden
    action drop(DropReason reason) { m.verdict.drop = (bit<8>)reason; }

    @hidden
    action punt(PuntReason reason) { m.verdict.punt = (bit<8>)reason; }

    @hidden
    action answer_arp() {
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

    apply {
        if (m.reset) {
            drop(DropReason.INJECT_MISS);
        } else if (hdr.arp.isValid()) {
            if (hdr.arp.sender_ip == hdr.arp.target_ip || (m.own.address && hdr.arp.operation == ARP_REPLY)) {
                /* An announcement, or an answer to the controller's question. */
                punt(PuntReason.ARP);
            } else if (!m.own.address || hdr.arp.operation == ARP_REPLY) {
                drop(DropReason.ARP);
            } else {
                answer_arp();
            }
        } else if (m.own.address) {
            if (hdr.ipv4.fragment_offset != 0 || hdr.ipv4.more_fragments == 1) {
                drop(DropReason.FRAGMENT);
            } else if (hdr.icmp.isValid() && hdr.icmp.type == ICMP_ECHO_REQUEST && m.own.answers_echo) {
                icmp_echo.apply(hdr, m);
            } else if (!m.own.vip) {
                if (hdr.tcp.isValid()) { drop(DropReason.NO_SESSION); } else { drop(DropReason.PROTOCOL); }
            } else if (!hdr.tcp.isValid()) {
                drop(DropReason.PROTOCOL);
            } else if (!m.own.served) {
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

/* Local: what happens to a packet that is addressed to us and is not TCP. ARP and echo requests are answered, everything
 * else is dropped for a named reason. After Addressee. Reads hdr and m.own; writes m.verdict, m.own_packet, hdr. */
#ifndef _LOCAL_P4_
#define _LOCAL_P4_

#include "echo.p4"

control Local(inout headers_t hdr, inout metadata_t m) {
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
        hdr.arp.sender_ip = m.addressed;
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
            } else {
                drop(DropReason.PROTOCOL);
            }
        }
    }
}

#endif

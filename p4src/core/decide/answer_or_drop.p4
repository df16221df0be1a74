/* AnswerOrDrop: what happens to a packet that is addressed to us and has no ports. ARP (RFC 826) and echo requests (RFC 792) are
 * answered, everything else is dropped for a named reason, or is an ICMP error for the controller. After Addressee. Reads hdr, m.own and m.answer; writes m.verdict,
 * m.next_hop, m.own_packet and hdr. */
#ifndef _ANSWER_OR_DROP_P4_
#define _ANSWER_OR_DROP_P4_

#include "../target.p4"

/* Whose address an ARP message tells of, and whether the checksum of an answered echo request carries: m.answer. */
control CompareForAnswer(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action compare() {
        m.answer.asked = hdr.arp.sender_ip ^ hdr.arp.target_ip;
        m.answer.carry = hdr.icmp.checksum |-| 16w0xf7ff;
    }

    @hidden
    action compare6() { m.answer.no_borrow = hdr.icmpv6.checksum |-| 16w0x00ff; }

    apply {
        if (IS_IPV6) { compare6(); } else { compare(); }
    }
}

control AnswerOrDrop(inout headers_t hdr, inout metadata_t m) {
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
        m.verdict.punt = (bit<8>)PuntReason.NEIGHBOR;
    }

    /* Source and destination change places, which no checksum notices; the ICMP checksum changes by the type alone. */
    @hidden
    action answer_echo(bit<16> change) {
        m.next_hop = hdr.ipv4.src;
        hdr.ipv4.dst = hdr.ipv4.src;
        hdr.ipv4.src = m.addressed;
        hdr.ipv4.ttl = 64;
        hdr.icmp.type = ICMP_ECHO_REPLY;
        hdr.icmp.checksum = hdr.icmp.checksum + change;
        m.own_packet = true;
    }

    /* An announcement (asked 0) and an answer to the controller's question tell of a neighbor. So does a question to us, which
     * is answered whether the controller is there or not, and told beside. */
    @hidden
    table arp {
        key = {
            m.answer.asked    : ternary;
            m.own.address     : ternary;
            hdr.arp.operation : ternary;
        }
        actions = { drop; punt; answer_arp; }
        const default_action = drop(DropReason.ARP);
        const entries = {
            (0, _, _)              : punt(PuntReason.ARP);
            (_, true, ARP_REPLY)   : punt(PuntReason.ARP);
            (_, true, ARP_REQUEST) : answer_arp();
        }
    }

    /* RFC 1624 with m = 0x0800, m' = 0: the checksum grows by 0x0800, with end-around carry. */
    @hidden
    table ours {
        key = {
            hdr.ipv4.more_fragments  : ternary;
            hdr.ipv4.fragment_offset : ternary;
            hdr.icmp.isValid()       : ternary;
            hdr.icmp.type            : ternary;
            m.own.answers_echo       : ternary;
            m.answer.carry           : ternary;
        }
        actions = { drop; punt; answer_echo; }
        const default_action = drop(DropReason.FRAGMENT);
        const entries = {
            (0, 0, true, ICMP_ECHO_REQUEST, true, 0)   : answer_echo(0x0800);
            (0, 0, true, ICMP_ECHO_REQUEST, true, _)   : answer_echo(0x0801);
            (0, 0, true, ICMP_UNREACHABLE, _, _)       : STRAY_ICMP_ERROR;
            (0, 0, true, ICMP_SOURCE_QUENCH, _, _)     : STRAY_ICMP_ERROR;
            (0, 0, true, ICMP_TIME_EXCEEDED, _, _)     : STRAY_ICMP_ERROR;
            (0, 0, true, ICMP_PARAMETER_PROBLEM, _, _) : STRAY_ICMP_ERROR;
            (0, 0, _, _, _, _)                         : drop(DropReason.PROTOCOL);
        }
    }

    apply {
        if (m.reset) {
            drop(DropReason.INJECT_MISS);
        } else if (hdr.arp.isValid()) {
            arp.apply();
        } else if (m.own.address) {
            ours.apply();
        }
    }
}

#endif

/* ASIC: the way of a routed packet from ingress to egress, which rewrites it.
 *
 * Ingress has few stages left behind the session tables, and egress has as many again: so ingress decides, and sends along
 * what it found as hdr.decision. What is not routed (most punts, ARP, packet-outs) does without egress. */
#ifndef _ASIC_DECISION_P4_
#define _ASIC_DECISION_P4_

/* What ingress found and egress needs to rewrite the packet: the fields of m.session by the same names. */
header decision_t {
    bit<8>    direction;
    bit<8>    flags;
    @padding
    bit<2>    padding;
    bit<1>    punted;         /* to the controller, with a packet_in */
    bit<1>    toa_fits;       /* into the MTU */
    bit<1>    established;    /* the client has sent its ACK: these two as they are in SessionEvent, moved as one */
    bit<1>    answered;       /* the server has sent its SYN-ACK */
    bit<1>    reset;
    bit<1>    options_edited;
    port_num_t ingress_port;  /* for the packet_in */
    l4_port_t src_port;
    l4_port_t dst_port;
    ipv4_addr_t src;
    ipv4_addr_t dst;
#ifdef IPV6
    ipv6_addr_t src6;
    ipv6_addr_t dst6;
#endif
    bit<32>   delta;
    bit<32>   end_seq;        /* sequence number behind the segment */
#if SESSION_ID_BITS % 8 != 0
    @padding
    bit<(24 - SESSION_ID_BITS)> id_padding;
#endif
    session_id_t session_id;
}

#ifdef IPV6
#define READ_DECISION6 \
        m.session.src6 = hdr.decision.src6; \
        m.session.dst6 = hdr.decision.dst6;
#define SEND_DECISION6(SOURCE, DESTINATION) \
        hdr.decision.src6 = SOURCE; \
        hdr.decision.dst6 = DESTINATION;
#else
#define READ_DECISION6
#define SEND_DECISION6(SOURCE, DESTINATION)
#endif

/* In egress, before anything else. */
#define READ_DECISION \
        m.session.direction = hdr.decision.direction; \
        m.session.flags = hdr.decision.flags; \
        m.session.src = hdr.decision.src; \
        m.session.dst = hdr.decision.dst; \
        READ_DECISION6 \
        m.session.src_port = hdr.decision.src_port; \
        m.session.dst_port = hdr.decision.dst_port; \
        m.session.delta = hdr.decision.delta; \
        m.session.id = hdr.decision.session_id;

#endif

/* TNA: the headers in the order they are emitted, and what only this target's controls need to know. */
#ifndef _TNA_HEADERS_P4_
#define _TNA_HEADERS_P4_

#include "../../include/headers.p4"
#include "../layouts/headers.p4"
#include "../asic/decision.p4"

/* The PCIe port of the CPU. */
#ifndef CPU_PORT
#if __TARGET_TOFINO__ == 1
#define CPU_PORT 192
#else
#define CPU_PORT 0
#endif
#endif

#define OPTION_STATES "../layouts/states.p4"

struct headers_t {
    packet_in_t  packet_in;
    packet_out_t packet_out;
    decision_t   decision;
    ethernet_t   ethernet;
    vlan_t       vlan;
    arp_t        arp;
    ipv4_t       ipv4;
    ipv6_t       ipv6;
    icmp_t       icmp;
    icmp_t       icmpv6;
    nd_t         nd;
    nd_link_t    nd_link;
    l4_ports_t   ports;
    udp_t        udp;
    tcp_t        tcp;
    toa_v4_t     toa_v4;
    toa_v6_t     toa_v6;
    OPTION_HEADERS
}

struct session_event_t {
    @id(1) bit<32> session_id;
    @id(2) bit<8>  direction;  /* Direction of the packet that set them */
    @id(3) bit<8>  events;     /* SessionEvent bits set for the first time */
}

struct target_metadata_t {
    bit<16> l4_residual;   /* sum of all that the TCP or UDP checksum covers and that is not in the deparser's list */
    bool    update_tcp;    /* the deparser shall make this checksum anew */
    bool    update_udp;    /* or this one */
    bit<32> occupied;      /* sequence numbers that the segment takes */
    bit<32> end_seq;       /* sequence number behind the segment */
    bit<32> received_ack;  /* its ack, before the rewrite */
    bit<1>  punted;        /* to the controller, by way of egress */
    bit<1>  toa_fits;      /* with TOA the segment does not pass the MTU */
    bit<1>  acks_first;    /* the segment acknowledges the server's first byte of data and no more */
    bit<8>  colour;        /* of the punt meter */
    bit<16> mss_above_floor; /* by how much the MSS is above MSS_FLOOR */
    bit<16> mss_above_both; /* and above the floor and TOA, less 1 */
    ASIC_NEWS
    session_event_t event;
}

#endif

/* Wire formats. Every target uses these; struct headers_t is the target's own (arch/<target>/headers.p4). */
#ifndef _HEADERS_P4_
#define _HEADERS_P4_

#include "sizes.p4"

typedef bit<48> mac_t;
typedef bit<32> ipv4_addr_t;
typedef bit<128> ipv6_addr_t;
typedef bit<16> l4_port_t;
/* A port of the switch in the lower 16 bits. Above them, on targets with VLANs, what a tag has there: the VLAN (12 bits, 0 = none)
 * and, between switch and controller, the frame's priority (4 bits). */
typedef bit<PORT_NUM_BITS> port_num_t;
typedef bit<SESSION_ID_BITS> session_id_t;
typedef bit<SERVER_ID_BITS> server_id_t;
typedef bit<16> next_hop_id_t;

@controller_header("packet_in")
header packet_in_t {
    @id(1) bit<8>  reason;      /* PuntReason */
    @id(2) bit<8>  service_flags; /* with NO_SESSION, ServiceFlag of the service; with OPTIONS, the PacketOutFlag it came with */
    @id(3) port_num_t ingress_port;
    @id(4) bit<32> session_id;  /* of a session; of a service without sessions OF_SERVER and the server_id */
    PACKET_IN_SEQ
}

@controller_header("packet_out")
header packet_out_t {
    @id(1) bit<8>  request;     /* PacketOutAction */
    @id(2) bit<8>  flags;       /* PacketOutFlag */
    @id(3) port_num_t port;
    @id(4) bit<32> session_id;
}

header ethernet_t {
    mac_t   dst;
    mac_t   src;
    bit<16> type;
}

/* What follows ETHERTYPE_VLAN. VID 0 tells a priority and no VLAN. */
header vlan_t {
    bit<3>  priority;
    bit<1>  drop_eligible;
    bit<12> vid;
    bit<16> type;
}

header arp_t {
    bit<16>     hw_type;
    bit<16>     proto_type;
    bit<8>      hw_len;
    bit<8>      proto_len;
    bit<16>     operation;
    mac_t       sender_mac;
    ipv4_addr_t sender_ip;
    mac_t       target_mac;
    ipv4_addr_t target_ip;
}

header ipv4_t {
    bit<4>  version;
    bit<4>  ihl;
    bit<8>  tos;
    bit<16> total_len;
    bit<16> id;
    bit<1>  reserved;
    bit<1>  dont_fragment;
    bit<1>  more_fragments;
    bit<13> fragment_offset;
    bit<8>  ttl;
    bit<8>  protocol;
    bit<16> checksum;
    ipv4_addr_t src;
    ipv4_addr_t dst;
}

header ipv6_t {
    bit<4>      version;
    bit<8>      traffic_class;
    bit<20>     flow_label;
    bit<16>     payload_len;
    bit<8>      next_header;
    bit<8>      hop_limit;
    ipv6_addr_t src;
    ipv6_addr_t dst;
}

/* Of ICMPv6, too. */
header icmp_t {
    bit<8>  type;
    bit<8>  code;
    bit<16> checksum;
}

/* A neighbor solicitation or advertisement, behind icmp_t. */
header nd_t {
    bit<1>      router;     /* these three of an advertisement */
    bit<1>      solicited;
    bit<1>      override;
    bit<29>     reserved;
    ipv6_addr_t target;
}

/* The link-layer address behind nd_t. */
header nd_link_t {
    bit<8> type;
    bit<8> length;  /* in 8 bytes */
    mac_t  mac;
}

/* Of TCP and UDP alike: what tables match and rewrites change does not depend on which. */
header l4_ports_t {
    l4_port_t src;
    l4_port_t dst;
}

/* Behind the ports. */
header tcp_t {
    bit<32> seq;
    bit<32> ack;
    bit<4>  data_offset;
    bit<4>  reserved;
    bit<1>  cwr;
    bit<1>  ece;
    bit<1>  urg;
    bit<1>  ack_flag;
    bit<1>  psh;
    bit<1>  rst;
    bit<1>  syn;
    bit<1>  fin;
    bit<16> window;
    bit<16> checksum;
    bit<16> urgent;
}

/* Behind the ports. */
header udp_t {
    bit<16> length;    /* header and payload */
    bit<16> checksum;  /* 0 = none */
}

/* Generic UDP Encapsulation of variant 1: the packet itself follows (draft-ietf-intarea-gue 4). */
header gue_t {
    l4_port_t src;       /* tells flows apart on the way, in links of several */
    l4_port_t dst;
    bit<16>   length;    /* of this header and the packet */
    bit<16>   checksum;  /* 0 = none */
}

/* 32 bits of a TCP option list. */
header tcp_option_word_t {
    bit<32> word;
}

/* TOA for an IPv4 client, put right after the base TCP header. */
header toa_v4_t {
    bit<8>      kind;
    bit<8>      length;
    l4_port_t   client_port;
    ipv4_addr_t client;
}

/* TOA for an IPv6 client, in the same place. */
header toa_v6_t {
    bit<8>      kind;
    bit<8>      length;
    l4_port_t   client_port;
    ipv6_addr_t client;
}

/* A neighbor that asked for an address of ours, as its ARP request told. */
struct neighbor_event_t {
    @id(1) ipv4_addr_t address;
    @id(2) mac_t       mac;
    @id(3) port_num_t  ingress_port;
}

/* Likewise, as its neighbor solicitation told. */
struct neighbor_event6_t {
    @id(1) ipv6_addr_t address;
    @id(2) mac_t       mac;
    @id(3) port_num_t  ingress_port;
}

#endif

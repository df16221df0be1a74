/* v1model: the headers in the order they are emitted, and what its checksums keep of them. OPTION_HEADERS are those of
 * option_list or the ASIC's, which also has a header that never leaves. */
#ifndef _V1MODEL_HEADERS_P4_
#define _V1MODEL_HEADERS_P4_

#include "../../include/headers.p4"

/* Header fields as received, for the incremental checksums (RFC 1624), which subtract them: so their complements, and several in
 * one number, as BMv2 takes its time for each. */
struct received_t {
    bit<48> ipv4;       /* total length, TTL, protocol, checksum */
    bit<64> addresses;
    bit<32> ports;
    bit<64> numbers;    /* of TCP: seq, ack */
}

/* BMv2 and p4soft are started with --cpu-port 255. */
#define CPU_PORT 255

header ipv4_options_t {
    varbit<320> options;
}

struct headers_t {
    packet_in_t    packet_in;
    packet_out_t   packet_out;
    DECISION_HEADER
    ethernet_t     ethernet;
    vlan_t         vlan;      /* as received, and not sent */
    vlan_t         tag;       /* as sent */
    arp_t          arp;
    OUTER_HEADER
    ipv4_t         ipv4;
    ipv4_options_t ipv4_options;
    ipv6_t         ipv6;
    icmp_t         icmp;
    icmp_t         icmpv6;
    nd_t           nd;
    nd_link_t      nd_link;
    QUOTED_HEADERS
    l4_ports_t     ports;
    udp_t          udp;
    tcp_t          tcp;
    QUOTED_L4_HEADERS
    toa_v4_t       toa_v4;
    toa_v6_t       toa_v6;
    OPTION_HEADERS
    PROXY_HEADERS
}

#endif

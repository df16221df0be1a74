/* Everything the pipeline knows about a packet beside its headers. Zero at the start of ingress. */
#ifndef _METADATA_P4_
#define _METADATA_P4_

#include "constants.p4"
#include "headers.p4"

/* Nothing more to decide. */
#define DECIDED (m.verdict.drop != (bit<8>)DropReason.NONE || m.verdict.punt != 0 || m.verdict.as_it_is)
#define IN_SESSION (m.session.direction != (bit<8>)Direction.NONE)

/* What shall become of the packet; carried out by the target's Verdict control at the end of ingress. */
struct verdict_t {
    bit<8>     drop;          /* DropReason; NONE = not dropped */
    bit<8>     punt;          /* PuntReason; 0 = not punted. With punt, drop tells what else would have happened */
    bit<8>     service_flags; /* copied into packet_in */
    bool       as_it_is;      /* to out_port, whatever it holds */
    port_num_t out_port;
}

/* Bytes. */
struct length_t {
    bit<16> ip_header;
    bit<16> tcp_header;
    bit<16> l4;            /* behind the IP header */
    bit<16> payload;       /* of TCP */
    bit<16> ip_missing;    /* of the IPv4 header, behind the total length */
    bit<16> tcp_missing;   /* of the TCP header, likewise */
    bit<16> udp_missing;   /* of the UDP datagram, likewise */
    bit<16> icmp_missing;  /* of the ICMP header, likewise */
    bit<16> nd_missing;    /* of neighbor discovery's, likewise */
    bit<16> last;          /* the packet's last byte, counted from 0 */
    bit<16> toa_last;      /* the same with TOA */
}

/* What a packet belongs to, by which sessions and services are looked up. Without ports these are 0, and then it belongs to none. */
struct flow_t {
    bit<8>      protocol;
    ipv4_addr_t src;
    ipv4_addr_t dst;
    ipv6_addr_t src6;
    ipv6_addr_t dst6;        /* of a neighbor solicitation the target */
    l4_port_t   src_port;
    l4_port_t   dst_port;
}

/* What the packet's destination is to us. */
struct own_t {
    bool address;       /* one of ours */
    bool vip;
    bool local;         /* a source towards real servers */
    bool answers_echo;
    bool served;        /* a virtual service */
    bit<8> flags;       /* ServiceFlag */
    bool stateless;     /* of a service without sessions */
    bit<16> group;      /* then whose buckets these are, */
    bit<32> bucket_mask; /* and their number less 1, a power of two */
    bit<16> policy;     /* of the service: who may use it; 0 = none of its own */
}

/* What AnswerOrDrop compares. */
struct answer_t {
    bit<32> asked;      /* ARP: sender's address xor target's; 0 = an announcement */
    bit<16> carry;      /* ICMP: whether the checksum of the answer carries; 0 = no */
    mac_t   asker;      /* of a neighbor solicitation that was answered */
    bit<16> no_borrow;  /* ICMPv6: whether it does not borrow; 0 = it does */
}

/* What becomes of a segment or datagram if it has no session. */
struct without_session_t {
    bit<8> drop;        /* DropReason */
    bit<8> punt;        /* PuntReason */
}

/* The packet's session and what its action said. */
struct session_t {
    bit<8>       direction;   /* Direction; NONE = no session */
    session_id_t id;
    server_id_t  server_id;
    bit<8>       flags;       /* SessionFlag */
    ipv4_addr_t  src;         /* the addresses and ports after the rewrite */
    ipv4_addr_t  dst;
    ipv6_addr_t  src6;        /* the same of a packet that leaves as IPv6 */
    ipv6_addr_t  dst6;
    bool         ipv6;        /* it does so; an outer header is none of it */
    bool         crosses;     /* it leaves in the other family than it came in; then the addresses of that are 0 */
    l4_port_t    src_port;
    l4_port_t    dst_port;
    bit<32>      delta;       /* what the client's sequence numbers are raised by towards the server */
    bool         spliced;     /* a cookie began it */
    bit<32>      splice;      /* then what the server's are raised by towards the client; 0 = the server has not answered yet */
    bit<4>       client_scale; /* by which the client shifts the server's window, as the cookie told it */
}

/* What Route and NextHop found. */
struct route_t {
    bit<8>        drop;         /* DropReason; NONE = there is a next hop */
    next_hop_id_t next_hop_id;  /* 0 = one that is not known */
    bit<16>       room;         /* 0 = the packet passes the MTU of the outgoing link */
    bit<16>       toa_room;     /* 0 = with TOA it would */
}

/* Which TCP options the target shall edit (its control TcpOptions). */
struct option_edit_t {
    bool    remove_timestamps;
    bool    remove_experiments;  /* kinds 253 and 254 */
    bool    lower_mss;           /* by what TOA takes in the client's family, not below its MSS_FLOOR */
    bool    shift_sack;          /* subtract session.delta from every edge, or session.splice of what the client sends */
}

struct metadata_t {
    port_num_t  ingress_port;    /* and VLAN; for an injected packet, those that it once came in by */
    port_num_t  priority;        /* of the frame's tag, where it stands in a port_num_t */
    bool        injected;
    bool        reset;
    bool        new_session;     /* registers hold the session_id's previous user */
    bool        parser_error;
    bool        checksum_error;  /* IPv4 header */
    bit<8>      ip_fault;        /* DropReason: what else the target knows to be wrong with the IP header */
    bool        bad_options;
    bool        odd_options;     /* the target cannot edit the option list; the controller can */
    bool        options_edited;  /* the controller has edited it */
    bit<8>      segment_fault;   /* DropReason of a segment or datagram that is routed, but neither translated nor punted */
    bool        own_packet;      /* made by the switch or the controller: TTL stays */
    mac_t       port_mac;
    mac_t       foreign_mac;     /* destination MAC xor port_mac */
    bool        foreign;         /* not for the port's address, nor a broadcast ARP or multicast neighbor discovery */
    ipv4_addr_t addressed;       /* destination, of ARP the target */
    ipv4_addr_t next_hop;        /* destination after any rewrite: what Route looks up */
    ipv6_addr_t next_hop6;       /* the same of IPv6 */
    bool        via6;            /* Route looks up next_hop6 */
    bit<16>     growth;          /* bytes by which the segment grew, for the length in the pseudo header */
    flow_t      flow;
    length_t    length;
    own_t       own;
    answer_t    answer;
    without_session_t without_session;
    verdict_t   verdict;
    session_t   session;
    route_t     route;
    option_edit_t edit;
    target_metadata_t target;    /* the target's own */
}

#endif

/* Everything the pipeline knows about a packet beside its headers. Zero at the start of ingress. */
#ifndef _METADATA_P4_
#define _METADATA_P4_

#include "headers.p4"

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
    bit<16> tag;           /* of VLAN 0, that was passed over */
    bit<16> ip_header;
    bit<16> tcp_header;
    bit<16> l4;            /* behind the IPv4 header */
    bit<16> ip_missing;    /* of the IPv4 header, behind the total length */
    bit<16> tcp_missing;   /* of the TCP header, likewise */
    bit<16> icmp_missing;  /* of the ICMP header, likewise */
    bit<16> last;          /* the packet's last byte, counted from 0 */
    bit<16> toa_last;      /* the same with TOA */
}

/* What the packet's destination is to us. */
struct own_t {
    bool address;       /* one of ours */
    bool vip;
    bool local;         /* a source towards real servers */
    bool answers_echo;
    bool served;        /* a virtual service */
    bit<8> flags;       /* ServiceFlag */
}

/* What Local compares. */
struct local_t {
    bit<32> asked;      /* ARP: sender's address xor target's; 0 = an announcement */
    bit<16> carry;      /* ICMP: whether the checksum of the answer carries; 0 = no */
}

/* What becomes of a TCP segment if it has no session. */
struct miss_t {
    bit<8> drop;        /* DropReason */
    bit<8> punt;        /* PuntReason */
}

/* The packet's session and what its action said. */
struct session_t {
    bit<8>       direction;   /* Direction; NONE = no session */
    session_id_t id;
    server_id_t  server_id;
    bit<8>       flags;       /* SessionFlag */
    ipv4_t       src;         /* the addresses and ports after the rewrite */
    ipv4_t       dst;
    l4_port_t    src_port;
    l4_port_t    dst_port;
    bit<32>      delta;       /* what the client's sequence numbers are raised by towards the server */
}

/* What Route and NextHop found. */
struct route_t {
    bit<8>        drop;         /* DropReason; NONE = there is a next hop */
    next_hop_id_t next_hop_id;  /* 0 = one that is not known */
    bit<16>       room;         /* 0 = the packet passes the MTU of the outgoing link */
    bit<16>       toa_room;     /* 0 = with TOA it would */
}

/* Answers of the per-session registers (arch/<target>/session_state.p4). */
struct state_t {
    bit<8>  set_events;       /* asked, where the registers do not judge: SessionEvent bits of this packet */
    bit<8>  unjudged;         /* beside them: UNJUDGED, if the session may end; 0 where the registers judge */
    bit<8>  new_events;       /* answered: what the controller is told */
    bit<32> client_end;       /* answered: end of what the client has sent, in the server's numbers; 0 = not known */
    bool    server_answered;  /* answered to a reset: SYN_ACK is set */
    bool    before_data;      /* answered to the client: it acknowledges no data of the server */
    bit<16> payload_len;      /* asked: bytes of TCP payload */
}

/* Which TCP options the target shall edit (arch/<target>/tcp_options.p4). */
struct option_edit_t {
    bool    remove_timestamps;
    bool    remove_experiments;  /* kinds 253 and 254 */
    bool    lower_mss;           /* by TOA_V4_BYTES, not below MSS_FLOOR */
    bool    shift_sack;          /* subtract session.delta from every edge */
    bit<16> mss_above_floor;     /* by how much the MSS is above MSS_FLOOR */
    bit<16> mss_above_both;      /* and above the floor and TOA, less 1 */
}

/* Header fields as received, for the incremental checksums (RFC 1624). */
struct original_t {
    ipv4_t    src;
    ipv4_t    dst;
    bit<16>   total_len;
    bit<16>   ttl_protocol;
    l4_port_t src_port;
    l4_port_t dst_port;
    bit<32>   seq;
    bit<32>   ack;
    bit<16>   offset_flags;
}

struct metadata_t {
    port_num_t ingress_port;   /* for an injected packet, the port it once came in by */
    bool       injected;
    bool       reset;
    bool       new_session;    /* registers hold the session_id's previous user */
    bool       parser_error;
    bool       checksum_error; /* IPv4 header */
    bool       unparsed_ipv4;  /* IPv4 options that this target does not parse, nor what is behind them */
    bool       bad_options;
    bool       odd_options;    /* this target cannot edit the option list; the controller can */
    bool       options_edited; /* the controller has edited it */
    bool       beyond_frame;   /* IPv4's total length is more than what came; false where a target cannot know */
    bit<8>     segment_fault;  /* DropReason of a TCP segment that is routed, but neither translated nor punted */
    bool       own_packet;     /* made by the switch or the controller: TTL stays */
    mac_t      port_mac;
    mac_t      foreign_mac;    /* destination MAC xor port_mac */
    bool       foreign;        /* not for the port's address, nor a broadcast ARP */
    ipv4_t     addressed;      /* destination, of ARP the target */
    ipv4_t     next_hop;       /* destination after any rewrite: what Route looks up */
    bit<16>    growth;         /* bytes by which the segment grew, for the length in the pseudo header */
    length_t      length;
    own_t         own;
    local_t       local;
    miss_t        miss;
    verdict_t     verdict;
    session_t     session;
    route_t       route;
    state_t       state;
    option_edit_t edit;
    original_t    original;
    target_metadata_t target;  /* the target's own (arch/<target>/headers.p4) */
}

#endif

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

/* What the packet's destination is to us. */
struct own_t {
    bool address;       /* one of ours */
    bool vip;
    bool answers_echo;
    bool served;        /* a virtual service */
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

/* What Route found. */
struct route_t {
    bit<8>     drop;          /* DropReason; NONE = there is a way */
    bit<8>     punt;          /* PuntReason */
    port_num_t port;
    mac_t      source;
    mac_t      destination;
    bit<16>    excess;        /* bytes by which the packet passes the MTU of the outgoing link */
    bit<16>    toa_excess;    /* the same with TOA */
}

/* Answers of the per-session registers (arch/<target>/session_state.p4). */
struct state_t {
    bit<8>  set_events;       /* asked: SessionEvent bits of this packet */
    bit<8>  new_events;       /* answered: those set for the first time */
    bool    server_answered;  /* answered: SYN_ACK was set before this packet */
    bool    before_data;      /* answered to the client: it acknowledges no data of the server */
    bit<32> reset_seq;        /* answered on a reset: the seq the receiver expects */
    bit<16> payload_len;      /* asked: bytes of TCP payload */
}

/* Which TCP options the target shall edit (arch/<target>/tcp_options.p4). */
struct option_edit_t {
    bool    remove_timestamps;
    bool    remove_experiments;  /* kinds 253 and 254 */
    bool    lower_mss;           /* by TOA_V4_BYTES, not below MSS_FLOOR */
    bool    shift_sack;          /* subtract session.delta from every edge */
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
    ipv4_t     next_hop;
    bit<16>    toa_total_len;  /* IPv4's total length with TOA */
    bit<16>    growth;         /* bytes by which the segment grew, for the length in the pseudo header */
    own_t         own;
    verdict_t     verdict;
    session_t     session;
    route_t       route;
    state_t       state;
    option_edit_t edit;
    original_t    original;
    target_metadata_t target;  /* the target's own (arch/<target>/headers.p4) */
}

#endif

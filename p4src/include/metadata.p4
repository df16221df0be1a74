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

/* Answers of the per-session registers (arch/<target>/session_state.p4). */
struct state_t {
    bit<8>  set_events;       /* asked: SessionEvent bits of this packet */
    bit<8>  new_events;       /* answered: those set for the first time */
    bool    server_answered;  /* answered: SYN_ACK was set before this packet */
    bit<32> first_data_seq;   /* answered: seq of the server's first byte of data */
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
    bool       bad_options;
    bit<8>     segment_fault;  /* DropReason of a TCP segment that is routed, but neither translated nor punted */
    bool       own_packet;     /* made by the switch or the controller: TTL stays */
    mac_t      port_mac;
    bit<16>    mtu;
    bit<16>    frame_len;      /* bytes from Ethernet on; 0 = this target does not know */
    ipv4_t     next_hop;
    bit<16>    tcp_len;        /* TCP header and payload */
    verdict_t     verdict;
    session_t     session;
    state_t       state;
    option_edit_t edit;
    original_t    original;
    target_metadata_t target;  /* the target's own (arch/<target>/headers.p4) */
}

#endif

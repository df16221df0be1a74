/* v1model in the ASIC's order: what its parser, checksums and registers need beside the options by layout. */
#ifndef _V1MODEL_ASIC_HEADERS_P4_
#define _V1MODEL_ASIC_HEADERS_P4_

/* With SESSION_SYN, the end of what the session's client has sent, in the server's numbers; 0 = not known, as
 * here. */
#define PACKET_IN_SEQ @id(5) bit<32> seq;

#include "../../layouts/headers.p4"
#include "../../asic/decision.p4"
#include "../../asic/ipv6_room/headers.p4"

#define DECISION_HEADER decision_t decision;
#define OPTION_STATES "../layouts/states.p4"
#define SET_WORDS(COUNT) m.target.words = COUNT;
#define TAKE_WORDS(COUNT) m.target.words = m.target.words - COUNT;
#define WORDS m.target.words
#define WORDS_NONE 0
#define WORDS_MORE 1 .. 10

/* Every option that may be edited, zero where there is none. */
struct editable_options_t {
    bit<64>  experiment;
    bit<16>  mss;
    bit<96>  timestamps;
    bit<256> blocks;
}

struct target_metadata_t {
    bit<8>  words;         /* of the list, from where the parser stands; wraps when it has gone beyond */
    bit<32> end_seq;       /* sequence number behind the segment */
    bit<32> received_ack;  /* its ack, before the rewrite */
    bit<1>  punted;        /* to the controller, by way of egress */
    bit<1>  toa_fits;      /* with TOA the segment does not pass the MTU */
    bit<1>  acks_first;    /* the segment acknowledges the server's first byte of data and no more */
    bit<8>  seen;          /* SessionEvent bits of the segments before */
    editable_options_t original;
}

#endif

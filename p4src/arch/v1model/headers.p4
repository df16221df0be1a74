/* v1model: the headers in the order they are emitted, and what only this target's controls need to know. */
#ifndef _V1MODEL_HEADERS_P4_
#define _V1MODEL_HEADERS_P4_

#include "../../include/headers.p4"

#define TCP_OPTION_WORDS 10
#define TCP_OPTION_BITS 320

/* BMv2 and p4soft are started with --cpu-port 255. */
#define CPU_PORT 255

typedef bit<TCP_OPTION_BITS> option_bits_t;

header ipv4_options_t {
    varbit<320> options;
}

/* TCP options are carried as 32-bit words, so that any list leaves as it came, and edited as one wide number. */
header tcp_option_word_t {
    bit<32> word;
}

struct headers_t {
    packet_in_t    packet_in;
    packet_out_t   packet_out;
    ethernet_t     ethernet;
    arp_t          arp;
    ipv4_h         ipv4;
    ipv4_options_t ipv4_options;
    icmp_t         icmp;
    tcp_t          tcp;
    toa_v4_t       toa_v4;
    tcp_option_word_t[TCP_OPTION_WORDS] tcp_options;
}

/* What the parser found in the option list. Masks have ones over the bytes of an option; byte 0 of the list is the most
 * significant byte, whatever the list's length. */
struct target_metadata_t {
    option_bits_t list;
    option_bits_t timestamps;   /* mask of all timestamp options */
    option_bits_t experiments;  /* mask of all options of kind 253 and 254 */
    option_bits_t sack;         /* mask of the blocks of the first SACK option */
    bit<8>  sack_shift;         /* half of the bits that follow them */
    bit<16> mss;                /* value of the first MSS option; 0 = none */
    bit<8>  mss_shift;          /* half of the bits that follow it */
    bool    has_timestamps;
    bool    has_experiments;
    bool    has_sack;
    bool    edited;
    option_bits_t original;     /* the list as received */
    /* the parser's own */
    bit<4>  words_left;
    bit<8>  bytes_left;         /* of the list, from the cursor on */
    bit<8>  room;               /* bytes from the cursor to the end of 40 */
    bit<8>  length;             /* of the option at the cursor */
    option_bits_t cursor;       /* the list from the current option on */
    option_bits_t rest;         /* mask of what the cursor has not passed */
    option_bits_t option;       /* mask of the current option */
}

#endif

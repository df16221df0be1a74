/* v1model: the TCP option list as one wide number, so that any list leaves as it came, and is edited at any offset. */
#ifndef _OPTION_LIST_HEADERS_P4_
#define _OPTION_LIST_HEADERS_P4_

#define TCP_OPTION_WORDS 10
#define TCP_OPTION_BITS 320

#define OPTION_HEADERS tcp_option_word_t[TCP_OPTION_WORDS] tcp_options;
#define EMIT_OPTIONS(PACKET) PACKET.emit(hdr.tcp_options);
#define OPTION_STATES "option_list/states.p4"

/* TCP option kinds (RFC 9293, 2018, 7323, 6994). */
const bit<8> OPT_EOL  = 0;
const bit<8> OPT_NOP  = 1;
const bit<8> OPT_MSS  = 2;
const bit<8> OPT_SCALE = 3;
const bit<8> OPT_SACK_PERMITTED = 4;
const bit<8> OPT_SACK = 5;
const bit<8> OPT_TIMESTAMPS = 8;
const bit<8> OPT_EXPERIMENT_1 = 253;
const bit<8> OPT_EXPERIMENT_2 = 254;

typedef bit<TCP_OPTION_BITS> option_bits_t;

/* What the parser found in the option list. Masks have ones over the bytes of an option; byte 0 of the list is the most
 * significant byte, whatever the list's length. */
struct option_list_t {
    option_bits_t list;
    option_bits_t timestamps;   /* mask of all timestamp options */
    option_bits_t experiments;  /* mask of all options of kind 253 and 254 */
    option_bits_t sack;         /* mask of the blocks of the first SACK option */
    bit<8>  sack_shift;         /* half of the bits that follow them */
    bit<16> mss;                /* value of the first MSS option; 0 = none */
    bit<8>  mss_shift;          /* half of the bits that follow it */
    bit<8>  scale;              /* of windows, by the last such option */
    bool    has_scale;
    bool    sack_permitted;
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

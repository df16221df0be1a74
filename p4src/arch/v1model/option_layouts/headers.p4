/* v1model with the ASIC's options by layout: what the parser and the checksums need beside them. */
#ifndef _OPTION_LAYOUTS_HEADERS_P4_
#define _OPTION_LAYOUTS_HEADERS_P4_

#include "../../layouts/headers.p4"

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
    bit<8> words;  /* of the list, from where the parser stands; wraps when it has gone beyond */
    editable_options_t original;
}

#endif

/* v1model in the ASIC's order: what its parser, checksums and registers need beside the options by layout. */
#ifndef _V1MODEL_ASIC_HEADERS_P4_
#define _V1MODEL_ASIC_HEADERS_P4_

#include "../../layouts/headers.p4"
#include "../../asic/decision.p4"

#define DECISION_HEADER decision_t decision;
#define OUTER_HEADER
#define EMIT_OUTER(PACKET)
#define QUOTED_HEADERS
#define QUOTED_L4_HEADERS
#define EMIT_QUOTED(PACKET)
#define PROXY_HEADERS
#define EMIT_PROXY(PACKET)
#define EMIT_QUOTED_L4(PACKET)
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

#endif

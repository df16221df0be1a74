/* TCP options in the layouts that real stacks send, for targets that cannot take any list: an ASIC.
 *
 *   [TOA] [MSS] [plain] [plain] [timestamps] [plain] [plain] [SACK with its blocks]
 *
 * where plain is a word of window scale, SACK-permitted and NOPs. Each part is there or not, and nothing is reordered. Any
 * other list stays in one piece behind the words that were understood, sets m.odd_options, and is edited by the controller. */
#ifndef _LAYOUTS_HEADERS_P4_
#define _LAYOUTS_HEADERS_P4_

#include "../../include/headers.p4"

header mss_option_t {
    bit<16> head;
    bit<16> value;
}

/* NOP NOP or SACK-permitted, then the timestamp option. */
header timestamps_option_t {
    bit<16> before;
    bit<16> head;
    bit<32> value;
    bit<32> echo;
}

header sack_block_t {
    bit<32> left;
    bit<32> right;
}

/* `experiment` is kind 254 or 253 with a length of 8, as another balancer or a forger puts it in front. */
#define OPTION_HEADERS \
    toa_v4_t            experiment; \
    mss_option_t        mss; \
    tcp_option_word_t   plain_1; \
    tcp_option_word_t   plain_2; \
    timestamps_option_t timestamps; \
    tcp_option_word_t   plain_3; \
    tcp_option_word_t   plain_4; \
    tcp_option_word_t   sack; \
    sack_block_t        block_1; \
    sack_block_t        block_2; \
    sack_block_t        block_3; \
    sack_block_t        block_4;

#define EMIT_OPTIONS(PACKET) \
    PACKET.emit(hdr.experiment); \
    PACKET.emit(hdr.mss); \
    PACKET.emit(hdr.plain_1); \
    PACKET.emit(hdr.plain_2); \
    PACKET.emit(hdr.timestamps); \
    PACKET.emit(hdr.plain_3); \
    PACKET.emit(hdr.plain_4); \
    PACKET.emit(hdr.sack); \
    PACKET.emit(hdr.block_1); \
    PACKET.emit(hdr.block_2); \
    PACKET.emit(hdr.block_3); \
    PACKET.emit(hdr.block_4);

#endif

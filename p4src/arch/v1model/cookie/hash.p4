/* v1model: HalfSipHash-2-4 (Aumasson and Bernstein, SipHash; its 32-bit form as in Linux, lib/siphash.c) of what a cookie stands for:
 * the client's first number, what the cookie says, with all bits of its time, ports and addresses. 20 bytes, of IPv6 44.
 *
 * In loops: unrolled, p4c takes every number for the whole expression that it is, and does not end. */
#ifndef _V1MODEL_COOKIE_HASH_P4_
#define _V1MODEL_COOKIE_HASH_P4_

#define ROTATED(VALUE, BITS) ((VALUE) << BITS | (VALUE) >> (32 - BITS))

control CookieHash(inout metadata_t m, in bit<64> secret, in bit<32> isn, in bit<32> told, in bool ipv6, out bit<32> mac) {
    bit<32> v0;
    bit<32> v1;
    bit<32> v2;
    bit<32> v3;

    /* So many of the words are the message; the last one ends with its length. Behind them are two steps more. */
    @hidden
    action hash_words(bit<384> words, bit<8> count) {
        bit<384> rest = words;
        v0 = secret[31:0];
        v1 = secret[63:32];
        v2 = 32w0x6c796765 ^ v0;
        v3 = 32w0x74656462 ^ v1;
        for (bit<8> i = 0; i < count + 2; i = i + 1) {
            bit<32> word = i < count ? rest[383:352] : 0;
            if (i == count) { v2 = v2 ^ 0xff; }
            v3 = v3 ^ word;
            for (bit<8> j = 0; j < 2; j = j + 1) {
                v0 = v0 + v1;
                v1 = ROTATED(v1, 5) ^ v0;
                v0 = ROTATED(v0, 16);
                v2 = v2 + v3;
                v3 = ROTATED(v3, 8) ^ v2;
                v0 = v0 + v3;
                v3 = ROTATED(v3, 7) ^ v0;
                v2 = v2 + v1;
                v1 = ROTATED(v1, 13) ^ v2;
                v2 = ROTATED(v2, 16);
            }
            v0 = v0 ^ word;
            rest = rest << 32;
        }
        mac = v1 ^ v3;
    }
    apply {
        bit<96> first = isn ++ told ++ m.flow.src_port ++ m.flow.dst_port;
        if (ipv6) {
            hash_words(first ++ m.flow.src6 ++ m.flow.dst6 ++ 32w0x2c000000, 12);
        } else {
            hash_words(first ++ m.flow.src ++ m.flow.dst ++ 32w0x14000000 ++ 192w0, 6);
        }
    }
}

#endif

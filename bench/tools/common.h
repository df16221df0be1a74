/* Shared by the traffic tools: clock, exit with a message, and the byte pattern that both ends of a transfer compute. */
#ifndef COMMON_H
#define COMMON_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_SECOND 1000000000ull

static inline uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_SECOND + (uint64_t)t.tv_nsec;
}

__attribute__((format(printf, 1, 2), noreturn)) static inline void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(2);
}

/* The pattern is a stream of 64-bit words, the n-th depending on seed and n only (the finaliser of splitmix64),
 * so any part of it can be computed or checked alone. */
static inline uint64_t pattern_word(uint64_t seed, uint64_t n)
{
    uint64_t z = seed + (n + 1) * 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

/* Write bytes [offset, offset + length) of the pattern. */
static inline void pattern_fill(unsigned char *out, uint64_t seed, uint64_t offset, size_t length)
{
    while (length > 0) {
        uint64_t word = pattern_word(seed, offset / 8);
        size_t skip = offset % 8, n = 8 - skip;
        if (n > length)
            n = length;
        memcpy(out, (const unsigned char *)&word + skip, n);
        out += n;
        offset += n;
        length -= n;
    }
}

/* Whether the bytes are [offset, offset + length) of the pattern. */
static inline bool pattern_check(const unsigned char *in, uint64_t seed, uint64_t offset, size_t length)
{
    while (length > 0) {
        uint64_t word = pattern_word(seed, offset / 8);
        size_t skip = offset % 8, n = 8 - skip;
        if (n > length)
            n = length;
        if (memcmp(in, (const unsigned char *)&word + skip, n) != 0)
            return false;
        in += n;
        offset += n;
        length -= n;
    }
    return true;
}

#endif

/* One's complement sums, of memory as the machine reads it: the result is right when it is stored as it is (RFC 1071,
 * section 2 (B)). A buffer's sum does not depend on where the buffer lies. */
#ifndef P4S_SUM_H
#define P4S_SUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Not folded; an odd last byte counts as if a zero followed it. Up to 16 GB. */
static inline __attribute__((unused)) uint64_t sum_bytes(const uint8_t *p, size_t n) {
  uint64_t lanes[8] = {0}, sum = 0;
  for (; n >= sizeof lanes; p += sizeof lanes, n -= sizeof lanes)
    for (unsigned i = 0; i < 8; i++) {
      uint64_t word;
      memcpy(&word, p + 8 * i, sizeof word);
      lanes[i] += (word & 0xffffffff) + (word >> 32);
    }
  for (unsigned i = 0; i < 8; i++) sum += lanes[i];
  for (uint32_t word = 0; n >= 4; p += 4, n -= 4) {
    memcpy(&word, p, 4);
    sum += word;
  }
  uint32_t rest = 0;
  memcpy(&rest, p, n);
  return sum + rest;
}

static inline __attribute__((unused)) uint16_t sum_fold(uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* What takes a 16-bit number out of a sum. */
static inline __attribute__((unused)) uint16_t sum_without(uint16_t x) { return (uint16_t)~x; }

static inline __attribute__((unused)) uint16_t get16(const uint8_t *p) {
  uint16_t x;
  memcpy(&x, p, sizeof x);
  return x;
}

static inline __attribute__((unused)) void put16(uint8_t *p, uint16_t x) { memcpy(p, &x, sizeof x); }

#endif

/* Bits, bytes and arithmetic that generated programs inline. */
#ifndef P4S_BITS_H
#define P4S_BITS_H

#include "p4s_types.h"

/* Count, maybe beside other workers. */
P4_INLINE void p4s_add(uint64_t *n, uint64_t more) {
#ifdef P4S_SHARED
  __atomic_fetch_add(n, more, __ATOMIC_RELAXED);
#else
  *n += more;
#endif
}

P4_INLINE uint64_t p4s_be64(const uint8_t *p) {
  uint64_t v;
  memcpy(&v, p, 8);
  return __builtin_bswap64(v);
}

P4_INLINE uint64_t p4s_be32(const uint8_t *p) {
  uint32_t v;
  memcpy(&v, p, 4);
  return __builtin_bswap32(v);
}

P4_INLINE uint64_t p4s_be16(const uint8_t *p) {
  uint16_t v;
  memcpy(&v, p, 2);
  return __builtin_bswap16(v);
}

/* The big-endian number in n bytes, n at most 8. */
P4_INLINE uint64_t p4s_be(const uint8_t *p, unsigned n) {
  switch (n) {
  case 1: return p[0];
  case 2: return p4s_be16(p);
  case 3: return p4s_be16(p) << 8 | p[2];
  case 4: return p4s_be32(p);
  case 5: return p4s_be32(p) << 8 | p[4];
  case 6: return p4s_be32(p) << 16 | p4s_be16(p + 4);
  case 7: return p4s_be32(p) << 24 | p4s_be16(p + 4) << 8 | p[6];
  case 8: return p4s_be64(p);
  default: return 0;
  }
}

P4_INLINE void p4s_put_be(uint8_t *p, unsigned n, uint64_t v) {
  uint16_t h;
  uint32_t w;
  switch (n) {
  case 1: p[0] = (uint8_t)v; break;
  case 2: h = __builtin_bswap16((uint16_t)v); memcpy(p, &h, 2); break;
  case 4: w = __builtin_bswap32((uint32_t)v); memcpy(p, &w, 4); break;
  case 6:
    w = __builtin_bswap32((uint32_t)(v >> 16));
    memcpy(p, &w, 4);
    h = __builtin_bswap16((uint16_t)v);
    memcpy(p + 4, &h, 2);
    break;
  case 8: v = __builtin_bswap64(v); memcpy(p, &v, 8); break;
  default:
    for (unsigned i = n; i-- > 0; v >>= 8) p[i] = (uint8_t)v;
  }
}

/* n bits (1..64) at bit offset o. Called with constants: the switch above disappears. */
P4_INLINE uint64_t p4s_ld(const uint8_t *p, unsigned o, unsigned n) {
  p += o >> 3;
  o &= 7;
  const unsigned bytes = (o + n + 7) >> 3, tail = bytes * 8 - o - n;
  uint64_t v;
  if (bytes == 9)
    v = p4s_be64(p) << (8 - tail) | p[8] >> tail;
  else
    v = p4s_be(p, bytes) >> tail;
  return n == 64 ? v : v & ((UINT64_C(1) << (n & 63)) - 1);
}

/* Write the low n bits of v at bit offset o; other bits stay. */
P4_INLINE void p4s_st(uint8_t *p, unsigned o, unsigned n, uint64_t v) {
  p += o >> 3;
  o &= 7;
  const unsigned bytes = (o + n + 7) >> 3, tail = bytes * 8 - o - n;
  const uint64_t ones = n == 64 ? ~UINT64_C(0) : (UINT64_C(1) << (n & 63)) - 1;
  v &= ones;
  if (o == 0 && tail == 0) {
    p4s_put_be(p, bytes, v);
  } else if (bytes == 9) {
    const uint64_t keep = p4s_be64(p) & ~(ones >> tail);
    const uint8_t last = (uint8_t)(p[8] & ((1u << tail) - 1));
    p4s_put_be(p, 8, keep | v >> (8 - tail));
    p[8] = (uint8_t)(last | v << tail);
  } else {
    p4s_put_be(p, bytes, (p4s_be(p, bytes) & ~(ones << tail)) | v << tail);
  }
}

P4_INLINE bool p4s_bget(const uint64_t *v, uint64_t i) { return v[i >> 6] >> (i & 63) & 1; }
P4_INLINE void p4s_bset(uint64_t *v, uint64_t i) { v[i >> 6] |= UINT64_C(1) << (i & 63); }
P4_INLINE void p4s_bclr(uint64_t *v, uint64_t i) { v[i >> 6] &= ~(UINT64_C(1) << (i & 63)); }
P4_INLINE uint64_t p4s_clamp(uint64_t i, uint64_t depth) { return i < depth ? i : depth; }
P4_INLINE uint64_t p4s_last(uint32_t next, uint64_t depth) { return next ? next - 1 : depth; }

P4_INLINE uint64_t p4s_shl64(uint64_t a, uint64_t s) { return s < 64 ? a << s : 0; }
P4_INLINE uint64_t p4s_shr64(uint64_t a, uint64_t s) { return s < 64 ? a >> s : 0; }
P4_INLINE uint64_t p4s_sar64(uint64_t a, uint64_t s) { return (uint64_t)((int64_t)a >> (s < 64 ? s : 63)); }
P4_INLINE p4u128 p4s_shl128(p4u128 a, uint64_t s) { return s < 128 ? a << s : 0; }
P4_INLINE p4u128 p4s_shr128(p4u128 a, uint64_t s) { return s < 128 ? a >> s : 0; }
P4_INLINE p4u128 p4s_sar128(p4u128 a, uint64_t s) { return (p4u128)((p4i128)a >> (s < 128 ? s : 127)); }

/* Division: by zero gives 0; -1 as divisor is a negation, since the machine traps on the most negative number. */
#define P4S_DIVISION(W, U, S)                                                                                          \
  P4_INLINE U p4s_div##W(U a, U b) { return b ? a / b : 0; }                                                           \
  P4_INLINE U p4s_mod##W(U a, U b) { return b ? a % b : 0; }                                                           \
  P4_INLINE U p4s_sdiv##W(U a, U b) { return b == 0 ? 0 : b == (U)-1 ? (U)0 - a : (U)((S)a / (S)b); }                  \
  P4_INLINE U p4s_smod##W(U a, U b) { return b == 0 || b == (U)-1 ? 0 : (U)((S)a % (S)b); }
P4S_DIVISION(64, uint64_t, int64_t)
P4S_DIVISION(128, p4u128, p4i128)

/* Stored numbers, native byte order. */
#define P4S_CELL(W, T, R)                                                                                              \
  P4_INLINE R p4s_cell##W(const uint8_t *p) {                                                                          \
    T v;                                                                                                               \
    memcpy(&v, p, sizeof v);                                                                                           \
    return v;                                                                                                          \
  }
P4S_CELL(8, uint8_t, uint64_t)
P4S_CELL(16, uint16_t, uint64_t)
P4S_CELL(32, uint32_t, uint64_t)
P4S_CELL(64, uint64_t, uint64_t)
P4S_CELL(128, p4u128, p4u128)

#endif

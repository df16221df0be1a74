/* Counters, meters, random numbers, checksums and hashes that generated programs inline. */
#ifndef P4S_STATE_H
#define P4S_STATE_H

#include <sched.h>

#include "p4s_bits.h"

P4_INLINE void p4s_count(struct p4s_ctx *c, unsigned array, uint32_t size, uint64_t i, uint32_t len) {
  if (P4_LIKELY(i < size)) {
    struct p4s_counter *n = &c->objects.counters[array][i];
    p4s_add(&n->packets, 1);
    p4s_add(&n->bytes, len);
  }
}

/* --- what workers take turns at --- */

#ifdef P4S_SHARED

/* Held for some ten instructions, unless the holder has to leave its processor: then the others leave theirs. */
static inline __attribute__((unused)) void p4s_take(uint32_t *held) {
  for (uint32_t i = 1; __atomic_exchange_n(held, 1, __ATOMIC_ACQUIRE); i++)
    while (__atomic_load_n(held, __ATOMIC_RELAXED))
      if (i++ % 256 == 0) sched_yield();
}

P4_INLINE void p4s_give(uint32_t *held) { __atomic_store_n(held, 0, __ATOMIC_RELEASE); }

P4_INLINE void p4s_give_back(uint32_t **held) { p4s_give(*held); }

/* Hold a lock until the end of the block, however it is left. */
#define P4S_HOLD(n)                                                                                                    \
  uint32_t *const held __attribute__((cleanup(p4s_give_back))) = &c->objects.locks[n].held;                            \
  p4s_take(held)

#endif

/* RFC 2698, colour blind: 0 green, 1 yellow, 2 red. */
static inline __attribute__((unused)) uint32_t p4s_meter_mark(struct p4s_meter *m, uint64_t now, uint32_t amount) {
  const double dt = now > m->last ? (double)(now - m->last) * 1e-9 : 0;
  if (now > m->last) m->last = now; /* another worker's clock may be ahead of this one's */
  m->committed += dt * (double)m->cir;
  if (m->committed > (double)m->cburst) m->committed = (double)m->cburst;
  m->peak += dt * (double)m->pir;
  if (m->peak > (double)m->pburst) m->peak = (double)m->pburst;
  if (m->peak < amount) return 2;
  m->peak -= amount;
  if (m->committed < amount) return 1;
  m->committed -= amount;
  return 0;
}

P4_INLINE uint32_t p4s_meter_run(struct p4s_meter *m, uint64_t now, uint32_t amount) {
  if (!m->configured) return 0;
#ifdef P4S_SHARED
  p4s_take(&m->held);
  const uint32_t colour = p4s_meter_mark(m, now, amount);
  p4s_give(&m->held);
  return colour;
#else
  return p4s_meter_mark(m, now, amount);
#endif
}

P4_INLINE uint64_t p4s_random(struct p4s_ctx *c) { /* xorshift128+ */
  uint64_t a = c->random[0];
  const uint64_t b = c->random[1];
  c->random[0] = b;
  a ^= a << 23;
  c->random[1] = a ^ b ^ (a >> 18) ^ (b >> 5);
  return c->random[1] + b;
}

P4_INLINE uint64_t p4s_random_between(struct p4s_ctx *c, uint64_t low, uint64_t high) {
  const uint64_t range = high - low + 1;
  return range ? low + p4s_random(c) % range : p4s_random(c);
}

/* --- checksums and hashes --- */

/* The one's complement sum of a buffer, not folded to 16 bits; an odd last byte counts as the high byte of a word. */
static inline __attribute__((unused)) uint64_t p4s_sum(const uint8_t *p, size_t n) {
  uint64_t sum = 0;
  while (n >= 4) {
    sum += p4s_be32(p);
    p += 4;
    n -= 4;
  }
  if (n & 2) {
    sum += p4s_be16(p);
    p += 2;
  }
  if (n & 1) sum += (uint64_t)p[0] << 8;
  return sum;
}

/* The checksum of a one's complement sum; only a sum of nothing but zeros gives 0xffff. */
P4_INLINE uint64_t p4s_csum_fold(uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

/* Bits gathered for a hash function. */
struct p4s_bits {
  uint8_t *data;
  uint32_t bits, limit;
};

static inline __attribute__((unused)) void p4s_bits_put(struct p4s_bits *b, uint64_t v, unsigned n) {
  if (b->bits + n > b->limit) return;
  if ((b->bits & 7) == 0 && (n & 7) == 0) {
    p4s_put_be(b->data + b->bits / 8, n / 8, v);
    b->bits += n;
    return;
  }
  for (unsigned i = n; i-- > 0; b->bits++) {
    const uint8_t bit = (uint8_t)(0x80u >> (b->bits & 7));
    if ((b->bits & 7) == 0) b->data[b->bits / 8] = 0;
    if (v >> i & 1) b->data[b->bits / 8] |= bit;
  }
}

static inline __attribute__((unused)) void p4s_bits_bytes(struct p4s_bits *b, const uint8_t *p, uint32_t n) {
  if ((b->bits & 7) == 0 && b->bits + 8 * (uint64_t)n <= b->limit) {
    memcpy(b->data + b->bits / 8, p, n);
    b->bits += 8 * n;
    return;
  }
  for (uint32_t i = 0; i < n; i++) p4s_bits_put(b, p[i], 8);
}

static inline __attribute__((unused)) uint64_t p4s_crc(const uint8_t *p, size_t n, unsigned width, uint64_t poly,
                                                       uint64_t init, bool reflect, uint64_t out) {
  const uint64_t top = UINT64_C(1) << (width - 1), all = top | (top - 1);
  uint64_t r = init;
  for (size_t i = 0; i < n; i++)
    for (int bit = 0; bit < 8; bit++) {
      const uint64_t in = reflect ? p[i] >> bit & 1 : p[i] >> (7 - bit) & 1;
      const bool carry = (((r & top) != 0) ^ in) != 0;
      r = (r << 1 & all) ^ (carry ? poly : 0);
    }
  if (reflect) {
    uint64_t back = 0;
    for (unsigned i = 0; i < width; i++) back |= (r >> i & 1) << (width - 1 - i);
    r = back;
  }
  return (r ^ out) & all;
}

static inline __attribute__((unused)) uint64_t p4s_xor(const uint8_t *p, size_t n, unsigned bytes) {
  uint64_t x = 0;
  for (size_t i = 0; i < n; i++) x ^= (uint64_t)p[i] << (8 * (bytes - 1 - i % bytes));
  return x;
}

static inline __attribute__((unused)) uint64_t p4s_identity(const uint8_t *p, size_t n) {
  uint64_t x = 0;
  for (size_t i = 0; i < n && i < 8; i++) x = x << 8 | p[i];
  return x;
}

#endif

/* The interface between the fixed runtime and a generated program, and the code that a program inlines.
 *
 * Times are nanoseconds of CLOCK_MONOTONIC. Keys are compared as big-endian 64-bit words: the packed key bytes, padded
 * with zeros at the end. */
#ifndef P4S_H
#define P4S_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define P4S_ABI 1
#define P4_INLINE static inline __attribute__((always_inline, unused))
#define P4_LIKELY(x) __builtin_expect(!!(x), 1)
#define P4_UNLIKELY(x) __builtin_expect(!!(x), 0)

__extension__ typedef unsigned __int128 p4u128;
__extension__ typedef __int128 p4i128;
#define P4_U128(hi, lo) (((p4u128)(hi) << 64) | (lo))

#define P4S_NO_ACTION 0xffff
#define P4S_KEY_WORDS 64
#define P4S_DROP_PORT 511
#define P4S_MAX_PORT 511
#define P4S_CLONE_VALID 0x10000u

enum p4s_match { P4S_EXACT, P4S_LPM, P4S_TERNARY, P4S_RANGE, P4S_OPTIONAL };
enum p4s_mode { P4S_INGRESS, P4S_EGRESS, P4S_CLONE };
enum p4s_verdict { P4S_DROP, P4S_OUTPUT, P4S_REPLICATE };
enum p4s_instance {
  P4S_NORMAL = 0,
  P4S_INGRESS_CLONE = 1,
  P4S_EGRESS_CLONE = 2,
  P4S_RECIRC = 4,
  P4S_REPLICATION = 5,
  P4S_RESUBMIT = 6
};

/* --- descriptions: constant data of a generated program --- */

struct p4s_field_desc {
  uint16_t bits;
  uint16_t kind; /* enum p4s_match */
  uint16_t offset; /* bytes, in the lookup key */
};

struct p4s_param_desc {
  uint16_t bits;
  uint16_t size; /* bytes stored: 1, 2, 4, 8 or a multiple of 8, native byte order */
  uint16_t offset; /* from the start of the parameter area */
};

struct p4s_action_desc {
  uint16_t nparams;
  const struct p4s_param_desc *params;
};

struct p4s_const_entry {
  const uint8_t *key, *params;
  uint32_t action;
  int32_t priority;
};

struct p4s_table_desc {
  uint32_t kind; /* enum p4s_match of the table as a whole */
  uint16_t nfields, nactions;
  uint16_t key_bytes, key_words; /* of the lookup key */
  uint16_t packed_bytes; /* of a key as the control plane packs it */
  uint16_t param_bytes;
  uint32_t size;
  uint32_t has_counter, has_meter, meter_bytes, support_timeout;
  const struct p4s_field_desc *fields;
  const struct p4s_action_desc *actions;
  uint32_t default_action; /* P4S_NO_ACTION: none */
  const uint8_t *default_params;
  uint32_t nconst;
  const struct p4s_const_entry *const_entries;
};

struct p4s_array_desc {
  uint32_t size;
  uint32_t bits; /* registers: of a cell; meters: 1 if it meters bytes */
  uint32_t cell; /* bytes of a cell */
};

/* --- run-time state --- */

/* An entry: this head, then key words, mask words (ternary and range: low as value, high in the third part), params. */
struct p4s_entry {
  uint64_t last_hit;
  uint64_t packets, bytes;
  uint32_t hash;
  uint16_t action;
  uint16_t live;
};

struct p4s_slot {
  uint32_t hash;
  uint32_t index; /* of the entry plus one; 0 is an empty slot */
};

struct p4s_meter {
  uint64_t cir, cburst, pir, pburst;
  double committed, peak; /* tokens */
  uint64_t last;
  uint32_t configured;
};

struct p4s_cold;

struct p4s_table {
  const struct p4s_table_desc *desc;
  uint8_t *entries;
  struct p4s_slot *slots;
  struct p4s_entry *fallback; /* the default entry */
  struct p4s_meter *meters;
  uint32_t *order; /* ternary and range: entry numbers, highest priority first */
  uint64_t seed;
  uint32_t stride, mask, count, high;
  uint32_t params_at; /* byte offset of the parameters in an entry */
  uint32_t nlengths;
  uint16_t lengths[520]; /* lpm: prefix lengths in use, longest first */
  /* control plane only */
  uint32_t length_use[520];
  struct p4s_cold *cold;
  uint32_t free_head;
  struct p4s_wheel *wheel;
};

struct p4s_counter {
  uint64_t packets, bytes;
};

struct p4s_cells {
  uint8_t *data;
  uint32_t size, cell;
};

struct p4s_pkt;

struct p4s_ctx {
  uint64_t now, start;
  struct p4s_table *tables;
  struct p4s_counter **counters;
  struct p4s_meter **meters;
  struct p4s_cells *registers;
  uint64_t random[2];
  uint64_t failed_asserts;
  void (*digest)(struct p4s_ctx *, uint32_t list, const uint8_t *data, uint32_t len);
  void (*clone_egress)(struct p4s_ctx *, struct p4s_pkt *);
  uint8_t scratch[8192]; /* deparser, hash input */
};

/* A packet on its way. All offsets are from ``base``, where the header storage of the packet lies. */
struct p4s_pkt {
  uint8_t *base;
  void *state; /* the program's own variables between two calls */
  uint32_t off, len;
  uint32_t limit; /* bytes of the buffer at ``base`` */
  uint32_t payload; /* offset of the first byte that no header covers */
  uint32_t in_port, instance, ingress_len;
  uint32_t preserve; /* field list whose metadata survive in ``state`` */
  uint32_t fresh; /* egress: only those of ``preserve`` do */
  uint32_t length; /* egress: standard_metadata.packet_length */
  uint32_t port, rid, depth;
  /* decisions */
  uint32_t spec, group, clone, clone_list, resubmit, recirculate, truncate;
};

struct p4s_prog {
  uint32_t abi;
  uint32_t ntables, ncounters, nmeters, nregisters;
  uint32_t own_bytes, headroom, state_bytes;
  uint32_t keep_original; /* the ingress packet is needed again: clone or resubmit */
  const struct p4s_table_desc *tables;
  const struct p4s_array_desc *counters, *meters, *registers;
  enum p4s_verdict (*run)(struct p4s_ctx *, struct p4s_pkt *, enum p4s_mode);
};

/* --- bits and bytes --- */

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

/* --- lookups --- */

P4_INLINE uint32_t p4s_hash(const uint64_t *k, unsigned n, uint64_t seed) {
  uint64_t h = seed;
  for (unsigned i = 0; i < n; i++) {
    const p4u128 x = (p4u128)(k[i] ^ h ^ UINT64_C(0x9e3779b97f4a7c15)) * (UINT64_C(0xd6e8feb86659fd93) + 2 * i);
    h = (uint64_t)x ^ (uint64_t)(x >> 64);
  }
  return (uint32_t)(h ^ h >> 32);
}

P4_INLINE struct p4s_entry *p4s_entry_at(const struct p4s_table *t, uint32_t i) {
  return (struct p4s_entry *)(void *)(t->entries + (size_t)t->stride * i);
}

P4_INLINE uint64_t *p4s_words(struct p4s_entry *e) { return (uint64_t *)(void *)(e + 1); }

P4_INLINE bool p4s_same(const uint64_t *a, const uint64_t *b, unsigned n) {
  uint64_t d = 0;
  for (unsigned i = 0; i < n; i++) d |= a[i] ^ b[i];
  return d == 0;
}

/* The entry with these key words, among all those that hash to h. */
P4_INLINE struct p4s_entry *p4s_probe(const struct p4s_table *t, const uint64_t *k, unsigned n, uint32_t h) {
  for (uint32_t i = h & t->mask;; i = (i + 1) & t->mask) {
    const struct p4s_slot s = t->slots[i];
    if (s.index == 0) return NULL;
    if (s.hash == h) {
      struct p4s_entry *e = p4s_entry_at(t, s.index - 1);
      if (P4_LIKELY(p4s_same(p4s_words(e), k, n))) return e;
    }
  }
}

P4_INLINE struct p4s_entry *p4s_exact(const struct p4s_table *t, const uint64_t *k, unsigned n) {
  if (t->count == 0) return NULL;
  return p4s_probe(t, k, n, p4s_hash(k, n, t->seed));
}

/* k has n key words and room for one more, which tells prefix lengths apart. The lpm field has ``bits`` bits, the last
 * of them just before bit ``end`` of the key. */
P4_INLINE struct p4s_entry *p4s_lpm(const struct p4s_table *t, const uint64_t *k, unsigned n, unsigned bits,
                                    unsigned end) {
  uint64_t m[P4S_KEY_WORDS + 1];
  for (uint32_t l = 0; l < t->nlengths; l++) {
    const unsigned length = t->lengths[l], from = end - bits + length;
    for (unsigned i = 0; i < n; i++) {
      uint64_t clear = 0; /* the bits from..end of word i */
      const unsigned lo = i * 64, hi = lo + 64;
      if (from < hi && end > lo) {
        const unsigned a = from > lo ? from - lo : 0, b = end < hi ? end - lo : 64;
        if (a < b) clear = (~UINT64_C(0) >> a) & (b == 64 ? ~UINT64_C(0) : ~(~UINT64_C(0) >> b));
      }
      m[i] = k[i] & ~clear;
    }
    m[n] = length;
    struct p4s_entry *e = p4s_probe(t, m, n + 1, p4s_hash(m, n + 1, t->seed));
    if (e) return e;
  }
  return NULL;
}

P4_INLINE struct p4s_entry *p4s_ternary(const struct p4s_table *t, const uint64_t *k, unsigned n) {
  for (uint32_t j = 0; j < t->count; j++) {
    struct p4s_entry *e = p4s_entry_at(t, t->order[j]);
    const uint64_t *w = p4s_words(e);
    uint64_t d = 0;
    for (unsigned i = 0; i < n; i++) d |= (k[i] & w[n + i]) ^ w[i];
    if (d == 0) return e;
  }
  return NULL;
}

/* Range tables: value and mask words for the other fields, then the bounds, each the size of the key. */
P4_INLINE struct p4s_entry *p4s_range(const struct p4s_table *t, const uint64_t *k, unsigned n) {
  uint8_t key[P4S_KEY_WORDS * 8];
  for (unsigned i = 0; i < n; i++) p4s_put_be(key + 8 * i, 8, k[i]);
  for (uint32_t j = 0; j < t->count; j++) {
    struct p4s_entry *e = p4s_entry_at(t, t->order[j]);
    const uint64_t *w = p4s_words(e);
    uint64_t d = 0;
    for (unsigned i = 0; i < n; i++) d |= (k[i] & w[n + i]) ^ w[i];
    if (d != 0) continue;
    const uint8_t *low = (const uint8_t *)(w + 2 * n), *high = low + 8 * n;
    bool inside = true;
    for (unsigned f = 0; f < t->desc->nfields && inside; f++) {
      const struct p4s_field_desc *d_f = &t->desc->fields[f];
      const size_t size = (d_f->bits + 7u) / 8u;
      if (d_f->kind == P4S_RANGE)
        inside = memcmp(key + d_f->offset, low + d_f->offset, size) >= 0 &&
                 memcmp(key + d_f->offset, high + d_f->offset, size) <= 0;
    }
    if (inside) return e;
  }
  return NULL;
}

P4_INLINE void p4s_hit(struct p4s_entry *e, const struct p4s_ctx *c, uint32_t len, bool counter) {
  e->last_hit = c->now;
  if (counter) {
    e->packets++;
    e->bytes += len;
  }
}

/* --- state objects --- */

P4_INLINE void p4s_count(struct p4s_ctx *c, unsigned array, uint32_t size, uint64_t i, uint32_t len) {
  if (P4_LIKELY(i < size)) {
    c->counters[array][i].packets++;
    c->counters[array][i].bytes += len;
  }
}

/* RFC 2698, colour blind: 0 green, 1 yellow, 2 red. */
static inline __attribute__((unused)) uint32_t p4s_meter_run(struct p4s_meter *m, uint64_t now, uint32_t amount) {
  if (!m->configured) return 0;
  const double dt = now > m->last ? (double)(now - m->last) * 1e-9 : 0;
  m->last = now;
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

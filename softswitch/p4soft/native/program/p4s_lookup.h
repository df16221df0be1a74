/* Table lookups that generated programs inline. */
#ifndef P4S_LOOKUP_H
#define P4S_LOOKUP_H

#include "p4s_bits.h"

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

/* The entry of a table whose key is a 32-bit id. */
P4_INLINE struct p4s_entry *p4s_by_id(const struct p4s_table *t, uint32_t id) {
  const uint64_t k[1] = {(uint64_t)id << 32};
  return p4s_exact(t, k, 1);
}

P4_INLINE struct p4s_list **p4s_list_at(const struct p4s_table *t, struct p4s_entry *e) {
  return (struct p4s_list **)(void *)((uint8_t *)e + t->params_at);
}

/* The members of a group, or NULL. */
P4_INLINE const struct p4s_list *p4s_list_of(const struct p4s_table *t, uint32_t id) {
  struct p4s_entry *e = p4s_by_id(t, id);
  return e ? *p4s_list_at(t, e) : NULL;
}

/* A time as entries keep it: 48 bits of 1024 ns, nine years. Rounded up, so that nothing seems idle for longer than it was. */
P4_INLINE uint64_t p4s_moment(uint64_t ns) { return (ns + (1u << P4S_HIT_SHIFT) - 1) >> P4S_HIT_SHIFT; }

P4_INLINE uint64_t p4s_hit_ns(const struct p4s_entry *e) {
  return __atomic_load_n(&e->mark, __ATOMIC_RELAXED) >> 16 << P4S_HIT_SHIFT;
}

P4_INLINE uint32_t p4s_action(const struct p4s_entry *e) {
  return (uint32_t)(__atomic_load_n(&e->mark, __ATOMIC_RELAXED) & 0xffff);
}

P4_INLINE void p4s_hit(struct p4s_entry *e, const struct p4s_ctx *c, uint32_t len, bool counter) {
#ifdef P4S_SHARED
  /* Only the control plane changes the action, while all workers wait. What need not be written stays in every cache. */
  const uint64_t old = __atomic_load_n(&e->mark, __ATOMIC_RELAXED);
  if (old >> 16 < c->moment) __atomic_store_n(&e->mark, c->moment << 16 | (old & 0xffff), __ATOMIC_RELAXED);
#else
  e->last_hit = c->moment;
#endif
  if (counter) {
    p4s_add(&e->packets, 1);
    p4s_add(&e->bytes, len);
  }
}

#endif

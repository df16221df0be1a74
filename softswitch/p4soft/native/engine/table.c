/* Tables as the control plane sees them. Lookups are in p4s.h.
 *
 * Every kind of table has the same hash index over the key material of its entries (for ternary and range tables: value,
 * mask, bounds; the priority is compared too), sized for the declared size, so that it never has to grow. Memory is
 * mapped, not allocated: pages come into being when entries do. */
#include <stdlib.h>

#include "engine/table.h"
#include "engine/memory.h"
#include "engine/pack.h"

static uint32_t slots_for(uint32_t size) {
  uint32_t n = 16;
  while (n < size + size / 2 + 1) n <<= 1;
  return n;
}

/* Entries share no cache line with half of another one. */
static uint32_t stride_for(uint32_t bytes) {
  if (bytes <= 32) return 32;
  return (bytes + 63u) / 64u * 64u;
}

uint32_t table_entry_bytes(const struct p4s_table *t) {
  const uint64_t size = t->desc->size ? t->desc->size : 1;
  const uint32_t index = (uint32_t)((sizeof *t->slots * ((uint64_t)t->mask + 1) + size - 1) / size);
  const uint32_t order = prioritised(t->desc) ? (uint32_t)(sizeof *t->order + sizeof *t->priorities) : 0;
  return t->stride + (uint32_t)sizeof *t->cold + index + order + (t->desc->has_meter ? (uint32_t)sizeof *t->meters : 0);
}

int table_init(struct p4s_table *t, const struct p4s_table_desc *d, uint64_t seed) {
  memset(t, 0, sizeof *t);
  t->desc = d;
  t->seed = seed;
  t->params_at = (uint32_t)sizeof(struct p4s_entry) + 8 * material_words(d);
  t->stride = stride_for(t->params_at + d->param_bytes);
  t->mask = slots_for(d->size) - 1;
  t->free_head = P4S_NONE;
  t->fallback = p4s_map(t->stride);
  t->entries = p4s_map((size_t)t->stride * d->size);
  t->slots = p4s_map(sizeof *t->slots * ((size_t)t->mask + 1));
  t->cold = p4s_map(sizeof *t->cold * (size_t)d->size);
  if (!t->fallback || !t->entries || !t->slots || !t->cold) return P4S_NO_MEMORY;
  p4s_large_pages(t->entries, (size_t)t->stride * d->size);
  p4s_large_pages(t->cold, sizeof *t->cold * (size_t)d->size);
  if (prioritised(d)) {
    t->order = p4s_map(sizeof *t->order * (size_t)d->size);
    t->priorities = p4s_map(sizeof *t->priorities * (size_t)d->size);
    if (!t->order || !t->priorities) return P4S_NO_MEMORY;
  }
  if (d->has_meter && !(t->meters = p4s_map(sizeof *t->meters * ((size_t)d->size + 1)))) return P4S_NO_MEMORY;
  if (d->support_timeout) {
    if (!(t->wheel = p4s_map(sizeof *t->wheel))) return P4S_NO_MEMORY;
    memset(t->wheel->heads, 0xff, sizeof t->wheel->heads);
  }
  int rc = table_set_default(t, d->default_action, d->default_params);
  for (uint32_t i = 0; i < d->nconst && rc == P4S_OK; i++) {
    const struct p4s_const_entry *e = &d->const_entries[i];
    rc = table_insert(t, e->key, e->action, e->params, e->priority, 0, 0, 0);
  }
  t->as_loaded = true;
  return rc;
}

void table_free(struct p4s_table *t) {
  const struct p4s_table_desc *d = t->desc;
  if (!d) return;
  for (uint32_t i = 0; d->lists && i < t->high; i++)
    if (p4s_entry_at(t, i)->action != P4S_NO_ACTION) free(*p4s_list_at(t, p4s_entry_at(t, i)));
  p4s_unmap(t->fallback, t->stride);
  p4s_unmap(t->entries, (size_t)t->stride * d->size);
  p4s_unmap(t->slots, sizeof *t->slots * ((size_t)t->mask + 1));
  p4s_unmap(t->cold, sizeof *t->cold * (size_t)d->size);
  p4s_unmap(t->order, sizeof *t->order * (size_t)d->size);
  p4s_unmap(t->priorities, sizeof *t->priorities * (size_t)d->size);
  p4s_unmap(t->meters, sizeof *t->meters * ((size_t)d->size + 1));
  p4s_unmap(t->wheel, sizeof *t->wheel);
}

/* --- the index --- */

static uint32_t index_find(struct p4s_table *t, const uint64_t *m, int32_t priority, uint32_t hash, uint32_t *slot) {
  const uint32_t n = material_words(t->desc);
  const bool by_priority = prioritised(t->desc);
  for (uint32_t i = hash & t->mask;; i = (i + 1) & t->mask) {
    const struct p4s_slot s = t->slots[i];
    *slot = i;
    if (s.index == 0) return P4S_NONE;
    if (s.hash != hash) continue;
    const uint32_t at = s.index - 1;
    if (p4s_same(p4s_words(p4s_entry_at(t, at)), m, n) && (!by_priority || t->priorities[at] == priority)) return at;
  }
}

/* With as many entries as the index has small pages, hash values have touched most of them. */
static void count_entry(struct p4s_table *t) {
  const size_t size = sizeof *t->slots * ((size_t)t->mask + 1);
  if (++t->count == size / 4096) p4s_large_pages(t->slots, size);
}

/* Take a slot out without leaving a tombstone: later entries of the run move up if they may. */
static void index_remove(struct p4s_table *t, uint32_t hole) {
  for (uint32_t i = (hole + 1) & t->mask; t->slots[i].index != 0; i = (i + 1) & t->mask) {
    const uint32_t home = t->slots[i].hash & t->mask;
    if (((i - home) & t->mask) >= ((i - hole) & t->mask)) {
      t->slots[hole] = t->slots[i];
      hole = i;
    }
  }
  t->slots[hole].index = 0;
}

uint32_t table_find(struct p4s_table *t, const uint8_t *key, int32_t priority, int *error) {
  uint64_t m[P4S_MAX_MATERIAL];
  uint32_t slot;
  *error = pack_key(t->desc, key, m);
  if (*error != P4S_OK) return P4S_NONE;
  const uint32_t at = index_find(t, m, priority, p4s_hash(m, material_words(t->desc), t->seed), &slot);
  if (at == P4S_NONE) *error = P4S_NOT_FOUND;
  return at;
}

/* --- prefix lengths and priorities --- */

static void length_add(struct p4s_table *t, uint32_t length) {
  if (t->length_use[length]++) return;
  uint32_t i = t->nlengths++;
  for (; i > 0 && t->lengths[i - 1] < length; i--) t->lengths[i] = t->lengths[i - 1];
  t->lengths[i] = (uint16_t)length;
}

static void length_remove(struct p4s_table *t, uint32_t length) {
  if (--t->length_use[length]) return;
  uint32_t i = 0;
  while (t->lengths[i] != length) i++;
  for (t->nlengths--; i < t->nlengths; i++) t->lengths[i] = t->lengths[i + 1];
}

/* First position whose priority is lower; among equals the older entry stays in front. */
static uint32_t order_place(const struct p4s_table *t, int32_t priority, uint32_t n) {
  uint32_t low = 0, high = n;
  while (low < high) {
    const uint32_t mid = low + (high - low) / 2;
    if (t->priorities[t->order[mid]] >= priority)
      low = mid + 1;
    else
      high = mid;
  }
  return low;
}

/* --- operations --- */

static void set_entry(struct p4s_table *t, uint32_t at, uint32_t action, const uint8_t *area, uint64_t idle,
                      uint64_t cookie, uint64_t now) {
  struct p4s_entry *e = p4s_entry_at(t, at);
  struct p4s_cold *cold = &t->cold[at];
  memcpy((uint8_t *)e + t->params_at, area, t->desc->param_bytes);
  e->action = (uint16_t)action;
  e->last_hit = p4s_moment(now);
  cold->reported = now;
  cold->cookie = cookie;
  cold->idle = idle;
  if (t->wheel) {
    wheel_disarm(t, at);
    if (idle) wheel_arm(t, at, now + idle);
  }
}

int table_insert(struct p4s_table *t, const uint8_t *key, uint32_t action, const uint8_t *params, int32_t priority,
                 uint64_t idle, uint64_t cookie, uint64_t now) {
  uint64_t m[P4S_MAX_MATERIAL];
  uint8_t area[P4S_MAX_PARAMS] = {0};
  const struct p4s_table_desc *d = t->desc;
  const uint32_t n = material_words(d);
  uint32_t slot;
  if (d->nfields == 0) return P4S_INVALID; /* a table without a key has its default entry only */
  int rc = pack_key(d, key, m);
  if (rc == P4S_OK) rc = pack_params(t, action, params, area);
  if (rc != P4S_OK) return rc;
  const uint32_t hash = p4s_hash(m, n, t->seed);
  if (index_find(t, m, priority, hash, &slot) != P4S_NONE) return P4S_EXISTS;
  if (t->count >= d->size) return P4S_FULL;
  uint32_t at = t->free_head;
  if (at != P4S_NONE)
    t->free_head = t->cold[at].next;
  else
    at = t->high++;
  struct p4s_entry *e = p4s_entry_at(t, at);
  t->cold[at].prev = P4S_NONE;
  if (prioritised(d)) t->priorities[at] = priority;
  e->packets = e->bytes = 0;
  memcpy(p4s_words(e), m, 8 * n);
  if (d->has_meter) memset(&t->meters[at], 0, sizeof t->meters[at]);
  set_entry(t, at, action, area, idle, cookie, now);
  t->slots[slot].hash = hash;
  t->slots[slot].index = at + 1;
  if (d->kind == P4S_LPM) length_add(t, (uint32_t)m[d->key_words]);
  if (prioritised(d)) {
    const uint32_t place = order_place(t, priority, t->count);
    memmove(t->order + place + 1, t->order + place, sizeof *t->order * (t->count - place));
    t->order[place] = at;
  }
  t->as_loaded = false;
  count_entry(t);
  return P4S_OK;
}

int table_modify(struct p4s_table *t, const uint8_t *key, uint32_t action, const uint8_t *params, int32_t priority,
                 uint64_t idle, uint64_t cookie, uint64_t now) {
  uint8_t area[P4S_MAX_PARAMS] = {0};
  int rc;
  const uint32_t at = table_find(t, key, priority, &rc);
  if (at == P4S_NONE) return rc;
  rc = pack_params(t, action, params, area);
  if (rc == P4S_OK) set_entry(t, at, action, area, idle, cookie, now);
  return rc;
}

int table_delete(struct p4s_table *t, const uint8_t *key, int32_t priority) {
  uint64_t m[P4S_MAX_MATERIAL];
  const struct p4s_table_desc *d = t->desc;
  uint32_t slot;
  const int rc = pack_key(d, key, m);
  if (rc != P4S_OK) return rc;
  const uint32_t at = index_find(t, m, priority, p4s_hash(m, material_words(d), t->seed), &slot);
  if (at == P4S_NONE) return P4S_NOT_FOUND;
  index_remove(t, slot);
  t->as_loaded = false;
  if (d->kind == P4S_LPM) length_remove(t, (uint32_t)m[d->key_words]);
  if (prioritised(d)) {
    uint32_t place = order_place(t, priority, t->count);
    do place--;
    while (t->order[place] != at);
    memmove(t->order + place, t->order + place + 1, sizeof *t->order * (t->count - place - 1));
  }
  if (t->wheel) wheel_disarm(t, at);
  p4s_entry_at(t, at)->action = P4S_NO_ACTION;
  t->cold[at].next = t->free_head;
  t->free_head = at;
  t->count--;
  return P4S_OK;
}

int table_set_default(struct p4s_table *t, uint32_t action, const uint8_t *params) {
  uint8_t area[P4S_MAX_PARAMS] = {0};
  if (action != P4S_NO_ACTION) {
    const int rc = pack_params(t, action, params, area);
    if (rc != P4S_OK) return rc;
  }
  memcpy((uint8_t *)t->fallback + t->params_at, area, t->desc->param_bytes);
  t->fallback->action = (uint16_t)action;
  return P4S_OK;
}

uint32_t table_image_size(const struct p4s_table *t) {
  uint32_t most = 0;
  for (uint32_t i = 0; i < t->desc->nactions; i++) {
    const uint32_t size = packed_params(t, i);
    if (size > most) most = size;
  }
  return ((uint32_t)sizeof(struct p4s_entry_image) + t->desc->packed_bytes + most + 7u) / 8u * 8u;
}

uint32_t table_image(struct p4s_table *t, uint32_t index, uint64_t now, uint8_t *out) {
  struct p4s_entry *e = p4s_entry_at(t, index);
  const struct p4s_cold *cold = &t->cold[index];
  struct p4s_entry_image image = {
      .cookie = cold->cookie,
      .idle = cold->idle,
      .packets = __atomic_load_n(&e->packets, __ATOMIC_RELAXED), /* for a report, other workers do not stop */
      .bytes = __atomic_load_n(&e->bytes, __ATOMIC_RELAXED),
      .since = now > p4s_hit_ns(e) ? now - p4s_hit_ns(e) : 0,
      .priority = t->priorities ? t->priorities[index] : 0,
      .action = p4s_action(e),
      .key_len = t->desc->packed_bytes,
      .params_len = packed_params(t, p4s_action(e)),
  };
  memcpy(out, &image, sizeof image);
  unpack_key(t->desc, p4s_words(e), out + sizeof image);
  unpack_params(t, e, out + sizeof image + image.key_len);
  return ((uint32_t)sizeof image + image.key_len + image.params_len + 7u) / 8u * 8u;
}

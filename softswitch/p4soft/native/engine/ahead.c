/* Looking ahead. With many entries, what a lookup touches is not in the processor's caches, and a packet would wait for
 * memory three times: for the slot of the index, for the entry, and for the registers that the entry refers to. So all
 * frames of a batch first ask for the first, then for the second, then for the third, and are forwarded after that.
 *
 * A hint may be wrong (the program may rewrite a header before it looks it up); then nothing but a fetch was in vain. */
#include "engine/ahead.h"

static bool worth_it(const struct p4s_switch *s) {
  for (uint32_t i = 0; i < s->prog->nhints; i++)
    if (s->objects.tables[s->prog->hints[i].table].count > P4S_FEW) return true;
  return false;
}

/* The entry that the index has for a hash, without a look at its key. */
static struct p4s_entry *likely(const struct p4s_table *t, uint32_t hash) {
  for (uint32_t i = 0; i < 4; i++) {
    const struct p4s_slot s = t->slots[(hash + i) & t->mask];
    if (s.index == 0) return NULL;
    if (s.hash == hash) return p4s_entry_at(t, s.index - 1);
  }
  return NULL;
}

static void fetch_registers(const struct p4s_switch *s, const struct p4s_hint_desc *h, const struct p4s_entry *e) {
  const struct p4s_table *t = &s->objects.tables[h->table];
  for (uint32_t i = 0; i < h->nreaches; i++) {
    const struct p4s_reach *r = &h->reaches[i];
    const struct p4s_cells *cells = &s->objects.registers[r->reg];
    uint64_t index = 0;
    if (r->action != p4s_action(e)) continue;
    memcpy(&index, (const uint8_t *)e + t->params_at + r->offset, r->size); /* little-endian host */
    if (index < cells->size) __builtin_prefetch(cells->data + index * cells->stride, 1);
  }
}

static struct p4s_entry *fetch_entry(const struct p4s_table *t, uint32_t hash) {
  struct p4s_entry *e = likely(t, hash);
  if (!e) return NULL;
  __builtin_prefetch(e, 1);
  if (t->stride > 64) __builtin_prefetch((uint8_t *)e + 64);
  return e;
}

/* What was found out about one frame. */
struct view {
  struct p4s_ahead ahead;
  struct p4s_entry *found[P4S_HINTS];
  uint32_t hits; /* bit i: found[i] is an entry */
};

/* The lookups that come after others are told about in a second turn, if those others found nothing. */
static void fetch_entries(const struct p4s_switch *s, struct view *v, bool second) {
  const struct p4s_prog *prog = s->prog;
  uint32_t hits = v->hits;
  for (uint32_t j = 0; j < prog->nhints; j++) {
    const struct p4s_hint_desc *h = &prog->hints[j];
    if ((h->unless != 0) != second || (h->unless & v->hits) || !(v->ahead.known >> j & 1)) continue;
    v->found[j] = fetch_entry(&s->objects.tables[h->table], v->ahead.hash[j]);
    if (v->found[j]) hits |= 1u << j;
  }
  v->hits = hits;
}

static void fetch_second_slots(const struct p4s_switch *s, const struct view *v) {
  const struct p4s_prog *prog = s->prog;
  for (uint32_t j = 0; j < prog->nhints; j++) {
    const struct p4s_hint_desc *h = &prog->hints[j];
    const struct p4s_table *t = &s->objects.tables[h->table];
    if (h->unless && !(h->unless & v->hits) && v->ahead.known >> j & 1)
      __builtin_prefetch(&t->slots[v->ahead.hash[j] & t->mask]);
  }
}

void forward_look_ahead(struct p4s_worker *w, const struct p4s_frame *frames, uint32_t n) {
  const struct p4s_switch *s = w->s;
  struct view views[P4S_BATCH];
  const struct p4s_prog *prog = s->prog;
  if (n < 2 || !worth_it(s)) return;
  for (uint32_t i = 0; i < n; i++) {
    views[i].ahead.known = views[i].hits = 0;
    prog->look_ahead(&w->ctx, &frames[i], &views[i].ahead);
  }
  for (uint32_t i = 0; i < n; i++) {
    fetch_entries(s, &views[i], false);
    fetch_second_slots(s, &views[i]);
  }
  for (uint32_t i = 0; i < n; i++) fetch_entries(s, &views[i], true);
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t hits = views[i].hits; hits; hits &= hits - 1) {
      const uint32_t j = (uint32_t)__builtin_ctz(hits);
      fetch_registers(s, &prog->hints[j], views[i].found[j]);
    }
}

/* Table entries as the control plane changes and reads them, each call atomic for packets. */
#include "engine/entries.h"
#include "engine/clock.h"
#include "engine/lock.h"
#include "engine/pack.h"
#include "engine/table.h"
#include "engine/wake.h"

int update_entry(struct p4s_switch *s, uint32_t table, const struct p4s_update *u, const uint8_t *bytes, uint64_t now) {
  struct p4s_table *t = &s->objects.tables[table];
  const uint8_t *key = bytes + u->key_at, *params = bytes + u->params_at;
  if (u->idle) switch_deadline(s, now + u->idle);
  if (u->kind == P4S_INSERT) return table_insert(t, key, u->action, params, u->priority, u->idle, u->cookie, now);
  if (u->kind == P4S_MODIFY) return table_modify(t, key, u->action, params, u->priority, u->idle, u->cookie, now);
  return table_delete(t, key, u->priority);
}

EXPORT int p4s_update(struct p4s_switch *s, uint32_t table, const struct p4s_update *u, const uint8_t *bytes) {
  switch_lock(s);
  const int rc = update_entry(s, table, u, bytes, p4s_clock());
  switch_unlock(s);
  return rc;
}

EXPORT uint32_t p4s_image_size(struct p4s_switch *s, uint32_t table) { return table_image_size(&s->objects.tables[table]); }

EXPORT int p4s_get(struct p4s_switch *s, uint32_t table, const uint8_t *key, int32_t priority, uint8_t *out) {
  int rc;
  switch_lock(s);
  struct p4s_table *t = &s->objects.tables[table];
  const uint32_t at = table_find(t, key, priority, &rc);
  if (at != P4S_NONE) table_image(t, at, p4s_clock(), out);
  switch_unlock(s);
  return rc;
}

/* Entries from position *at on, as many as fit; *at becomes P4S_NONE at the end. Returns the bytes used. */
EXPORT uint64_t p4s_entries(struct p4s_switch *s, uint32_t table, uint32_t *at, uint8_t *out, uint64_t room) {
  uint64_t used = 0;
  switch_lock(s);
  struct p4s_table *t = &s->objects.tables[table];
  const uint64_t now = p4s_clock();
  const uint32_t most = table_image_size(t);
  for (uint32_t n = 0; *at < t->high && used + most <= room && n < 4096; ++*at, n++)
    if (p4s_entry_at(t, *at)->action != P4S_NO_ACTION) used += table_image(t, *at, now, out + used);
  if (*at >= t->high) *at = P4S_NONE;
  switch_unlock(s);
  return used;
}

/* Bytes that one more entry costs, its share of the index and what ageing needs included. */
EXPORT uint32_t p4s_entry_bytes(struct p4s_switch *s, uint32_t table) { return table_entry_bytes(&s->objects.tables[table]); }

EXPORT uint32_t p4s_table_count(struct p4s_switch *s, uint32_t table) { return s->objects.tables[table].count; }

/* action UINT32_MAX: as the program has it, counter and meter included */
EXPORT int p4s_set_default(struct p4s_switch *s, uint32_t table, uint32_t action, const uint8_t *params) {
  switch_lock(s);
  struct p4s_table *t = &s->objects.tables[table];
  const bool reset = action == UINT32_MAX;
  const int rc = reset ? table_set_default(t, t->desc->default_action, t->desc->default_params)
                       : table_set_default(t, action, params);
  if (reset) t->fallback->packets = t->fallback->bytes = 0;
  if (reset && t->meters) memset(&t->meters[t->desc->size], 0, sizeof *t->meters);
  switch_unlock(s);
  return rc;
}

/* Returns the action's number or P4S_NO_ACTION. */
EXPORT uint32_t p4s_get_default(struct p4s_switch *s, uint32_t table, uint8_t *params) {
  switch_lock(s);
  const struct p4s_table *t = &s->objects.tables[table];
  const uint32_t action = t->fallback->action;
  unpack_params(t, t->fallback, params);
  switch_unlock(s);
  return action;
}

/* Counters, meters and registers as the control plane sees them, each call atomic for packets. */
#include "engine/clock.h"
#include "engine/lock.h"
#include "engine/table.h"

/* --- of table entries --- */

/* The entry's number, one more than there are for the default entry (key NULL), or P4S_NONE. */
static uint32_t find_entry(struct p4s_table *t, const uint8_t *key, int32_t priority, int *rc) {
  *rc = P4S_OK;
  return key ? table_find(t, key, priority, rc) : t->desc->size;
}

static struct p4s_entry *numbered_entry(struct p4s_table *t, uint32_t at) {
  return at == t->desc->size ? t->fallback : p4s_entry_at(t, at);
}

/* Of the default entry. */
EXPORT void p4s_default_counter(struct p4s_switch *s, uint32_t table, uint64_t *out) {
  switch_lock(s);
  out[0] = s->objects.tables[table].fallback->packets;
  out[1] = s->objects.tables[table].fallback->bytes;
  switch_unlock(s);
}

EXPORT int p4s_set_direct_counter(struct p4s_switch *s, uint32_t table, const uint8_t *key, int32_t priority,
                                  uint64_t packets, uint64_t bytes) {
  int rc;
  switch_lock(s);
  struct p4s_table *t = &s->objects.tables[table];
  const uint32_t at = find_entry(t, key, priority, &rc);
  if (at != P4S_NONE) {
    numbered_entry(t, at)->packets = packets;
    numbered_entry(t, at)->bytes = bytes;
  }
  switch_unlock(s);
  return rc;
}

/* --- meters --- */

static void meter_config(struct p4s_meter *m, const uint64_t *config) {
  memset(m, 0, sizeof *m);
  if (!config) return;
  m->cir = config[0];
  m->cburst = config[1];
  m->pir = config[2];
  m->pburst = config[3];
  m->committed = (double)m->cburst;
  m->peak = (double)m->pburst;
  m->last = p4s_clock();
  m->configured = 1;
}

static int meter_read(const struct p4s_meter *m, uint64_t *config) {
  config[0] = m->cir;
  config[1] = m->cburst;
  config[2] = m->pir;
  config[3] = m->pburst;
  return (int)m->configured;
}

/* config NULL: unconfigured again */
EXPORT int p4s_set_direct_meter(struct p4s_switch *s, uint32_t table, const uint8_t *key, int32_t priority,
                                const uint64_t *config) {
  int rc;
  switch_lock(s);
  struct p4s_table *t = &s->objects.tables[table];
  const uint32_t at = find_entry(t, key, priority, &rc);
  if (at != P4S_NONE) meter_config(&t->meters[at], config);
  switch_unlock(s);
  return rc;
}

/* 1: configured, 0: not, negative: error */
EXPORT int p4s_direct_meter(struct p4s_switch *s, uint32_t table, const uint8_t *key, int32_t priority,
                            uint64_t *config) {
  int rc;
  switch_lock(s);
  struct p4s_table *t = &s->objects.tables[table];
  const uint32_t at = find_entry(t, key, priority, &rc);
  if (at != P4S_NONE) rc = meter_read(&t->meters[at], config);
  switch_unlock(s);
  return rc;
}

EXPORT void p4s_write_meter(struct p4s_switch *s, uint32_t array, uint32_t index, const uint64_t *config) {
  switch_lock(s);
  meter_config(&s->objects.meters[array][index], config);
  switch_unlock(s);
}

EXPORT int p4s_read_meter(struct p4s_switch *s, uint32_t array, uint32_t index, uint64_t *config) {
  switch_lock(s);
  const int rc = meter_read(&s->objects.meters[array][index], config);
  switch_unlock(s);
  return rc;
}

/* The same as p4s_read_meter, with the tokens that there are. */
EXPORT int p4s_show_meter(struct p4s_switch *s, uint32_t array, uint32_t index, struct p4s_meter_image *out) {
  switch_lock(s);
  const struct p4s_meter *m = &s->objects.meters[array][index];
  *out = (struct p4s_meter_image){m->cir, m->cburst, m->pir, m->pburst, m->last, m->committed, m->peak};
  const int rc = (int)m->configured;
  switch_unlock(s);
  return rc;
}

EXPORT void p4s_read_counters(struct p4s_switch *s, uint32_t array, uint32_t first, uint32_t n, uint64_t *out) {
  switch_lock(s);
  memcpy(out, &s->objects.counters[array][first], sizeof(struct p4s_counter) * n);
  switch_unlock(s);
}

EXPORT void p4s_write_counter(struct p4s_switch *s, uint32_t array, uint32_t index, uint64_t packets, uint64_t bytes) {
  switch_lock(s);
  s->objects.counters[array][index] = (struct p4s_counter){packets, bytes};
  switch_unlock(s);
}

/* Cells in native byte order. */
EXPORT void p4s_read_registers(struct p4s_switch *s, uint32_t array, uint32_t first, uint32_t n, uint8_t *out) {
  switch_lock(s);
  const struct p4s_cells *r = &s->objects.registers[array];
  for (uint32_t i = 0; i < n; i++) memcpy(out + (size_t)r->cell * i, r->data + (size_t)r->stride * (first + i), r->cell);
  switch_unlock(s);
}

EXPORT void p4s_write_register(struct p4s_switch *s, uint32_t array, uint32_t index, const uint8_t *cell) {
  switch_lock(s);
  const struct p4s_cells *r = &s->objects.registers[array];
  memcpy(r->data + (size_t)r->stride * index, cell, r->cell);
  switch_unlock(s);
}

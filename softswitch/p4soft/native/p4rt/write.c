/* P4Runtime WriteRequests as they come off the wire.
 *
 * The ordinary ones, inserts, modifications and deletions of table entries with direct actions, are decoded against a
 * description of the program's tables and applied in order. A request that holds anything else, or anything that might
 * be wrong, is not touched: the server decodes it again and either serves it or says what is wrong with it. So nothing
 * is refused here but by the tables themselves, and every rule of P4Runtime has its error in one place. */
#include "p4rt/write.h"
#include "engine/clock.h"
#include "engine/entries.h"
#include "engine/lock.h"
#include "p4rt/tables.h"

#include <stdlib.h>

struct p4s_writer {
  struct p4s_switch *s;
  uint64_t device;
  struct wire_tables tables; /* of the running program */
  struct p4s_grant *grants;
  uint32_t ngrants;
  /* of the requests at hand */
  struct p4s_update *updates;
  uint32_t *indices, *ids; /* of each update's table */
  int32_t *results;
  uint32_t count, room;
  uint8_t *bytes;
  size_t used, bytes_room;
};

static uint32_t packed_params(const struct p4s_writer *w, const struct p4s_wire_action *a) {
  uint32_t size = 0;
  for (uint32_t i = 0; i < a->nparams; i++) size += wire_width(w->tables.params[a->first_param + i].bits);
  return size;
}

static bool param(const struct p4s_wire_param *p, struct wire_span s, uint8_t *out) {
  struct wire_field part;
  uint64_t id = 0;
  bool given = false;
  while (wire_next(&s, &part)) {
    if (part.tag == WIRE_NUMBER(2)) {
      id = part.number;
    } else if (part.tag == WIRE_BYTES(3) && !given && wire_pack(part.bytes, p->bits, out)) {
      given = true;
    } else {
      return false;
    }
  }
  return s.at == s.end && given && id == p->id;
}

/* --- requests --- */

static bool reserve_bytes(struct p4s_writer *w, size_t more) {
  if (w->used + more <= w->bytes_room) return true;
  const size_t room = 2 * (w->used + more) + 4096;
  if (room > UINT32_MAX) return false;
  uint8_t *grown = realloc(w->bytes, room);
  if (!grown) return false;
  w->bytes = grown;
  w->bytes_room = room;
  return true;
}

static bool reserve_update(struct p4s_writer *w) {
  if (w->count < w->room) return true;
  if (w->room > UINT32_MAX / 4) return false;
  const uint32_t room = 2 * w->room + 64;
  void *updates = realloc(w->updates, room * sizeof *w->updates);
  if (updates) w->updates = updates;
  void *indices = realloc(w->indices, room * sizeof *w->indices);
  if (indices) w->indices = indices;
  void *ids = realloc(w->ids, room * sizeof *w->ids);
  if (ids) w->ids = ids;
  void *results = realloc(w->results, room * sizeof *w->results);
  if (results) w->results = results;
  if (!updates || !indices || !ids || !results) return false;
  w->room = room;
  return true;
}

static bool action(struct p4s_writer *w, const struct p4s_wire_table *t, struct wire_span s, struct p4s_update *u) {
  struct wire_field part;
  if (!wire_next(&s, &part) || part.tag != WIRE_BYTES(1) || s.at != s.end) return false; /* an Action and nothing else */
  s = part.bytes;
  if (!wire_next(&s, &part) || part.tag != WIRE_NUMBER(1)) return false;
  const struct p4s_wire_action *a = w->tables.actions + t->first_action, *end = a + t->nactions;
  while (a < end && a->id != part.number) a++;
  if (a == end || !reserve_bytes(w, packed_params(w, a))) return false;
  u->action = a->index;
  u->params_at = (uint32_t)w->used;
  uint32_t n = 0;
  for (; wire_next(&s, &part); n++) {
    if (part.tag != WIRE_BYTES(4) || n == a->nparams) return false;
    const struct p4s_wire_param *p = &w->tables.params[a->first_param + n];
    if (!param(p, part.bytes, w->bytes + w->used)) return false;
    w->used += wire_width(p->bits);
  }
  return s.at == s.end && n == a->nparams;
}

static bool table_entry(struct p4s_writer *w, struct wire_span s, struct p4s_update *u) {
  struct wire_field part;
  bool acted = false;
  if (!wire_next(&s, &part) || part.tag != WIRE_NUMBER(1)) return false;
  const struct p4s_wire_table *t = wire_find_table(&w->tables, part.number);
  if (!t) return false;
  const uint32_t size = wire_key_size(&w->tables, t);
  if (!reserve_bytes(w, size)) return false;
  u->key_at = (uint32_t)w->used;
  w->used += size;
  struct wire_key key = wire_key_of(&w->tables, t, w->bytes + u->key_at);
  while (wire_next(&s, &part)) {
    switch (part.tag) {
    case WIRE_BYTES(2):
      /* Not behind an action, which may have moved the bytes. */
      if (acted || !wire_key_add(&key, part.bytes)) return false;
      break;
    case WIRE_BYTES(3):
      if (acted || !wire_key_end(&key) || !action(w, t, part.bytes, u)) return false;
      acted = true;
      break;
    case WIRE_NUMBER(4):
      if (part.number > INT32_MAX) return false;
      u->priority = (int32_t)part.number;
      break;
    case WIRE_NUMBER(5): u->cookie = part.number; break;
    case WIRE_NUMBER(9):
      if (part.number > INT64_MAX) return false;
      u->idle = part.number;
      break;
    default: return false;
    }
  }
  if (s.at != s.end || (!acted && !wire_key_end(&key))) return false;
  if (((t->flags & P4S_WIRE_PRIORITY) != 0) != (u->priority != 0)) return false;
  w->indices[w->count] = t->index;
  w->ids[w->count] = t->id;
  if (u->kind == P4S_DELETE) return true;
  if (u->kind == P4S_MODIFY && !(t->flags & P4S_WIRE_MODIFY)) return false;
  return acted && (u->idle == 0 || (t->flags & P4S_WIRE_TIMEOUT));
}

static bool update(struct p4s_writer *w, struct wire_span s) {
  struct wire_field type, entity, entry;
  if (!wire_next(&s, &type) || type.tag != WIRE_NUMBER(1) || type.number < 1 || type.number > 3) return false;
  if (!wire_next(&s, &entity) || entity.tag != WIRE_BYTES(2) || s.at != s.end) return false;
  s = entity.bytes;
  if (!wire_next(&s, &entry) || entry.tag != WIRE_BYTES(2) || s.at != s.end) return false;
  if (!reserve_update(w)) return false;
  struct p4s_update *u = &w->updates[w->count];
  *u = (struct p4s_update){.kind = (uint32_t)type.number - 1};
  if (!table_entry(w, entry.bytes, u)) return false;
  w->count++;
  return true;
}

static bool election(struct wire_span s, struct p4s_grant *claim) {
  struct wire_field part;
  while (wire_next(&s, &part)) {
    if (part.tag == WIRE_NUMBER(1))
      claim->high = part.number;
    else if (part.tag == WIRE_NUMBER(2))
      claim->low = part.number;
    else
      return false;
  }
  return s.at == s.end;
}

static bool granted(const struct p4s_writer *w, const struct p4s_grant *claim) {
  for (uint32_t i = 0; i < w->ngrants; i++) {
    const struct p4s_grant *g = &w->grants[i];
    if (g->high == claim->high && g->low == claim->low && g->role_len == claim->role_len &&
        (claim->role_len == 0 || memcmp(g->role, claim->role, g->role_len) == 0))
      return true;
  }
  return false;
}

static bool request(struct p4s_writer *w, struct wire_span s) {
  struct wire_field part;
  struct p4s_grant claim = {0};
  uint64_t device = 0;
  bool elected = false;
  while (wire_next(&s, &part)) {
    switch (part.tag) {
    case WIRE_NUMBER(1): device = part.number; break;
    case WIRE_BYTES(3):
      if (elected || !election(part.bytes, &claim)) return false;
      elected = true;
      break;
    case WIRE_BYTES(4):
      if (!update(w, part.bytes)) return false;
      break;
    case WIRE_BYTES(6):
      claim.role = (const char *)part.bytes.at;
      claim.role_len = (uint32_t)part.number;
      break;
    default: return false;
    }
  }
  return s.at == s.end && device == w->device && elected && granted(w, &claim);
}

void writer_begin(struct p4s_writer *w) {
  w->count = 0;
  w->used = 0;
}

int64_t writer_decode(struct p4s_writer *w, const uint8_t *data, uint64_t len) {
  const uint32_t count = w->count;
  const size_t used = w->used;
  if (w->tables.ntables != 0 && len <= UINT32_MAX && request(w, (struct wire_span){data, data + len})) return w->count - count;
  w->count = count;
  w->used = used;
  return -1;
}

void writer_apply(struct p4s_writer *w) {
  for (uint32_t i = 0; i < w->count;) {
    switch_lock(w->s);
    const uint64_t now = p4s_clock();
    for (uint32_t end = i + P4S_AT_ONCE < w->count ? i + P4S_AT_ONCE : w->count; i < end; i++)
      w->results[i] = update_entry(w->s, w->indices[i], &w->updates[i], w->bytes, now);
    switch_unlock(w->s);
  }
}

int writer_outcome(const struct p4s_writer *w, uint32_t first, uint32_t count, struct p4s_outcome *outcome) {
  int written = P4S_WRITTEN;
  for (uint32_t i = first; i < first + count; i++)
    if (w->results[i] != P4S_OK) written = P4S_SOME_FAILED;
  *outcome = (struct p4s_outcome){count, w->results + first, w->indices + first, w->ids + first};
  return written;
}

/* P4S_NOT_ORDINARY: nothing was changed. ``outcome`` is set if some updates failed, and holds until the next call. */
EXPORT int p4s_write(struct p4s_writer *w, const uint8_t *data, uint64_t len, struct p4s_outcome *outcome) {
  writer_begin(w);
  const int64_t count = writer_decode(w, data, len);
  if (count < 0) return P4S_NOT_ORDINARY;
  writer_apply(w);
  return writer_outcome(w, 0, (uint32_t)count, outcome);
}

const struct wire_tables *writer_tables(const struct p4s_writer *w, uint64_t *device, struct p4s_switch **s) {
  *device = w->device;
  *s = w->s;
  return &w->tables;
}

/* --- what the server tells --- */

EXPORT struct p4s_writer *p4s_writer_new(struct p4s_switch *s, uint64_t device) {
  struct p4s_writer *w = calloc(1, sizeof *w);
  if (w) *w = (struct p4s_writer){.s = s, .device = device};
  return w;
}

/* The tables whose entries may be written and read here, by ascending id; none: every request is left to the server. */
EXPORT int p4s_writer_tables(struct p4s_writer *w, const struct p4s_wire_table *tables, uint32_t ntables,
                             const struct p4s_wire_field *fields, uint32_t nfields,
                             const struct p4s_wire_action *actions, uint32_t nactions,
                             const struct p4s_wire_param *params, uint32_t nparams) {
  return wire_tables_set(&w->tables, tables, ntables, fields, nfields, actions, nactions, params, nparams);
}

static void forget_grants(struct p4s_writer *w) {
  for (uint32_t i = 0; i < w->ngrants; i++) free((void *)(uintptr_t)w->grants[i].role);
  free(w->grants);
  w->grants = NULL;
  w->ngrants = 0;
}

EXPORT int p4s_writer_grants(struct p4s_writer *w, const struct p4s_grant *grants, uint32_t n) {
  forget_grants(w);
  w->grants = wire_copy(grants, n * sizeof *grants);
  if (!w->grants) return P4S_NO_MEMORY;
  for (; w->ngrants < n; w->ngrants++) {
    char *role = wire_copy(grants[w->ngrants].role, grants[w->ngrants].role_len);
    if (!role) return P4S_NO_MEMORY;
    w->grants[w->ngrants].role = role;
  }
  return P4S_OK;
}

EXPORT void p4s_writer_free(struct p4s_writer *w) {
  wire_tables_forget(&w->tables);
  forget_grants(w);
  free(w->updates);
  free(w->indices);
  free(w->ids);
  free(w->results);
  free(w->bytes);
  free(w);
}

/* P4Runtime ReadRequests as they come off the wire.
 *
 * The ordinary ones, which name entries of plain tables by their keys, or such tables as a whole, are decoded and answered
 * here. As with Writes (write.c), everything else is the server's, which knows what to say about it. */
#include "engine/clock.h"
#include "engine/lock.h"
#include "engine/pack.h"
#include "engine/table.h"
#include "p4rt/encode.h"
#include "p4rt/tables.h"
#include "p4rt/write.h"

#include <stdlib.h>

#define AT_ONCE 32u /* entries before packets get their turn */
#define WHOLE UINT32_MAX /* all entries of a table */

struct query {
  uint32_t table, wants, key_at; /* id; enum entry_part; where the packed key lies, or WHOLE */
};

struct p4s_reading {
  struct p4s_writer *w;
  uint32_t generation; /* of the tables */
  struct query *queries;
  uint32_t count, room, next; /* next: to be answered */
  uint32_t at; /* of the table that is read as a whole */
  uint8_t *bytes;
  size_t used, bytes_room;
};

/* --- decoding --- */

static void *grown(void *data, size_t used, size_t more, size_t *room, size_t size) {
  if (used + more <= *room) return data;
  const size_t wanted = 2 * (used + more) + 64;
  void *made = realloc(data, wanted * size);
  if (made) *room = wanted;
  return made;
}

static bool add(struct p4s_reading *r, struct query q, uint32_t key_bytes) {
  size_t room = r->room;
  struct query *queries = grown(r->queries, r->count, 1, &room, sizeof *queries);
  if (!queries) return false;
  r->queries = queries;
  r->room = (uint32_t)room;
  uint8_t *bytes = grown(r->bytes, r->used, key_bytes, &r->bytes_room, 1);
  if (!bytes && key_bytes) return false;
  r->bytes = bytes;
  r->queries[r->count++] = q;
  return true;
}

/* An empty message, by which a part of an entry is asked for. */
static bool asks(const struct wire_field *part) { return part->number == 0; }

static bool table_entry(struct p4s_reading *r, const struct wire_tables *tables, struct wire_span s) {
  struct wire_field part;
  uint8_t packed[8 * P4S_MAX_MATERIAL];
  if (!wire_next(&s, &part) || part.tag != WIRE_NUMBER(1)) return false;
  const struct p4s_wire_table *t = wire_find_table(tables, part.number);
  if (!t || !(t->flags & P4S_WIRE_READ)) return false;
  const uint32_t size = wire_key_size(tables, t);
  if (size > sizeof packed || r->used + size > UINT32_MAX / 4) return false;
  struct wire_key key = wire_key_of(tables, t, packed);
  struct query q = {.table = t->id, .key_at = WHOLE};
  while (wire_next(&s, &part)) {
    switch (part.tag) {
    case WIRE_BYTES(2):
      if (!wire_key_add(&key, part.bytes)) return false;
      q.key_at = (uint32_t)r->used;
      break;
    case WIRE_BYTES(7):
      if (!asks(&part)) return false;
      if (t->flags & P4S_WIRE_COUNTER) q.wants |= ENTRY_COUNTER;
      break;
    case WIRE_BYTES(10):
      if (!asks(&part) || !(t->flags & P4S_WIRE_TIMEOUT)) return false;
      q.wants |= ENTRY_SINCE_HIT;
      break;
    default: return false;
    }
  }
  if (s.at != s.end || (q.key_at != WHOLE && !wire_key_end(&key))) return false;
  if (!add(r, q, size)) return false;
  if (q.key_at != WHOLE) {
    memcpy(r->bytes + r->used, packed, size);
    r->used += size;
  }
  return true;
}

static bool entity(struct p4s_reading *r, const struct wire_tables *tables, struct wire_span s) {
  struct wire_field entry;
  return wire_next(&s, &entry) && entry.tag == WIRE_BYTES(2) && s.at == s.end && table_entry(r, tables, entry.bytes);
}

static bool request(struct p4s_reading *r, struct wire_span s) {
  struct wire_field part;
  struct p4s_switch *sw;
  uint64_t wanted, device = 0;
  const struct wire_tables *tables = writer_tables(r->w, &wanted, &sw);
  if (tables->ntables == 0) return false;
  while (wire_next(&s, &part)) {
    if (part.tag == WIRE_NUMBER(1))
      device = part.number;
    else if (part.tag != WIRE_BYTES(2) || !entity(r, tables, part.bytes))
      return false;
  }
  r->generation = tables->generation;
  return s.at == s.end && device == wanted;
}

EXPORT void p4s_read_free(struct p4s_reading *r) {
  if (!r) return;
  free(r->queries);
  free(r->bytes);
  free(r);
}

/* NULL: the request is not an ordinary one (or there is no memory). */
EXPORT struct p4s_reading *p4s_read(struct p4s_writer *w, const uint8_t *data, uint64_t len) {
  struct p4s_reading *r = calloc(1, sizeof *r);
  if (!r) return NULL;
  r->w = w;
  if (request(r, (struct wire_span){data, data + len})) return r;
  p4s_read_free(r);
  return NULL;
}

/* --- answering --- */

/* The entry of a query by key; P4S_NONE: there is none. */
static uint32_t find(const struct p4s_reading *r, const struct query *q, struct p4s_table *t) {
  int rc;
  return table_find(t, r->bytes + q->key_at, 0, &rc);
}

/* Entities of one query, as many as fit; whether it is answered. */
static bool answer(struct p4s_reading *r, struct p4s_table *t, struct entry_form *form, struct wire_out *out,
                   uint32_t *left) {
  const struct query *q = &r->queries[r->next];
  const uint64_t now = p4s_clock();
  if (q->key_at != WHOLE) {
    const uint32_t at = find(r, q, t);
    if (at != P4S_NONE) {
      encode_entity(out, form, t, at, q->wants, now);
      --*left;
    }
    return true;
  }
  for (uint32_t n = 0; r->at < t->high && *left && wire_fits(out, form->most); r->at++) {
    if (p4s_entry_at(t, r->at)->action == P4S_NO_ACTION) continue;
    if (n++ == AT_ONCE) return false;
    encode_entity(out, form, t, r->at, q->wants, now);
    --*left;
  }
  if (r->at < t->high) return false;
  r->at = 0;
  return true;
}

/* A serialized ReadResponse of ``limit`` entities at most; its bytes, 0 when there are no more. P4S_NOT_FOUND: the tables
 * are others by now. P4S_FULL: not even one entity fits. */
EXPORT int64_t p4s_read_next(struct p4s_reading *r, uint32_t limit, uint8_t *data, uint64_t room) {
  struct p4s_switch *s;
  uint64_t device;
  const struct wire_tables *tables = writer_tables(r->w, &device, &s);
  struct wire_out out = {data, data + room};
  uint32_t left = limit;
  if (tables->generation != r->generation) return P4S_NOT_FOUND;
  while (r->next < r->count && left) {
    switch_lock(s);
    for (uint32_t n = 0; n < AT_ONCE && r->next < r->count && left; n++) {
      const struct p4s_wire_table *wire = wire_find_table(tables, r->queries[r->next].table);
      struct p4s_table *t = &s->objects.tables[wire->index];
      struct entry_form form = entry_form(tables, wire);
      if (!wire_fits(&out, form.most)) {
        switch_unlock(s);
        return out.at == data ? P4S_FULL : out.at - data;
      }
      if (!answer(r, t, &form, &out, &left)) break;
      r->next++;
    }
    switch_unlock(s);
  }
  return out.at - data;
}

/* Instead: what the data plane has added to each of the entries asked for, all of them by key. P4S_INVALID if one is not,
 * P4S_NOT_FOUND as above; else their number, of which ``room`` are told. */
EXPORT int64_t p4s_read_hits(const struct p4s_reading *r, struct p4s_hit *hits, uint32_t room) {
  struct p4s_switch *s;
  uint64_t device;
  const struct wire_tables *tables = writer_tables(r->w, &device, &s);
  if (tables->generation != r->generation) return P4S_NOT_FOUND;
  for (uint32_t i = 0; i < r->count; i++)
    if (r->queries[i].key_at == WHOLE) return P4S_INVALID;
  for (uint32_t i = 0; i < r->count && i < room;) {
    switch_lock(s);
    const uint64_t now = p4s_clock();
    for (const uint32_t end = i + AT_ONCE; i < end && i < r->count && i < room; i++) {
      struct p4s_table *t = &s->objects.tables[wire_find_table(tables, r->queries[i].table)->index];
      const uint32_t at = find(r, &r->queries[i], t);
      if (at == P4S_NONE) {
        hits[i] = (struct p4s_hit){0};
        continue;
      }
      const struct p4s_entry *e = p4s_entry_at(t, at);
      const uint64_t hit = p4s_hit_ns(e);
      hits[i] = (struct p4s_hit){1, now > hit ? now - hit : 0, e->packets, e->bytes};
    }
    switch_unlock(s);
  }
  return r->count;
}

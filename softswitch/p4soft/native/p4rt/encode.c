/* Table entries in their wire form, fields in the order of their numbers, bytestrings as short as can be. */
#include "p4rt/encode.h"
#include "engine/pack.h"
#include "engine/wheel.h"

#define VARINT 10u /* bytes of the longest */
#define AROUND 16u /* bytes that a bytestring of a key or parameter needs beside itself, at most */

static void number(struct wire_out *out, uint64_t value) {
  while (value >= 0x80) {
    *out->at++ = (uint8_t)(value | 0x80);
    value >>= 7;
  }
  *out->at++ = (uint8_t)value;
}

/* A field of a number, left out if that is 0. */
static void scalar(struct wire_out *out, uint32_t field, uint64_t value) {
  if (value == 0) return;
  number(out, WIRE_NUMBER(field));
  number(out, value);
}

/* Messages are written behind the room for the longest length, and moved up to the one they have. */
static uint8_t *begin(struct wire_out *out, uint32_t field) {
  number(out, WIRE_BYTES(field));
  out->at += VARINT / 2;
  return out->at;
}

static void end(struct wire_out *out, uint8_t *body) {
  const size_t size = (size_t)(out->at - body);
  out->at = body - VARINT / 2;
  number(out, size);
  memmove(out->at, body, size);
  out->at += size;
}

static void bytestring(struct wire_out *out, uint32_t field, const uint8_t *value, uint32_t size) {
  while (size > 1 && *value == 0) {
    value++;
    size--;
  }
  number(out, WIRE_BYTES(field));
  number(out, size);
  memcpy(out->at, value, size);
  out->at += size;
}

static void match(struct wire_out *out, const struct entry_form *form, const uint8_t *key) {
  const struct p4s_wire_field *f = form->tables->fields + form->table->first_field;
  for (const struct p4s_wire_field *last = f + form->table->nfields; f < last; f++) {
    uint8_t *body = begin(out, 2);
    scalar(out, 1, f->id);
    uint8_t *exact = begin(out, 2);
    bytestring(out, 1, key, wire_width(f->bits));
    end(out, exact);
    end(out, body);
    key += wire_width(f->bits);
  }
}

static void action(struct wire_out *out, const struct entry_form *form, uint32_t index, const uint8_t *params) {
  const struct p4s_wire_action *a = form->tables->actions + form->table->first_action;
  for (const struct p4s_wire_action *last = a + form->table->nactions; a < last && a->index != index;) a++;
  uint8_t *table_action = begin(out, 3);
  uint8_t *body = begin(out, 1);
  scalar(out, 1, a->id);
  for (uint32_t i = 0; i < a->nparams; i++) {
    const struct p4s_wire_param *p = &form->tables->params[a->first_param + i];
    uint8_t *param = begin(out, 4);
    scalar(out, 2, p->id);
    bytestring(out, 3, params, wire_width(p->bits));
    end(out, param);
    params += wire_width(p->bits);
  }
  end(out, body);
  end(out, table_action);
}

static void counter(struct wire_out *out, const struct p4s_entry *e) {
  uint8_t *data = begin(out, 7);
  scalar(out, 1, e->bytes);
  scalar(out, 2, e->packets);
  end(out, data);
}

static void since_hit(struct wire_out *out, const struct p4s_entry *e, uint64_t now) {
  const uint64_t hit = p4s_hit_ns(e);
  uint8_t *since = begin(out, 10);
  scalar(out, 1, now > hit ? now - hit : 0);
  end(out, since);
}

struct entry_form entry_form(const struct wire_tables *tables, const struct p4s_wire_table *table) {
  uint32_t most = 16 * VARINT, params = 0;
  for (uint32_t i = 0; i < table->nfields; i++)
    most += AROUND + VARINT + wire_width(tables->fields[table->first_field + i].bits);
  for (uint32_t i = 0; i < table->nactions; i++) {
    const struct p4s_wire_action *a = &tables->actions[table->first_action + i];
    uint32_t size = 0;
    for (uint32_t p = 0; p < a->nparams; p++) size += AROUND + wire_width(tables->params[a->first_param + p].bits);
    if (size > params) params = size;
  }
  return (struct entry_form){tables, table, most + params};
}

void encode_entity(struct wire_out *out, const struct entry_form *form, struct p4s_table *t, uint32_t at,
                   uint32_t wants, uint64_t now) {
  uint8_t key[8 * P4S_MAX_MATERIAL], params[P4S_MAX_PARAMS];
  struct p4s_entry *e = p4s_entry_at(t, at);
  unpack_key(t->desc, p4s_words(e), key);
  unpack_params(t, e, params);
  uint8_t *entity = begin(out, 1);
  uint8_t *entry = begin(out, 2);
  scalar(out, 1, form->table->id);
  match(out, form, key);
  action(out, form, p4s_action(e), params);
  scalar(out, 5, t->cold[at].cookie);
  if (wants & ENTRY_COUNTER) counter(out, e);
  scalar(out, 9, t->cold[at].idle);
  if (wants & ENTRY_SINCE_HIT) since_hit(out, e, now);
  end(out, entry);
  end(out, entity);
}

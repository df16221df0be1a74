/* Table entries in their wire form. */
#ifndef P4S_ENCODE_H
#define P4S_ENCODE_H

#include "p4rt/tables.h"

/* Where messages are written; the writer makes sure that they fit. */
struct wire_out {
  uint8_t *at, *end;
};

enum entry_part { ENTRY_COUNTER = 1, ENTRY_SINCE_HIT = 2 };

/* How the entries of a table look. */
struct entry_form {
  const struct wire_tables *tables;
  const struct p4s_wire_table *table;
  uint32_t most; /* bytes that an entity takes at most */
};

static inline bool wire_fits(const struct wire_out *out, uint32_t bytes) { return (size_t)(out->end - out->at) >= bytes; }

struct entry_form entry_form(const struct wire_tables *tables, const struct p4s_wire_table *table);
/* Write an entity of a ReadResponse: the entry number ``at``, with the parts that are wanted. */
void encode_entity(struct wire_out *out, const struct entry_form *form, struct p4s_table *t, uint32_t at,
                   uint32_t wants, uint64_t now);

#endif

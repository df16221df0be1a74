/* The tables of the running program as requests name them. */
#ifndef P4S_TABLES_H
#define P4S_TABLES_H

#include "p4rt/wire.h"

struct wire_tables {
  struct p4s_wire_table *tables; /* by id */
  struct p4s_wire_field *fields;
  struct p4s_wire_action *actions;
  struct p4s_wire_param *params;
  uint32_t ntables;
  uint32_t generation; /* another one whenever they change */
};

int wire_tables_set(struct wire_tables *to, const struct p4s_wire_table *tables, uint32_t ntables,
                    const struct p4s_wire_field *fields, uint32_t nfields, const struct p4s_wire_action *actions,
                    uint32_t nactions, const struct p4s_wire_param *params, uint32_t nparams);
void wire_tables_forget(struct wire_tables *of);
/* NULL: there is none with this id. */
const struct p4s_wire_table *wire_find_table(const struct wire_tables *of, uint64_t id);
/* Bytes of a packed key. */
uint32_t wire_key_size(const struct wire_tables *of, const struct p4s_wire_table *t);
/* Begin a key whose packed bytes go to ``out``. */
struct wire_key wire_key_of(const struct wire_tables *of, const struct p4s_wire_table *t, uint8_t *out);
/* A copy that is to be freed, of no bytes too; NULL: no memory. */
void *wire_copy(const void *data, size_t size);

#endif

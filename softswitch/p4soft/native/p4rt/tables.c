/* The tables of the running program as requests name them. */
#include "p4rt/tables.h"

#include <stdlib.h>

void *wire_copy(const void *data, size_t size) {
  void *made = malloc(size + 1);
  if (made && size) memcpy(made, data, size);
  return made;
}

void wire_tables_forget(struct wire_tables *of) {
  free(of->tables);
  free(of->fields);
  free(of->actions);
  free(of->params);
  *of = (struct wire_tables){.generation = of->generation + 1};
}

int wire_tables_set(struct wire_tables *to, const struct p4s_wire_table *tables, uint32_t ntables,
                    const struct p4s_wire_field *fields, uint32_t nfields, const struct p4s_wire_action *actions,
                    uint32_t nactions, const struct p4s_wire_param *params, uint32_t nparams) {
  wire_tables_forget(to);
  to->tables = wire_copy(tables, ntables * sizeof *tables);
  to->fields = wire_copy(fields, nfields * sizeof *fields);
  to->actions = wire_copy(actions, nactions * sizeof *actions);
  to->params = wire_copy(params, nparams * sizeof *params);
  if (!to->tables || !to->fields || !to->actions || !to->params) return P4S_NO_MEMORY;
  to->ntables = ntables;
  return P4S_OK;
}

const struct p4s_wire_table *wire_find_table(const struct wire_tables *of, uint64_t id) {
  uint32_t low = 0, high = of->ntables;
  while (low < high) {
    const uint32_t mid = low + (high - low) / 2;
    if (of->tables[mid].id < id)
      low = mid + 1;
    else
      high = mid;
  }
  return low < of->ntables && of->tables[low].id == id ? &of->tables[low] : NULL;
}

uint32_t wire_key_size(const struct wire_tables *of, const struct p4s_wire_table *t) {
  uint32_t size = 0;
  for (uint32_t i = 0; i < t->nfields; i++) size += wire_packed_field(&of->fields[t->first_field + i]);
  return size;
}

struct wire_key wire_key_of(const struct wire_tables *of, const struct p4s_wire_table *t, uint8_t *out) {
  const struct p4s_wire_field *fields = of->fields + t->first_field;
  return (struct wire_key){fields, fields + t->nfields, out};
}

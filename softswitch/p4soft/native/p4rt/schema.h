/* What the server tells of the program's tables, for Writes to be decoded by. */
#ifndef P4S_SCHEMA_H
#define P4S_SCHEMA_H

#include <stdint.h>

struct p4s_wire_param {
  uint32_t id, bits;
};

struct p4s_wire_action {
  uint32_t id, index; /* index: the engine's number */
  uint32_t first_param, nparams;
};

struct p4s_wire_field {
  uint32_t id, bits, kind; /* enum p4s_match */
};

enum p4s_wire_flags { P4S_WIRE_PRIORITY = 1, P4S_WIRE_TIMEOUT = 2, P4S_WIRE_MODIFY = 4 };

struct p4s_wire_table {
  uint32_t id, index, flags;
  uint32_t first_field, nfields, first_action, nactions;
};

#endif

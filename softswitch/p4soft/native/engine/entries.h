/* Entries, as the control plane changes them. */
#ifndef P4S_ENGINE_ENTRIES_H
#define P4S_ENGINE_ENTRIES_H

#include "engine/state.h"

enum p4s_update_kind { P4S_INSERT, P4S_MODIFY, P4S_DELETE };

struct p4s_update {
  uint32_t kind; /* enum p4s_update_kind */
  uint32_t action;
  int32_t priority;
  uint32_t key_at, params_at; /* into the bytes of the request */
  uint64_t idle, cookie;
};

#define P4S_AT_ONCE 32u /* updates before packets get their turn */

/* Run one update; returns an enum p4s_error. */
int update_entry(struct p4s_switch *s, uint32_t table, const struct p4s_update *u, const uint8_t *bytes, uint64_t now);

#endif

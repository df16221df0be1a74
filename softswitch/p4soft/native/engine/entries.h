/* Entries, as the control plane changes them. */
#ifndef P4S_ENGINE_ENTRIES_H
#define P4S_ENGINE_ENTRIES_H

#include "engine/state.h"

#define P4S_AT_ONCE 32u /* updates before packets get their turn */

/* Run one update; returns an enum p4s_error. */
int update_entry(struct p4s_switch *s, uint32_t table, const struct p4s_update *u, const uint8_t *bytes, uint64_t now);

#endif

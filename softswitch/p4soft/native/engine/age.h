/* Idle entries. */
#ifndef P4S_ENGINE_AGE_H
#define P4S_ENGINE_AGE_H

#include "engine/state.h"

/* Report idle entries, which is the first worker's task; returns the number of entries looked at. */
uint32_t age_tables(struct p4s_worker *w);

#endif

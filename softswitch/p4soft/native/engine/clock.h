/* Time, and waiting for an instant. */
#ifndef P4S_ENGINE_CLOCK_H
#define P4S_ENGINE_CLOCK_H

#include "engine/base.h"

/* Nanoseconds, CLOCK_MONOTONIC. */
uint64_t p4s_clock(void);
/* In a loop that polls: let the other thread of the core run. */
void relax(void);

#endif

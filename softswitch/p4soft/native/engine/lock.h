/* The lock between the packet threads and the control plane. */
#ifndef P4S_ENGINE_LOCK_H
#define P4S_ENGINE_LOCK_H

#include "engine/state.h"

/* Stop all workers between two batches. */
void switch_lock(struct p4s_switch *s);
void switch_unlock(struct p4s_switch *s);

#endif

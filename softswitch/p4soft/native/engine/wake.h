/* Waking packet threads. */
#ifndef P4S_ENGINE_WAKE_H
#define P4S_ENGINE_WAKE_H

#include "engine/state.h"

/* Make an eventfd readable. */
void raise_event(int fd);
void worker_wake(struct p4s_worker *w);
void switch_wake(struct p4s_switch *s);
/* Something is due at ``deadline``: wake the worker that sees to it if it would sleep longer. */
void switch_deadline(struct p4s_switch *s, uint64_t deadline);

#endif

/* The packet threads. */
#ifndef P4S_ENGINE_WORKER_H
#define P4S_ENGINE_WORKER_H

#include "engine/state.h"

/* The worker that receives what comes by a port, unless it is an interface whose flows are spread. */
static inline struct p4s_worker *port_worker(struct p4s_switch *s, uint32_t port) { return s->workers[port % s->nworkers]; }
struct p4s_worker *worker_make(struct p4s_switch *s, uint32_t index);
void worker_free(struct p4s_worker *w);
/* The packet thread. */
void *worker_run(void *worker);
/* Run a frame on the caller's thread, if the worker sleeps and no other frame was injected just now: to wake it would take
 * longer. False: nothing was done. */
bool worker_run_here(struct p4s_worker *w, uint32_t port, const uint8_t *data, uint32_t len);
/* Take the time for the packets that follow. */
void worker_time(struct p4s_worker *w);

#endif

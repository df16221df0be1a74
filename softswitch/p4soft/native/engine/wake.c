/* Waking packet threads. */
#include "engine/wake.h"

#include <unistd.h>

void raise_event(int fd) {
  const uint64_t one = 1;
  if (write(fd, &one, sizeof one) < 0) return; /* full counter: readable already */
}

void worker_wake(struct p4s_worker *w) {
  atomic_thread_fence(memory_order_seq_cst); /* what was queued has to be visible before ``sleeping`` is read */
  /* The first one wakes it: until it runs, which may take a while, the others need not. */
  if (atomic_load(&w->sleeping) && atomic_exchange(&w->sleeping, false)) raise_event(w->wake_fd);
}

void switch_deadline(struct p4s_switch *s, uint64_t deadline) {
  struct p4s_worker *w = s->workers[0];
  if (deadline >= atomic_load(&w->wake_at)) return;
  atomic_store(&w->wake_at, 0);
  raise_event(w->wake_fd);
}

void switch_wake(struct p4s_switch *s) {
  for (uint32_t i = 0; i < s->nworkers; i++) worker_wake(s->workers[i]);
}

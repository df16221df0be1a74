/* The lock between the packet threads and the control plane.
 *
 * Every worker has one and holds it for one batch; between two it makes room for waiters. The control plane takes all of
 * them, always in the same order. A waiter polls for a moment, since a batch is short, then sleeps. */
#include "engine/lock.h"
#include "engine/clock.h"

static void take_patiently(pthread_mutex_t *lock) {
  for (int i = 0; pthread_mutex_trylock(lock) != 0; i++) {
    if (i == 2000) {
      pthread_mutex_lock(lock);
      return;
    }
    relax();
  }
}

void switch_lock(struct p4s_switch *s) {
  uint32_t i = 0;
  while (i < s->nworkers && pthread_mutex_trylock(&s->workers[i]->lock) == 0) i++;
  if (i == s->nworkers) return;
  atomic_fetch_add(&s->waiting, 1);
  for (; i < s->nworkers; i++) take_patiently(&s->workers[i]->lock);
  atomic_fetch_sub(&s->waiting, 1);
  atomic_fetch_add_explicit(&s->turns, 1, memory_order_relaxed);
}

void switch_unlock(struct p4s_switch *s) {
  for (uint32_t i = s->nworkers; i-- > 0;) pthread_mutex_unlock(&s->workers[i]->lock);
}

/* A switch: loading a program, life. */
#include "engine/switch.h"
#include "engine/clock.h"
#include "engine/lock.h"
#include "engine/memory.h"
#include "engine/pcap.h"
#include "engine/table.h"
#include "engine/trace.h"
#include "engine/wake.h"
#include "engine/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* --- life --- */

static void free_state(struct p4s_objects *c, const struct p4s_prog *prog) {
  if (!prog) return;
  for (uint32_t i = 0; c->tables && i < prog->ntables; i++) table_free(&c->tables[i]);
  for (uint32_t i = 0; c->counters && i < prog->ncounters; i++)
    p4s_unmap(c->counters[i], sizeof(struct p4s_counter) * (size_t)prog->counters[i].size);
  for (uint32_t i = 0; c->meters && i < prog->nmeters; i++)
    p4s_unmap(c->meters[i], sizeof(struct p4s_meter) * (size_t)prog->meters[i].size);
  for (uint32_t i = 0; c->registers && i < prog->nregisters; i++)
    if (prog->registers[i].home == i)
      p4s_unmap(c->registers[i].data, (size_t)c->registers[i].stride * c->registers[i].size);
  free(c->tables);
  free(c->counters);
  free(c->meters);
  free(c->registers);
  free(c->locks);
}

static int make_state(struct p4s_objects *c, const struct p4s_prog *prog) {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof seed, 0) != sizeof seed) seed = p4s_clock();
  c->tables = calloc(prog->ntables + 1u, sizeof *c->tables);
  c->counters = calloc(prog->ncounters + 1u, sizeof *c->counters);
  c->meters = calloc(prog->nmeters + 1u, sizeof *c->meters);
  c->registers = calloc(prog->nregisters + 1u, sizeof *c->registers);
  c->locks = aligned_alloc(sizeof *c->locks, (prog->nlocks + 1u) * sizeof *c->locks);
  if (!c->tables || !c->counters || !c->meters || !c->registers || !c->locks) return P4S_NO_MEMORY;
  memset(c->locks, 0, (prog->nlocks + 1u) * sizeof *c->locks);
  for (uint32_t i = 0; i < prog->ntables; i++) {
    const int rc = table_init(&c->tables[i], &prog->tables[i], seed);
    if (rc != P4S_OK) return rc;
  }
  for (uint32_t i = 0; i < prog->ncounters; i++)
    if (!(c->counters[i] = p4s_map(sizeof(struct p4s_counter) * (size_t)prog->counters[i].size))) return P4S_NO_MEMORY;
  for (uint32_t i = 0; i < prog->nmeters; i++)
    if (!(c->meters[i] = p4s_map(sizeof(struct p4s_meter) * (size_t)prog->meters[i].size))) return P4S_NO_MEMORY;
  for (uint32_t i = 0; i < prog->nregisters; i++) {
    const struct p4s_array_desc *d = &prog->registers[i];
    struct p4s_cells *cells = &c->registers[i];
    *cells = (struct p4s_cells){.size = d->size, .cell = d->cell, .stride = d->stride};
    if (d->home != i) continue;
    if (!(cells->data = p4s_map((size_t)d->size * d->stride))) return P4S_NO_MEMORY;
    p4s_large_pages(cells->data, (size_t)d->size * d->stride);
  }
  for (uint32_t i = 0; i < prog->nregisters; i++) {
    const struct p4s_array_desc *d = &prog->registers[i];
    c->registers[i].data = c->registers[d->home].data + d->offset;
  }
  return P4S_OK;
}

/* Replace the program; its state starts empty. If this fails, the old program goes on. */
EXPORT int p4s_load(struct p4s_switch *s, const struct p4s_prog *prog) {
  struct p4s_objects old, made;
  uint8_t *states[P4S_MAX_WORKERS] = {NULL};
  if (prog->abi != P4S_ABI || (s->nworkers > 1 && !prog->shared)) return P4S_INVALID;
  if (prog->own_bytes + prog->headroom + P4S_MAX_FRAME > P4S_BUFFER) return P4S_INVALID;
  memset(&made, 0, sizeof made);
  const uint32_t stride = (prog->state_bytes + 63u) / 64u * 64u;
  int rc = make_state(&made, prog);
  for (uint32_t i = 0; i < s->nworkers; i++)
    if (!(states[i] = calloc(P4S_BACKLOG + 3, stride))) rc = P4S_NO_MEMORY;
  if (rc != P4S_OK) {
    free_state(&made, prog);
    for (uint32_t i = 0; i < s->nworkers; i++) free(states[i]);
    return rc;
  }
  switch_lock(s);
  const struct p4s_prog *old_prog = s->prog;
  old = s->objects;
  s->objects = made;
  s->state_stride = stride;
  s->prog = prog;
  for (uint32_t i = 0; i < s->nworkers; i++) {
    struct p4s_worker *w = s->workers[i];
    uint8_t *const old_states = w->states;
    w->ctx.objects = made;
    w->states = states[i];
    states[i] = old_states;
    w->backlog_head = w->backlog_count = 0;
  }
  switch_unlock(s);
  free_state(&old, old_prog);
  for (uint32_t i = 0; i < s->nworkers; i++) free(states[i]);
  return P4S_OK;
}


struct p4s_switch *switch_make(int32_t cpu_port, uint32_t workers, enum p4s_spread spread) {
  struct p4s_switch *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  const bool shared = workers > 1;
  s->cpu_port = cpu_port;
  s->spread = spread;
  s->out_fd = -1;
  s->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  pthread_mutex_init(&s->drain_lock, NULL);
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&s->drained, &attr);
  pthread_condattr_destroy(&attr);
  while (s->nworkers < workers && (s->workers[s->nworkers] = worker_make(s, s->nworkers)) != NULL) s->nworkers++;
  if (ring_init(&s->out, 64 << 20, shared) || ring_init(&s->packets, 16 << 20, shared) ||
      ring_init(&s->digests, 4 << 20, shared) || ring_init(&s->idles, 16 << 20, false) || s->event_fd < 0 ||
      s->nworkers < workers) {
    p4s_free(s);
    return NULL;
  }
  for (uint32_t i = 0; i < workers; i++) s->workers[i]->ctx.start = s->workers[0]->ctx.start;
  return s;
}

/* ``workers`` packet threads, 1 to P4S_MAX_WORKERS. */
EXPORT struct p4s_switch *p4s_new(int32_t cpu_port, uint32_t workers, int by_port) {
  if (workers < 1 || workers > P4S_MAX_WORKERS) return NULL;
  struct p4s_switch *s = switch_make(cpu_port, workers, by_port ? P4S_BY_PORT : P4S_BY_FLOW);
  if (!s) return NULL;
  for (uint32_t i = 0; i < workers; i++) {
    struct p4s_worker *w = s->workers[i];
    w->running = pthread_create(&w->thread, NULL, worker_run, w) == 0;
    if (w->running) continue;
    p4s_free(s);
    return NULL;
  }
  return s;
}

EXPORT void p4s_free(struct p4s_switch *s) {
  const uint64_t one = 1;
  atomic_store(&s->stop, true);
  for (uint32_t i = 0; i < s->nworkers; i++)
    if (s->workers[i]->running && (write(s->workers[i]->wake_fd, &one, sizeof one) == sizeof one || errno == EAGAIN))
      pthread_join(s->workers[i]->thread, NULL);
  p4s_pcap_stop(s);
  (void)p4s_trace(s, -1, 0);
  while (s->nworkers > 0) worker_free(s->workers[--s->nworkers]);
  free_state(&s->objects, s->prog);
  for (int k = 0; k < 2; k++)
    for (struct p4s_group *g = k ? s->clones : s->groups, *next; g; g = next) {
      next = g->next;
      free(g->replicas);
      free(g);
    }
  ring_free(&s->out);
  ring_free(&s->packets);
  ring_free(&s->digests);
  ring_free(&s->idles);
  if (s->event_fd >= 0) close(s->event_fd);
  if (s->out_fd >= 0) close(s->out_fd);
  pthread_mutex_destroy(&s->drain_lock);
  pthread_cond_destroy(&s->drained);
  free(s);
}

EXPORT uint64_t p4s_started(struct p4s_switch *s) { return s->workers[0]->ctx.start; }

static bool all_drained(const struct p4s_switch *s, uint64_t wanted) {
  for (uint32_t i = 0; i < s->nworkers; i++)
    if (s->workers[i]->drain_done < wanted) return false;
  return true;
}

/* Nothing is on its way; what an interface has received, only the workers know. */
static bool nothing_left(struct p4s_switch *s) {
  bool nothing = true;
  switch_lock(s);
  for (uint32_t i = 0; i < s->nworkers; i++) {
    const struct p4s_worker *w = s->workers[i];
    nothing &= atomic_load(&w->in.head) == atomic_load(&w->in.tail) && w->backlog_count == 0;
    for (uint32_t j = 0; j < s->nactive; j++) nothing &= !w->links[s->active[j]].packet;
  }
  switch_unlock(s);
  return nothing;
}

EXPORT int p4s_drain(struct p4s_switch *s, uint64_t timeout_ns) {
  if (nothing_left(s)) return 1;
  const uint64_t wanted = atomic_fetch_add(&s->drain_wanted, 1) + 1, deadline = p4s_clock() + timeout_ns;
  struct timespec t = {(time_t)(deadline / 1000000000u), (long)(deadline % 1000000000u)};
  int rc = 0;
  switch_wake(s);
  pthread_mutex_lock(&s->drain_lock);
  while (!all_drained(s, wanted) && rc == 0) rc = pthread_cond_timedwait(&s->drained, &s->drain_lock, &t);
  rc = all_drained(s, wanted);
  pthread_mutex_unlock(&s->drain_lock);
  return rc;
}

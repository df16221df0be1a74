/* The packet thread, the lock between it and the control plane, and loading a program. */
#include "core.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SPIN_NS 20000u /* how long an idle thread polls before it sleeps */

uint64_t p4s_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

void switch_time(struct p4s_switch *s) {
  s->ctx.now = p4s_clock();
  s->ctx.moment = p4s_moment(s->ctx.now);
}

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  sched_yield();
#endif
}

/* --- the lock ---
 *
 * The packet thread holds it for one batch and makes room for waiters between two. A waiter polls for a moment, since a
 * batch is short, then sleeps. The packet thread never waits for a waiter that is not running; but when several batches
 * went by without the waiter getting a turn (one processor for both), it sleeps for an instant itself. */

void switch_lock(struct p4s_switch *s) {
  if (pthread_mutex_trylock(&s->lock) == 0) return;
  atomic_fetch_add(&s->waiting, 1);
  for (int i = 0; pthread_mutex_trylock(&s->lock) != 0; i++) {
    if (i == 2000) {
      pthread_mutex_lock(&s->lock);
      break;
    }
    relax();
  }
  atomic_fetch_sub(&s->waiting, 1);
  atomic_fetch_add_explicit(&s->turns, 1, memory_order_relaxed);
}

void switch_unlock(struct p4s_switch *s) { pthread_mutex_unlock(&s->lock); }

static void give_way(struct p4s_switch *s, uint64_t turns) {
  for (int i = 0; i < 100 && atomic_load(&s->waiting); i++) relax();
  if (atomic_load(&s->turns) != turns || !atomic_load(&s->waiting)) {
    s->passed_over = 0;
  } else if (++s->passed_over == 16) {
    const struct timespec instant = {0, 20000};
    s->passed_over = 0;
    nanosleep(&instant, NULL);
  }
}

void switch_wake(struct p4s_switch *s) {
  atomic_thread_fence(memory_order_seq_cst); /* what was queued has to be visible before ``sleeping`` is read */
  if (atomic_load(&s->sleeping)) {
    const uint64_t one = 1;
    if (write(s->wake_fd, &one, sizeof one) < 0) return; /* full counter: it wakes up anyway */
  }
}

void switch_deadline(struct p4s_switch *s, uint64_t deadline) {
  const uint64_t one = 1;
  if (deadline >= atomic_load(&s->wake_at)) return;
  atomic_store(&s->wake_at, 0);
  if (write(s->wake_fd, &one, sizeof one) < 0) return; /* full counter: it wakes up anyway */
}

/* --- the packet thread --- */

static uint32_t take_injected(struct p4s_switch *s) {
  uint32_t n = 0;
  const struct p4s_record *r;
  for (; n < P4S_BATCH && (r = ring_peek(&s->in)) != NULL; n++) {
    const uint32_t port = r->aux;
    if (port < P4S_PORTS) {
      s->ports[port].stats.rx_packets++;
      s->ports[port].stats.rx_bytes += r->len;
    }
    forward_frame(s, port, (const uint8_t *)(r + 1), r->len);
    ring_pop(&s->in);
    atomic_fetch_add(&s->taken, 1);
  }
  return n;
}

static uint32_t one_pass(struct p4s_switch *s) {
  switch_time(s);
  uint32_t work = take_injected(s);
  for (uint32_t i = 0; i < s->nactive; i++) {
    struct p4s_port *port = &s->ports[s->active[i]];
    if (port->kind == P4S_PORT_PACKET) work += packet_receive(s, port);
  }
  work += forward_backlog(s);
  work += age_tables(s);
  for (uint32_t i = 0; i < s->nactive; i++) {
    struct p4s_port *port = &s->ports[s->active[i]];
    if (port->kind == P4S_PORT_PACKET) work += packet_flush(port);
  }
  if (P4_UNLIKELY(s->pcap != NULL)) pcap_wake(s->pcap);
  if (P4_UNLIKELY(s->trace != NULL)) trace_flush(s->trace);
  if (s->out_signal) {
    const uint64_t one = 1;
    s->out_signal = false;
    if (s->out_fd >= 0 && write(s->out_fd, &one, sizeof one) < 0) return work; /* full counter: readable already */
  }
  if (s->signal) {
    const uint64_t one = 1;
    s->signal = false;
    if (write(s->event_fd, &one, sizeof one) < 0) return work; /* full counter: readable already */
  }
  return work;
}

static uint64_t time_to_sleep(const struct p4s_switch *s) {
  uint64_t wait = UINT64_MAX;
  for (uint32_t i = 0; s->prog && i < s->prog->ntables; i++) {
    const uint64_t w = wheel_wait(&s->ctx.objects.tables[i], s->ctx.now);
    if (w < wait) wait = w;
  }
  return wait;
}

static void sleep_until_work(struct p4s_switch *s) {
  struct pollfd fds[P4S_PORTS + 1];
  nfds_t n = 0;
  struct timespec t;
  switch_lock(s);
  fds[n++] = (struct pollfd){.fd = s->wake_fd, .events = POLLIN};
  for (uint32_t i = 0; i < s->nactive; i++) {
    const struct p4s_port *port = &s->ports[s->active[i]];
    if (port->kind == P4S_PORT_PACKET) fds[n++] = (struct pollfd){.fd = packet_fd(port), .events = POLLIN};
  }
  const uint64_t wait = time_to_sleep(s);
  atomic_store(&s->wake_at, wait == UINT64_MAX ? wait : s->ctx.now + wait);
  switch_unlock(s);
  t.tv_sec = (time_t)(wait / 1000000000u);
  t.tv_nsec = (long)(wait % 1000000000u);
  atomic_store(&s->sleeping, true);
  /* Work that came before ``sleeping`` was set did not wake us: look once more. */
  if (ring_empty(&s->in) && !atomic_load(&s->stop) && atomic_load(&s->drain_wanted) == s->drain_done)
    ppoll(fds, n, wait == UINT64_MAX ? NULL : &t, NULL);
  atomic_store(&s->sleeping, false);
  atomic_store(&s->wake_at, 0);
  for (nfds_t i = 1; i < n; i++)
    if (fds[i].revents & POLLERR) { /* its interface went down; reading the error clears it */
      int e;
      socklen_t size = sizeof e;
      if (getsockopt(fds[i].fd, SOL_SOCKET, SO_ERROR, &e, &size) < 0) continue;
    }
  if (fds[0].revents & POLLIN) {
    uint64_t count;
    if (read(s->wake_fd, &count, sizeof count) < 0) return; /* non-blocking: nothing to clear */
  }
}

static void *packet_thread(void *arg) {
  struct p4s_switch *s = arg;
  uint64_t idle_since = 0;
  pthread_setname_np(pthread_self(), "p4soft");
  while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
    const uint64_t wanted = atomic_load(&s->drain_wanted);
    pthread_mutex_lock(&s->lock);
    const uint32_t work = one_pass(s);
    const uint64_t now = s->ctx.now, turns = atomic_load_explicit(&s->turns, memory_order_relaxed);
    pthread_mutex_unlock(&s->lock);
    if (atomic_load_explicit(&s->waiting, memory_order_relaxed)) give_way(s, turns);
    if (work) {
      idle_since = 0;
      continue;
    }
    if (wanted != s->drain_done && ring_empty(&s->in)) {
      pthread_mutex_lock(&s->drain_lock);
      s->drain_done = wanted;
      pthread_cond_broadcast(&s->drained);
      pthread_mutex_unlock(&s->drain_lock);
    }
    if (idle_since == 0)
      idle_since = now;
    else if (now - idle_since > SPIN_NS)
      sleep_until_work(s);
  }
  return NULL;
}

/* --- life --- */

EXPORT void p4s_free(struct p4s_switch *s);

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
}

static int make_state(struct p4s_objects *c, const struct p4s_prog *prog) {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof seed, 0) != sizeof seed) seed = p4s_clock();
  c->tables = calloc(prog->ntables + 1u, sizeof *c->tables);
  c->counters = calloc(prog->ncounters + 1u, sizeof *c->counters);
  c->meters = calloc(prog->nmeters + 1u, sizeof *c->meters);
  c->registers = calloc(prog->nregisters + 1u, sizeof *c->registers);
  if (!c->tables || !c->counters || !c->meters || !c->registers) return P4S_NO_MEMORY;
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
  if (prog->abi != P4S_ABI) return P4S_INVALID;
  if (prog->own_bytes + prog->headroom + P4S_MAX_FRAME > P4S_BUFFER) return P4S_INVALID;
  memset(&made, 0, sizeof made);
  const uint32_t stride = (prog->state_bytes + 63u) / 64u * 64u;
  uint8_t *states = calloc(P4S_BACKLOG + 3, stride);
  const int rc = states ? make_state(&made, prog) : P4S_NO_MEMORY;
  if (rc != P4S_OK) {
    free_state(&made, prog);
    free(states);
    return rc;
  }
  switch_lock(s);
  const struct p4s_prog *old_prog = s->prog;
  uint8_t *old_states = s->states;
  old = s->ctx.objects;
  s->ctx.objects = made;
  s->states = states;
  s->state_stride = stride;
  s->backlog_head = s->backlog_count = 0;
  s->prog = prog;
  switch_unlock(s);
  free_state(&old, old_prog);
  free(old_states);
  return P4S_OK;
}

struct p4s_switch *switch_make(int32_t cpu_port) {
  struct p4s_switch *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->cpu_port = cpu_port;
  s->out_fd = -1;
  s->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  s->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  s->backlog = calloc(P4S_BACKLOG, sizeof *s->backlog);
  s->buffers = p4s_map((size_t)(P4S_BACKLOG + 3) * P4S_BUFFER);
  pthread_mutex_init(&s->lock, NULL);
  pthread_mutex_init(&s->in_lock, NULL);
  pthread_mutex_init(&s->drain_lock, NULL);
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&s->drained, &attr);
  pthread_condattr_destroy(&attr);
  s->ctx.start = p4s_clock();
  s->ctx.now = s->ctx.start;
  s->ctx.digest = forward_digest;
  s->ctx.clone_egress = forward_clone_egress;
  s->ctx.trace = trace_line;
  if (getrandom(s->ctx.random, sizeof s->ctx.random, 0) != sizeof s->ctx.random) s->ctx.random[0] = s->ctx.start;
  if (ring_init(&s->in, 8 << 20) || ring_init(&s->out, 64 << 20) || ring_init(&s->packets, 16 << 20) ||
      ring_init(&s->digests, 4 << 20) || ring_init(&s->idles, 16 << 20) || s->event_fd < 0 || s->wake_fd < 0 ||
      !s->backlog || !s->buffers) {
    p4s_free(s);
    return NULL;
  }
  return s;
}

EXPORT struct p4s_switch *p4s_new(int32_t cpu_port) {
  struct p4s_switch *s = switch_make(cpu_port);
  if (!s) return NULL;
  s->running = pthread_create(&s->thread, NULL, packet_thread, s) == 0;
  if (s->running) return s;
  p4s_free(s);
  return NULL;
}

EXPORT void p4s_free(struct p4s_switch *s) {
  if (s->running) {
    atomic_store(&s->stop, true);
    const uint64_t one = 1;
    if (write(s->wake_fd, &one, sizeof one) == sizeof one || errno == EAGAIN) pthread_join(s->thread, NULL);
  }
  p4s_pcap_stop(s);
  (void)p4s_trace(s, -1, 0);
  for (uint32_t i = 0; i < P4S_PORTS; i++)
    if (s->ports[i].kind == P4S_PORT_PACKET) packet_close(&s->ports[i]);
  free_state(&s->ctx.objects, s->prog);
  free(s->states);
  for (int k = 0; k < 2; k++)
    for (struct p4s_group *g = k ? s->clones : s->groups, *next; g; g = next) {
      next = g->next;
      free(g->replicas);
      free(g);
    }
  ring_free(&s->in);
  ring_free(&s->out);
  ring_free(&s->packets);
  ring_free(&s->digests);
  ring_free(&s->idles);
  p4s_unmap(s->buffers, (size_t)(P4S_BACKLOG + 3) * P4S_BUFFER);
  free(s->backlog);
  if (s->event_fd >= 0) close(s->event_fd);
  if (s->wake_fd >= 0) close(s->wake_fd);
  if (s->out_fd >= 0) close(s->out_fd);
  pthread_mutex_destroy(&s->lock);
  pthread_mutex_destroy(&s->in_lock);
  pthread_mutex_destroy(&s->drain_lock);
  pthread_cond_destroy(&s->drained);
  free(s);
}

EXPORT int p4s_drain(struct p4s_switch *s, uint64_t timeout_ns) {
  const uint64_t wanted = atomic_fetch_add(&s->drain_wanted, 1) + 1, deadline = p4s_clock() + timeout_ns;
  struct timespec t = {(time_t)(deadline / 1000000000u), (long)(deadline % 1000000000u)};
  int rc = 0;
  switch_wake(s);
  pthread_mutex_lock(&s->drain_lock);
  while (s->drain_done < wanted && rc == 0) rc = pthread_cond_timedwait(&s->drained, &s->drain_lock, &t);
  rc = s->drain_done >= wanted;
  pthread_mutex_unlock(&s->drain_lock);
  return rc;
}

/* The packet threads. */
#include "engine/worker.h"
#include "engine/age.h"
#include "engine/clock.h"
#include "engine/forward.h"
#include "engine/memory.h"
#include "engine/pcap.h"
#include "engine/trace.h"
#include "engine/wake.h"
#include "engine/wheel.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SPIN_NS 20000u /* how long an idle thread polls before it sleeps */
#define ALONE_NS 50000u /* frames injected at this distance cost less than waking the thread for each (25 us in a VM) */

void worker_time(struct p4s_worker *w) {
  w->ctx.now = p4s_clock();
  w->ctx.moment = p4s_moment(w->ctx.now);
}

/* --- the thread --- */

/* The packet thread never waits for a control thread that is not running; but when several batches went by without one
 * of them getting a turn (one processor for both), it sleeps for an instant itself. */
static void give_way(struct p4s_worker *w, uint64_t turns) {
  const struct p4s_switch *s = w->s;
  for (int i = 0; i < 100 && atomic_load(&s->waiting); i++) relax();
  if (atomic_load(&s->turns) != turns || !atomic_load(&s->waiting)) {
    w->passed_over = 0;
  } else if (++w->passed_over == 16) {
    const struct timespec instant = {0, 20000};
    w->passed_over = 0;
    nanosleep(&instant, NULL);
  }
}

static void run_injected(struct p4s_worker *w, uint32_t port, const uint8_t *data, uint32_t len) {
  if (port < P4S_PORTS) {
    w->links[port].stats.rx_packets++;
    w->links[port].stats.rx_bytes += len;
  }
  forward_frame(w, port, data, len);
}

static uint32_t take_injected(struct p4s_worker *w) {
  uint32_t n = 0;
  const struct p4s_record *r;
  for (; n < P4S_BATCH && (r = ring_peek(&w->in)) != NULL; n++) {
    run_injected(w, r->aux, (const uint8_t *)(r + 1), r->len);
    ring_pop(&w->in);
  }
  return n;
}

/* Send what has been forwarded, and tell of it; returns the frames that could not leave yet. */
static uint32_t end_pass(struct p4s_worker *w) {
  struct p4s_switch *s = w->s;
  uint32_t left = 0;
  for (uint32_t i = 0; i < s->nactive; i++)
    if (w->links[s->active[i]].packet) left += w->links[s->active[i]].ops->flush(&w->links[s->active[i]]);
  if (P4_UNLIKELY(s->pcap != NULL)) pcap_wake(s->pcap);
  if (P4_UNLIKELY(s->trace != NULL)) trace_flush(s->trace, w->index);
  if (w->out_signal) {
    w->out_signal = false;
    if (s->out_fd >= 0) raise_event(s->out_fd);
  }
  if (w->signal) {
    w->signal = false;
    raise_event(s->event_fd);
  }
  return left;
}

/* Run what has come; returns how much that was. */
static uint32_t run_arrived(struct p4s_worker *w) {
  struct p4s_switch *s = w->s;
  worker_time(w);
  uint32_t work = take_injected(w);
  for (uint32_t i = 0; i < s->nactive; i++)
    if (w->links[s->active[i]].packet) work += w->links[s->active[i]].ops->receive(w, s->active[i]);
  work += forward_backlog(w);
  if (w->index == 0) work += age_tables(w);
  return work;
}

static uint32_t one_pass(struct p4s_worker *w) {
  const uint32_t work = run_arrived(w);
  return work + end_pass(w);
}

bool worker_run_here(struct p4s_worker *w, uint32_t port, const uint8_t *data, uint32_t len) {
  if (!atomic_load(&w->sleeping) || pthread_mutex_trylock(&w->lock) != 0) return false;
  worker_time(w);
  const bool alone = w->ctx.now - w->helped >= ALONE_NS && atomic_load(&w->in.head) == atomic_load(&w->in.tail);
  bool more = false;
  w->helped = w->ctx.now;
  if (alone) {
    run_injected(w, port, data, len);
    forward_backlog(w);
    uint32_t left = end_pass(w);
    /* A host on this machine has answered while the frame was sent: that need not wait for the thread either. */
    if (run_arrived(w)) left += end_pass(w);
    more = left > 0 || w->backlog_count > 0;
  }
  pthread_mutex_unlock(&w->lock);
  if (more) raise_event(w->wake_fd);
  return alone;
}

static uint64_t time_to_sleep(const struct p4s_worker *w) {
  const struct p4s_switch *s = w->s;
  uint64_t wait = UINT64_MAX;
  for (uint32_t i = 0; w->index == 0 && s->prog && i < s->prog->ntables; i++) {
    const uint64_t next = wheel_wait(&s->objects.tables[i], w->ctx.now);
    if (next < wait) wait = next;
  }
  return wait;
}

static void sleep_until_work(struct p4s_worker *w) {
  struct p4s_switch *s = w->s;
  struct pollfd fds[P4S_PORTS + 1];
  nfds_t n = 0;
  struct timespec t;
  pthread_mutex_lock(&w->lock);
  fds[n++] = (struct pollfd){.fd = w->wake_fd, .events = POLLIN};
  for (uint32_t i = 0; i < s->nactive; i++) {
    const struct p4s_link *link = &w->links[s->active[i]];
    const int fd = link->packet ? link->ops->fd(link) : -1;
    if (fd >= 0) fds[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
  }
  const uint64_t wait = time_to_sleep(w);
  atomic_store(&w->wake_at, wait == UINT64_MAX ? wait : w->ctx.now + wait);
  pthread_mutex_unlock(&w->lock);
  t.tv_sec = (time_t)(wait / 1000000000u);
  t.tv_nsec = (long)(wait % 1000000000u);
  atomic_store(&w->sleeping, true);
  /* Work that came before ``sleeping`` was set did not wake us: look once more. */
  if (ring_empty(&w->in) && !atomic_load(&s->stop) && atomic_load(&s->drain_wanted) == w->drain_done)
    ppoll(fds, n, wait == UINT64_MAX ? NULL : &t, NULL);
  atomic_store(&w->sleeping, false);
  atomic_store(&w->wake_at, 0);
  for (nfds_t i = 1; i < n; i++)
    if (fds[i].revents & POLLERR) { /* its interface went down; reading the error clears it */
      int e;
      socklen_t size = sizeof e;
      if (getsockopt(fds[i].fd, SOL_SOCKET, SO_ERROR, &e, &size) < 0) continue;
    }
  if (fds[0].revents & POLLIN) {
    uint64_t count;
    if (read(w->wake_fd, &count, sizeof count) < 0) return; /* non-blocking: nothing to clear */
  }
}

void *worker_run(void *worker) {
  struct p4s_worker *w = worker;
  struct p4s_switch *s = w->s;
  uint64_t idle_since = 0;
  pthread_setname_np(pthread_self(), "p4soft");
  while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
    const uint64_t wanted = atomic_load(&s->drain_wanted);
    pthread_mutex_lock(&w->lock);
    const uint32_t work = one_pass(w);
    const uint64_t now = w->ctx.now, turns = atomic_load_explicit(&s->turns, memory_order_relaxed);
    pthread_mutex_unlock(&w->lock);
    if (atomic_load_explicit(&s->waiting, memory_order_relaxed)) give_way(w, turns);
    if (work) {
      idle_since = 0;
      continue;
    }
    if (wanted != w->drain_done && ring_empty(&w->in)) {
      pthread_mutex_lock(&s->drain_lock);
      w->drain_done = wanted;
      pthread_cond_broadcast(&s->drained);
      pthread_mutex_unlock(&s->drain_lock);
    }
    if (idle_since == 0)
      idle_since = now;
    else if (now - idle_since > SPIN_NS)
      sleep_until_work(w);
  }
  return NULL;
}

/* --- life --- */

struct p4s_worker *worker_make(struct p4s_switch *s, uint32_t index) {
  struct p4s_worker *w = calloc(1, sizeof *w);
  if (!w) return NULL;
  w->s = s;
  w->index = index;
  w->frames = index;
  w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  w->backlog = calloc(P4S_BACKLOG, sizeof *w->backlog);
  w->buffers = p4s_map((size_t)(P4S_BACKLOG + 3) * P4S_BUFFER);
  w->kept = malloc(P4S_BUFFER - P4S_MAX_FRAME + OFFLOAD_HEADERS);
  w->origin = 1;
  pthread_mutex_init(&w->lock, NULL);
  w->ctx.start = w->ctx.now = p4s_clock();
  w->ctx.digest = forward_digest;
  w->ctx.clone_egress = forward_clone_egress;
  w->ctx.trace = trace_line;
  if (getrandom(w->ctx.random, sizeof w->ctx.random, 0) != sizeof w->ctx.random) w->ctx.random[0] = w->ctx.start;
  if (ring_init(&w->in, 8 << 20, true) == P4S_OK && w->wake_fd >= 0 && w->backlog && w->buffers && w->kept)
    return w;
  worker_free(w);
  return NULL;
}

/* Its thread has ended, or was never started. */
void worker_free(struct p4s_worker *w) {
  for (uint32_t i = 0; i < P4S_PORTS; i++)
    if (w->links[i].packet) w->links[i].ops->close(&w->links[i]);
  free(w->states);
  ring_free(&w->in);
  p4s_unmap(w->buffers, (size_t)(P4S_BACKLOG + 3) * P4S_BUFFER);
  free(w->kept);
  free(w->backlog);
  if (w->wake_fd >= 0) close(w->wake_fd);
  pthread_mutex_destroy(&w->lock);
  free(w);
}

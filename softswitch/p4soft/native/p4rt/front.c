/* The gRPC server's transport: sockets, connections, and gRPC's messages on streams of HTTP/2.
 *
 * It is driven from one thread, the server's: p4s_front_run does what can be done without waiting. Ordinary Writes are
 * applied and answered in there; everything else becomes events, which the server takes with p4s_front_next and answers
 * with p4s_front_send and p4s_front_finish. Events and Writes keep the order in which they arrived: while events wait,
 * Writes wait with them. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "engine/clock.h"
#include "http2/h2.h"
#include "http2/h2_send.h"
#include "p4rt/calls.h"

#define READS 4u /* of one connection before the others get their turn */
#define LISTENER (UINT64_C(1) << 63)
#define TIMER (UINT64_C(1) << 62)
#define SILENCE_NS UINT64_C(10000000000) /* a peer that says nothing this long is asked whether it is still there, */
#define ANSWER_NS UINT64_C(5000000000) /* and has this long to answer */

/* --- connections --- */

static void drop(struct p4s_front *f, struct h2_conn *c) {
  struct h2_conn **at = &f->conns;
  while (*at != c) at = &(*at)->next;
  *at = c->next;
  for (struct h2_stream *st = c->streams; st; st = st->next) call_lost(f, c, st);
  close(c->fd);
  h2_free(c);
}

static void watch(struct p4s_front *f, const struct h2_conn *c) {
  /* A peer that does not read is not listened to either. */
  const uint32_t in = c->out.used < 2 * H2_OUT ? EPOLLIN : 0, out = c->writing ? EPOLLOUT : 0;
  struct epoll_event wanted = {.events = in | out, .data.u64 = c->number};
  epoll_ctl(f->epoll, EPOLL_CTL_MOD, c->fd, &wanted);
}

/* Send what there is to be sent; false: the connection is dead. */
static bool flush(struct p4s_front *f, struct h2_conn *c) {
  size_t done = 0;
  while (done < c->out.used) {
    const ssize_t n = send(c->fd, c->out.data + done, c->out.used - done, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0)
      done += (size_t)n;
    else if (errno == EAGAIN)
      break;
    else if (errno != EINTR)
      return false;
  }
  c->out.used -= done;
  if (c->out.used) memmove(c->out.data, c->out.data + done, c->out.used);
  const bool writing = c->out.used != 0;
  if (writing != c->writing || writing) {
    c->writing = writing;
    watch(f, c);
  }
  return !c->closing;
}

static bool receive_some(struct p4s_front *f, struct h2_conn *c, size_t *bytes) {
  for (uint32_t i = 0; i < READS && c->out.used < 2 * H2_OUT; i++) {
    const size_t room = sizeof c->in - c->in_used;
    const ssize_t n = recv(c->fd, c->in + c->in_used, room, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (n <= 0) return false;
    c->heard = p4s_clock();
    c->pinged = 0;
    c->in_used += (size_t)n;
    *bytes += (size_t)n;
    const bool good = h2_receive(c, &f->user);
    calls_settle(f);
    if (!good) {
      flush(f, c); /* with the reason */
      return false;
    }
    if ((size_t)n < room) return true;
  }
  return true;
}

static bool receive(struct p4s_front *f, struct h2_conn *c) {
  size_t bytes = 0;
  c->served = 0;
  if (!receive_some(f, c, &bytes)) return false;
  pace_after(&c->pace, c->fd, c->served, bytes, p4s_clock());
  return true;
}

/* Serve a connected socket, which is the front's from now on; P4S_NO_MEMORY closes it. */
EXPORT int p4s_front_adopt(struct p4s_front *f, int fd) {
  const int one = 1;
  struct h2_conn *c = malloc(sizeof *c);
  struct epoll_event wanted = {.events = EPOLLIN, .data.u64 = ++f->numbers};
  if (!c || epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &wanted) != 0) {
    free(c);
    close(fd);
    return P4S_NO_MEMORY;
  }
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* in vain for a Unix socket */
  h2_init(c, fd, f->numbers, p4s_clock());
  c->next = f->conns;
  f->conns = c;
  if (!flush(f, c)) drop(f, c);
  return P4S_OK;
}

static void accept_all(struct p4s_front *f) {
  for (;;) {
    int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE) && f->spare >= 0) {
      close(f->spare);
      fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
      if (fd >= 0) close(fd);
      f->spare = dup(f->epoll);
      continue;
    }
    if (fd < 0) return;
    p4s_front_adopt(f, fd);
  }
}

static struct h2_conn *find_conn(struct p4s_front *f, uint64_t number) {
  struct h2_conn *c = f->conns;
  while (c && c->number != number) c = c->next;
  return c;
}

/* --- the server's side --- */

/* ``writer`` may be NULL: every Write becomes events. */
EXPORT struct p4s_front *p4s_front_new(struct p4s_writer *writer) {
  struct p4s_front *f = calloc(1, sizeof *f);
  if (!f) return NULL;
  calls_init(f);
  f->writer = writer;
  f->listener = -1;
  f->epoll = epoll_create1(EPOLL_CLOEXEC);
  f->spare = f->epoll < 0 ? -1 : dup(f->epoll);
  f->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  struct epoll_event ticks = {.events = EPOLLIN, .data.u64 = TIMER};
  if (f->spare < 0 || f->timer < 0 || epoll_ctl(f->epoll, EPOLL_CTL_ADD, f->timer, &ticks) != 0) {
    if (f->epoll >= 0) close(f->epoll);
    if (f->spare >= 0) close(f->spare);
    if (f->timer >= 0) close(f->timer);
    free(f);
    return NULL;
  }
  return f;
}

/* Take connections from a listening socket that does not block, and stays the caller's. */
EXPORT int p4s_front_listen(struct p4s_front *f, int fd) {
  struct epoll_event wanted = {.events = EPOLLIN, .data.u64 = LISTENER};
  f->listener = fd;
  return epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &wanted) == 0 ? P4S_OK : P4S_SYSTEM;
}

/* Readable when p4s_front_run has something to do. */
EXPORT int p4s_front_fd(struct p4s_front *f) { return f->epoll; }

static void serve(struct p4s_front *f, struct h2_conn *c, uint32_t events) {
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !receive(f, c)) {
    drop(f, c);
    return;
  }
  h2_pump(c, &f->user);
  if (!flush(f, c)) drop(f, c);
}

/* Serve the connections whose requests have gathered long enough. */
static void serve_due(struct p4s_front *f) {
  uint64_t times;
  if (read(f->timer, &times, sizeof times) < 0) return;
  f->timer_at = 0;
  const uint64_t now = p4s_clock();
  for (struct h2_conn *c = f->conns, *next; c; c = next) {
    next = c->next;
    if (c->pace.due && c->pace.due <= now) serve(f, c, EPOLLIN);
  }
}

static void set_timer(struct p4s_front *f) {
  uint64_t first = UINT64_MAX;
  for (const struct h2_conn *c = f->conns; c; c = c->next)
    if (c->pace.due && c->pace.due < first) first = c->pace.due;
  if (first == UINT64_MAX || first == f->timer_at) return; /* set in vain, it does no harm */
  const struct itimerspec when = {.it_value = {(time_t)(first / 1000000000u), (long)(first % 1000000000u)}};
  if (timerfd_settime(f->timer, TFD_TIMER_ABSTIME, &when, NULL) == 0) f->timer_at = first;
}

/* Do what can be done now; returns the number of events that wait. */
EXPORT uint32_t p4s_front_run(struct p4s_front *f) {
  struct epoll_event ready[64];
  const int n = epoll_wait(f->epoll, ready, 64, 0);
  for (int i = 0; i < n; i++) {
    struct h2_conn *c;
    if (ready[i].data.u64 == LISTENER)
      accept_all(f);
    else if (ready[i].data.u64 == TIMER)
      serve_due(f);
    else if ((c = find_conn(f, ready[i].data.u64)) != NULL)
      serve(f, c, ready[i].events);
  }
  set_timer(f);
  return f->events;
}

static struct h2_stream *find(struct p4s_front *f, uint64_t stream, struct h2_conn **c) {
  *c = find_conn(f, stream >> 32);
  struct h2_stream *st = *c ? h2_find(*c, (uint32_t)stream) : NULL;
  return st && !st->ending ? st : NULL;
}

/* Send a message; returns how many wait on the stream for the peer to read. While some do, DRAINED will come. Nothing
 * leaves before the next p4s_front_flush or p4s_front_run. P4S_NOT_FOUND: the stream is gone; P4S_FULL: ``limit`` messages
 * wait already, and this one does not join them. */
EXPORT int64_t p4s_front_send(struct p4s_front *f, uint64_t stream, const uint8_t *data, uint64_t len, uint32_t limit) {
  struct h2_conn *c;
  struct h2_stream *st = find(f, stream, &c);
  uint8_t prefix[CALL_PREFIX] = {0};
  if (!st || len > UINT32_MAX) return P4S_NOT_FOUND;
  if (st->queued >= limit) return P4S_FULL;
  p4s_put_be(prefix + 1, 4, len);
  if (!h2_send(c, st, prefix, sizeof prefix, data, len)) return P4S_NOT_FOUND;
  st->behind = st->queued != 0;
  return st->queued;
}

/* End a stream. The message is percent-encoded, the details are base64. */
EXPORT void p4s_front_finish(struct p4s_front *f, uint64_t stream, uint32_t status, const char *message,
                             uint64_t message_len, const char *details, uint64_t details_len) {
  struct h2_conn *c;
  struct h2_stream *st = find(f, stream, &c);
  if (st) call_finish(c, st, status, message, message_len, details, details_len);
}

EXPORT void p4s_front_flush(struct p4s_front *f) {
  for (struct h2_conn *c = f->conns, *next; c; c = next) {
    next = c->next;
    if (c->out.used && !c->writing && !flush(f, c)) drop(f, c);
  }
}

/* To be called every few seconds: give up peers that are gone. Returns the number of events that wait. */
EXPORT uint32_t p4s_front_tick(struct p4s_front *f) {
  const uint64_t now = p4s_clock();
  for (struct h2_conn *c = f->conns, *next; c; c = next) {
    next = c->next;
    if (c->pinged && now - c->pinged >= ANSWER_NS) {
      drop(f, c);
    } else if (!c->pinged && now - c->heard >= SILENCE_NS) {
      c->pinged = now;
      h2_ping(c);
    }
  }
  p4s_front_flush(f);
  return f->events;
}

/* Close every connection, saying so. */
EXPORT void p4s_front_free(struct p4s_front *f) {
  for (struct h2_conn *c; (c = f->conns) != NULL;) {
    h2_goaway(c, H2_NO_ERROR);
    flush(f, c);
    drop(f, c);
  }
  for (struct p4s_rpc_event unused; p4s_front_next(f, &unused);) continue;
  free(f->taken);
  close(f->spare);
  close(f->timer);
  close(f->epoll);
  free(f);
}

/* gRPC's calls: messages on streams of HTTP/2, and what becomes of them. */
#include <stdio.h>
#include <stdlib.h>

#include "p4rt/calls.h"
#include "http2/h2_send.h"

#define MAX_MESSAGE (256u << 20) /* bytes, as simple_switch_grpc */

enum method { UNKNOWN, OTHER, WRITE }; /* unknown: the server has not been told */
enum status { OK = 0, RESOURCE_EXHAUSTED = 8, UNIMPLEMENTED = 12 };

static const char write_path[] = "/p4.v1.P4Runtime/Write";

/* --- events --- */

static uint64_t handle(const struct h2_conn *c, const struct h2_stream *st) { return (uint64_t)c->number << 32 | st->id; }

/* Writes that came before are settled first. */
static void emit(struct p4s_front *f, struct h2_conn *c, const struct h2_stream *st, enum p4s_call_event kind,
                 const void *data, size_t len) {
  calls_settle(f);
  struct event *e = malloc(sizeof *e + len);
  if (!e) {
    c->closing = true;
    return;
  }
  *e = (struct event){.seen = {handle(c, st), kind, len, e->data}};
  if (len) memcpy(e->data, data, len);
  *f->last = e;
  f->last = &e->next;
  f->events++;
}

/* The next event, which lasts until the next call; 0: there is none. */
EXPORT int p4s_front_next(struct p4s_front *f, struct p4s_rpc_event *out) {
  free(f->taken);
  f->taken = f->first;
  if (!f->taken) return 0;
  f->first = f->taken->next;
  if (!f->first) f->last = &f->first;
  f->events--;
  *out = f->taken->seen;
  return 1;
}

/* --- answers --- */

void call_finish(struct h2_conn *c, struct h2_stream *st, uint32_t status, const char *message,
                 size_t message_len, const char *details, size_t details_len) {
  struct h2_bytes block = {0};
  char number[4];
  const int digits = snprintf(number, sizeof number, "%u", status % 1000);
  bool good = h2_literal(&block, "grpc-status", number, (size_t)digits);
  if (message_len) good = good && h2_literal(&block, "grpc-message", message, message_len);
  /* What the peer does not want to read would cost it the status as well. */
  if (details_len && block.used + details_len + 256 <= c->peer_headers)
    good = good && h2_literal(&block, "grpc-status-details-bin", details, details_len);
  if (good)
    h2_end(c, st, &block);
  else
    c->closing = true;
  free(block.data);
}

static void refuse(struct p4s_front *f, struct h2_conn *c, struct h2_stream *st, uint32_t status, const char *message) {
  if (st->method == OTHER) emit(f, c, st, P4S_CALL_RESET, NULL, 0);
  call_finish(c, st, status, message, strlen(message), NULL, 0);
}

static void answer(struct h2_conn *c, struct h2_stream *st) {
  static const uint8_t empty[CALL_PREFIX];
  if (h2_send(c, st, empty, sizeof empty, NULL, 0)) call_finish(c, st, OK, NULL, 0, NULL, 0);
}

/* --- what streams bring --- */

static void on_header(void *context, struct hpack_string name, struct hpack_string value) {
  struct h2_stream *st = context;
  if (name.len == 5 && memcmp(name.data, ":path", 5) == 0 && st->in.used == 0)
    h2_append(&st->in, value.data, value.len);
}

static void on_opened(void *user, struct h2_conn *c, struct h2_stream *st) {
  struct p4s_front *f = user;
  const bool write = st->in.used == sizeof write_path - 1 && memcmp(st->in.data, write_path, st->in.used) == 0;
  st->method = write ? WRITE : OTHER;
  if (!write) emit(f, c, st, P4S_CALL_OPENED, st->in.data, st->in.used);
  st->in.used = 0;
}

/* Length of the message at the beginning of the bytes with its prefix, 0 if it is not complete, SIZE_MAX if it was
 * refused and the stream is gone. */
static size_t whole_message(struct p4s_front *f, struct h2_conn *c, struct h2_stream *st, const uint8_t *p, size_t n) {
  if (n < CALL_PREFIX) return 0;
  const uint64_t len = p4s_be32(p + 1);
  if (p[0] & 1) {
    refuse(f, c, st, UNIMPLEMENTED, "compressed messages are not supported");
    return SIZE_MAX;
  }
  if (len > MAX_MESSAGE) {
    refuse(f, c, st, RESOURCE_EXHAUSTED, "the message is larger than 256 MB");
    return SIZE_MAX;
  }
  return len <= n - CALL_PREFIX ? CALL_PREFIX + (size_t)len : 0;
}

/* Turn complete messages into events. */
static void emit_messages(struct p4s_front *f, struct h2_conn *c, struct h2_stream *st) {
  size_t at = 0;
  if (st->in.used == 0) return; /* and perhaps no memory */
  for (size_t n; (n = whole_message(f, c, st, st->in.data + at, st->in.used - at)) != 0; at += n) {
    if (n == SIZE_MAX) return;
    emit(f, c, st, P4S_CALL_MESSAGE, st->in.data + at + CALL_PREFIX, n - CALL_PREFIX);
  }
  st->in.used -= at;
  memmove(st->in.data, st->in.data + at, st->in.used);
}

static void on_received(void *user, struct h2_conn *c, struct h2_stream *st, const uint8_t *data, size_t len) {
  struct p4s_front *f = user;
  if (st->ending) return;
  if (!h2_append(&st->in, data, len)) {
    c->closing = true;
    return;
  }
  if (st->method == OTHER) {
    emit_messages(f, c, st);
    return;
  }
  /* More than one message would be kept until the client is done with it. */
  const size_t n = whole_message(f, c, st, st->in.data, st->in.used);
  if (n != 0 && n != SIZE_MAX && n < st->in.used) refuse(f, c, st, UNIMPLEMENTED, "the method takes one request");
}

/* Let the server serve a Write. */
static void hand_over(struct p4s_front *f, struct h2_conn *c, struct h2_stream *st) {
  const uint32_t id = st->id;
  st->method = OTHER;
  emit(f, c, st, P4S_CALL_OPENED, write_path, sizeof write_path - 1);
  emit_messages(f, c, st);
  st = h2_find(c, id);
  if (st) emit(f, c, st, P4S_CALL_FINISHED, NULL, 0);
}

static void report_failures(struct p4s_front *f, struct h2_conn *c, struct h2_stream *st,
                            const struct p4s_outcome *outcome) {
  struct h2_bytes all = {0};
  const size_t size = outcome->count * sizeof(uint32_t);
  st->method = OTHER;
  if (h2_append(&all, outcome->results, size) && h2_append(&all, outcome->tables, size) &&
      h2_append(&all, outcome->ids, size))
    emit(f, c, st, P4S_CALL_FAILED, all.data, all.used);
  else
    c->closing = true;
  free(all.data);
}

void calls_settle(struct p4s_front *f) {
  struct p4s_outcome outcome;
  const uint32_t n = f->nwrites;
  if (n == 0) return;
  f->nwrites = 0;
  f->nupdates = 0;
  writer_apply(f->writer);
  for (uint32_t i = 0, first = 0; i < n; first += f->writes[i++].updates) {
    const struct gathered *g = &f->writes[i];
    struct h2_stream *st = h2_find(g->conn, g->stream);
    if (!st || st->ending) continue; /* reset meanwhile */
    if (writer_outcome(f->writer, first, g->updates, &outcome) == P4S_WRITTEN)
      answer(g->conn, st);
    else
      report_failures(f, g->conn, st, &outcome);
  }
}

/* Have a Write applied with others; false: it is not an ordinary one. */
static bool gather(struct p4s_front *f, struct h2_conn *c, const struct h2_stream *st) {
  if (f->nwrites == 0) writer_begin(f->writer);
  const int64_t updates = writer_decode(f->writer, st->in.data + CALL_PREFIX, st->in.used - CALL_PREFIX);
  if (updates < 0) return false;
  f->writes[f->nwrites++] = (struct gathered){c, st->id, (uint32_t)updates};
  f->nupdates += (uint32_t)updates;
  if (f->nwrites == P4S_GATHER || f->nupdates >= P4S_GATHER_UPDATES) calls_settle(f);
  return true;
}

static void on_finished(void *user, struct h2_conn *c, struct h2_stream *st) {
  struct p4s_front *f = user;
  if (st->ending) return;
  if (st->method == OTHER) {
    emit(f, c, st, P4S_CALL_FINISHED, NULL, 0);
    return;
  }
  const size_t n = st->in.used;
  const bool one = n >= CALL_PREFIX && p4s_be32(st->in.data + 1) == n - CALL_PREFIX;
  if (one && f->writer && f->events == 0 && gather(f, c, st))
    c->served++;
  else
    hand_over(f, c, st);
}

static void on_reset(void *user, struct h2_conn *c, struct h2_stream *st) {
  if (st->method == OTHER) emit(user, c, st, P4S_CALL_RESET, NULL, 0);
}

static void on_drained(void *user, struct h2_conn *c, struct h2_stream *st) { emit(user, c, st, P4S_CALL_DRAINED, NULL, 0); }

void call_lost(struct p4s_front *f, struct h2_conn *c, struct h2_stream *st) { on_reset(f, c, st); }

void calls_init(struct p4s_front *f) {
  f->user.header = on_header;
  f->user.opened = on_opened;
  f->user.received = on_received;
  f->user.finished = on_finished;
  f->user.reset = on_reset;
  f->user.drained = on_drained;
  f->user.user = f;
  f->last = &f->first;
}

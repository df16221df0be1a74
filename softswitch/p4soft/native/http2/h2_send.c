/* HTTP/2, the sending side: frames, flow control, streams coming to their end. */
#include <stdlib.h>
#include <string.h>

#include "http2/h2_send.h"
#include "program/p4s_bits.h"

/* :status 200 from the static table, then content-type. */
static const uint8_t response[] = "\x88\x0f\x10\x10" "application/grpc";
#define RESPONSE (sizeof response - 1)

bool h2_append(struct h2_bytes *b, const void *data, size_t len) {
  if (b->used + len > b->room) {
    const size_t room = b->used + len + b->room / 2 + 256;
    uint8_t *grown = realloc(b->data, room);
    if (!grown) return false;
    b->data = grown;
    b->room = room;
  }
  if (len) memcpy(b->data + b->used, data, len);
  b->used += len;
  return true;
}

bool h2_literal(struct h2_bytes *block, const char *name, const void *value, size_t len) {
  uint8_t head[16] = {0};
  const size_t name_len = strlen(name); /* less than 127 */
  unsigned n = 0;
  head[0] = (uint8_t)name_len;
  bool good = h2_append(block, "", 1) && h2_append(block, head, 1) && h2_append(block, name, name_len);
  if (len < 127) {
    head[n++] = (uint8_t)len;
  } else {
    head[n++] = 127;
    size_t rest = len - 127;
    for (; rest >= 128; rest >>= 7) head[n++] = (uint8_t)(0x80 | (rest & 0x7f));
    head[n++] = (uint8_t)rest;
  }
  good = good && h2_append(block, head, n) && h2_append(block, value, len);
  return good;
}

/* --- frames --- */

void h2_frame(struct h2_conn *c, enum frame_type type, uint8_t flags, uint32_t id, const void *body, size_t len) {
  uint8_t head[HEAD] = {(uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, (uint8_t)type, flags};
  p4s_put_be(head + 5, 4, id);
  if (!h2_append(&c->out, head, sizeof head) || !h2_append(&c->out, body, len)) c->closing = true;
}

void h2_frame32(struct h2_conn *c, enum frame_type type, uint32_t id, uint32_t value) {
  uint8_t body[4];
  p4s_put_be(body, sizeof body, value);
  h2_frame(c, type, 0, id, body, sizeof body);
}

static void header_block(struct h2_conn *c, uint32_t id, uint8_t flags, const uint8_t *block, size_t len) {
  enum frame_type type = HEADERS;
  for (;; type = CONTINUATION, flags = 0) {
    const size_t n = len < c->peer_frame ? len : c->peer_frame;
    h2_frame(c, type, (uint8_t)(flags | (n == len ? END_HEADERS : 0)), id, block, n);
    block += n;
    len -= n;
    if (len == 0) return;
  }
}

void h2_ping(struct h2_conn *c) { h2_frame(c, PING, 0, 0, "p4soft\0", 8); }

void h2_goaway(struct h2_conn *c, enum h2_error error) {
  uint8_t body[8];
  p4s_put_be(body, 4, c->last_id);
  p4s_put_be(body + 4, 4, error);
  h2_frame(c, GOAWAY, 0, 0, body, sizeof body);
}

/* --- streams --- */

struct h2_stream *h2_find(struct h2_conn *c, uint32_t id) {
  struct h2_stream *st = c->streams;
  while (st && st->id != id) st = st->next;
  return st;
}

static void free_stream(struct h2_stream *st) {
  for (struct h2_message *m = st->first; m;) {
    struct h2_message *next = m->next;
    free(m);
    m = next;
  }
  free(st->trailers.data);
  free(st->in.data);
  free(st);
}

void h2_forget(struct h2_conn *c, struct h2_stream *st) {
  struct h2_stream **at = &c->streams;
  while (*at != st) at = &(*at)->next;
  *at = st->next;
  c->nstreams--;
  free_stream(st);
}

static void end_now(struct h2_conn *c, struct h2_stream *st) {
  if (!st->answered) {
    struct h2_bytes both = {0};
    if (!h2_append(&both, response, RESPONSE) || !h2_append(&both, st->trailers.data, st->trailers.used))
      c->closing = true;
    else
      header_block(c, st->id, END_STREAM, both.data, both.used);
    free(both.data);
  } else {
    header_block(c, st->id, END_STREAM, st->trailers.data, st->trailers.used);
  }
  if (!st->remote_closed) h2_frame32(c, RST_STREAM, st->id, H2_NO_ERROR);
  h2_forget(c, st);
}

/* Returns whether the stream is still there. */
static bool pump_stream(struct h2_conn *c, struct h2_stream *st) {
  while (st->first && c->out.used < H2_OUT) {
    struct h2_message *m = st->first;
    if (!st->answered) header_block(c, st->id, 0, response, RESPONSE);
    st->answered = true;
    while (m->sent < m->len && st->window > 0 && c->window > 0 && c->out.used < H2_OUT) {
      int64_t n = (int64_t)(m->len - m->sent);
      if (n > st->window) n = st->window;
      if (n > c->window) n = c->window;
      if (n > (int64_t)c->peer_frame) n = c->peer_frame;
      h2_frame(c, DATA, 0, st->id, m->data + m->sent, (size_t)n);
      m->sent += (size_t)n;
      st->window -= n;
      c->window -= n;
    }
    if (m->sent < m->len) return true;
    st->first = m->next;
    if (!st->first) st->last = &st->first;
    st->queued--;
    free(m);
  }
  if (st->first || !st->ending) return true;
  end_now(c, st);
  return false;
}

bool h2_send(struct h2_conn *c, struct h2_stream *st, const void *head, size_t head_len, const void *data, size_t len) {
  struct h2_message *m = malloc(sizeof *m + head_len + len);
  if (!m) {
    c->closing = true;
    return false;
  }
  *m = (struct h2_message){.len = head_len + len};
  memcpy(m->data, head, head_len);
  if (len) memcpy(m->data + head_len, data, len);
  *st->last = m;
  st->last = &m->next;
  st->queued++;
  pump_stream(c, st);
  return true;
}

void h2_pump(struct h2_conn *c, struct h2_user *u) {
  for (struct h2_stream *st = c->streams, *next; st; st = next) {
    next = st->next;
    if (pump_stream(c, st) && st->behind && !st->first) {
      st->behind = false;
      u->drained(u->user, c, st);
    }
  }
}

void h2_end(struct h2_conn *c, struct h2_stream *st, const struct h2_bytes *trailers) {
  if (st->ending) return;
  st->ending = true;
  if (!h2_append(&st->trailers, trailers->data, trailers->used)) c->closing = true;
  pump_stream(c, st);
}

void h2_free(struct h2_conn *c) {
  while (c->streams) {
    struct h2_stream *next = c->streams->next;
    free_stream(c->streams);
    c->streams = next;
  }
  free(c->block.data);
  free(c->out.data);
  free(c);
}

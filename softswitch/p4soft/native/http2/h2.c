/* HTTP/2, the receiving side: frames and what they mean. */
#include <stdlib.h>
#include <string.h>

#include "http2/h2.h"
#include "http2/h2_send.h"
#include "program/p4s_bits.h"

enum setting { MAX_STREAMS = 3, INITIAL_WINDOW = 4, MAX_FRAME = 5, MAX_HEADERS = 6 };

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
#define PREFACE (sizeof preface - 1)

static bool fail(struct h2_conn *c, enum h2_error error) {
  h2_goaway(c, error);
  c->closing = true;
  return false;
}

static void reset(struct h2_conn *c, struct h2_stream *st, struct h2_user *u) {
  u->reset(u->user, c, st);
  h2_forget(c, st);
}

struct head {
  uint32_t len, id;
  uint8_t type, flags;
};

/* Take padding, and the priority of HEADERS, off a frame. */
static bool unpad(const struct head *h, const uint8_t **body, size_t *len) {
  size_t pad = 0;
  if (h->flags & PADDED) {
    if (*len < 1) return false;
    pad = **body;
    ++*body;
    --*len;
  }
  if (h->type == HEADERS && (h->flags & WITH_PRIORITY)) {
    if (*len < 5) return false;
    *body += 5;
    *len -= 5;
  }
  if (pad > *len) return false;
  *len -= pad;
  return true;
}

/* Say that ``n`` more bytes have been taken in, now and then. */
static void take_in(struct h2_conn *c, uint32_t id, uint32_t *unreported, uint32_t n, uint32_t window) {
  *unreported += n;
  if (*unreported < window / 2) return;
  h2_frame32(c, WINDOW_UPDATE, id, *unreported);
  *unreported = 0;
}

static bool refuse(struct h2_conn *c, struct h2_stream *st, enum h2_error error, struct h2_user *u) {
  h2_frame32(c, RST_STREAM, st->id, error);
  reset(c, st, u);
  return true;
}

static bool close_remote(struct h2_conn *c, struct h2_stream *st, struct h2_user *u) {
  st->remote_closed = true;
  u->finished(u->user, c, st);
  return true;
}

static bool on_data(struct h2_conn *c, const struct head *h, const uint8_t *body, struct h2_user *u) {
  size_t len = h->len;
  if (h->id == 0 || h->id > c->last_id || !unpad(h, &body, &len)) return fail(c, H2_PROTOCOL_ERROR);
  take_in(c, 0, &c->unreported, h->len, H2_WINDOW);
  struct h2_stream *st = h2_find(c, h->id);
  if (!st) return true; /* it has ended here, which the peer did not know yet */
  if (st->remote_closed) return refuse(c, st, H2_STREAM_CLOSED, u);
  if (!(h->flags & END_STREAM)) take_in(c, h->id, &st->unreported, h->len, H2_STREAM_WINDOW);
  if (len) {
    u->received(u->user, c, st, body, len);
    st = h2_find(c, h->id); /* which may have been answered already */
  }
  return !st || !(h->flags & END_STREAM) || close_remote(c, st, u);
}

static void no_header(void *context, struct hpack_string name, struct hpack_string value) {
  (void)context;
  (void)name;
  (void)value;
}

static bool end_headers(struct h2_conn *c, struct h2_user *u) {
  const uint32_t id = c->block_stream;
  struct h2_stream *st = h2_find(c, id);
  const bool known_stream = st != NULL, late = !st && id <= c->last_id, refused = c->nstreams >= H2_STREAMS;
  c->block_stream = 0;
  if (!st && !late && !refused) {
    st = calloc(1, sizeof *st);
    if (!st) return fail(c, H2_INTERNAL_ERROR);
    st->id = id;
    st->window = c->peer_window;
    st->last = &st->first;
    st->next = c->streams;
    c->streams = st;
    c->nstreams++;
  }
  if (!late && !known_stream) c->last_id = id;
  /* A block is decoded even if nobody wants it: later ones refer to it. */
  if (!hpack_decode(&c->headers, c->block.data, c->block.used, u->scratch,
                    st && !known_stream ? u->header : no_header, st))
    return fail(c, H2_COMPRESSION_ERROR);
  if (!st) {
    if (refused && !late) h2_frame32(c, RST_STREAM, id, H2_REFUSED_STREAM);
    return true;
  }
  if (known_stream && (st->remote_closed || !(c->block_flags & END_STREAM))) return fail(c, H2_PROTOCOL_ERROR);
  if (!known_stream) {
    u->opened(u->user, c, st);
    st = h2_find(c, id);
  }
  return !st || !(c->block_flags & END_STREAM) || close_remote(c, st, u);
}

static bool on_headers(struct h2_conn *c, const struct head *h, const uint8_t *body, struct h2_user *u) {
  size_t len = h->len;
  if (h->type == HEADERS) {
    if (h->id % 2 == 0 || !unpad(h, &body, &len)) return fail(c, H2_PROTOCOL_ERROR);
    c->block_stream = h->id;
    c->block_flags = h->flags;
    c->block.used = 0;
  }
  if (c->block.used + len > H2_BLOCK) return fail(c, H2_ENHANCE_YOUR_CALM);
  if (!h2_append(&c->block, body, len)) return fail(c, H2_INTERNAL_ERROR);
  return !(h->flags & END_HEADERS) || end_headers(c, u);
}

static bool new_window(struct h2_conn *c, uint32_t size) {
  const int64_t change = (int64_t)size - c->peer_window;
  if (size > MAX_WINDOW) return fail(c, H2_FLOW_CONTROL_ERROR);
  c->peer_window = size;
  for (struct h2_stream *st = c->streams; st; st = st->next) {
    st->window += change;
    if (st->window > MAX_WINDOW) return fail(c, H2_FLOW_CONTROL_ERROR);
  }
  return true;
}

static bool on_settings(struct h2_conn *c, const struct head *h, const uint8_t *body) {
  if (h->id != 0) return fail(c, H2_PROTOCOL_ERROR);
  if (h->flags & ACK) return h->len == 0 || fail(c, H2_FRAME_SIZE_ERROR);
  if (h->len % 6 != 0) return fail(c, H2_FRAME_SIZE_ERROR);
  for (uint32_t at = 0; at < h->len; at += 6) {
    const uint32_t value = p4s_be32(body + at + 2);
    switch (p4s_be16(body + at)) {
    case INITIAL_WINDOW:
      if (!new_window(c, value)) return false;
      break;
    case MAX_FRAME:
      if (value < H2_FRAME || value > 0xffffff) return fail(c, H2_PROTOCOL_ERROR);
      break; /* larger frames would gain nothing */
    case MAX_HEADERS: c->peer_headers = value; break;
    default: break;
    }
  }
  h2_frame(c, SETTINGS, ACK, 0, NULL, 0);
  return true;
}

static bool on_window_update(struct h2_conn *c, const struct head *h, const uint8_t *body, struct h2_user *u) {
  if (h->len != 4) return fail(c, H2_FRAME_SIZE_ERROR);
  const uint32_t more = p4s_be32(body) & 0x7fffffff;
  if (more == 0) return fail(c, H2_PROTOCOL_ERROR);
  if (h->id == 0) {
    c->window += more;
    return c->window <= MAX_WINDOW || fail(c, H2_FLOW_CONTROL_ERROR);
  }
  struct h2_stream *st = h2_find(c, h->id);
  if (!st) return h->id <= c->last_id || fail(c, H2_PROTOCOL_ERROR);
  st->window += more;
  return st->window <= MAX_WINDOW || refuse(c, st, H2_FLOW_CONTROL_ERROR, u);
}

static bool on_frame(struct h2_conn *c, const struct head *h, const uint8_t *body, struct h2_user *u) {
  if (c->block_stream && (h->type != CONTINUATION || h->id != c->block_stream)) return fail(c, H2_PROTOCOL_ERROR);
  switch (h->type) {
  case DATA: return on_data(c, h, body, u);
  case HEADERS: return on_headers(c, h, body, u);
  case CONTINUATION: return c->block_stream ? on_headers(c, h, body, u) : fail(c, H2_PROTOCOL_ERROR);
  case SETTINGS: return on_settings(c, h, body);
  case WINDOW_UPDATE: return on_window_update(c, h, body, u);
  case PUSH_PROMISE: return fail(c, H2_PROTOCOL_ERROR);
  case PING:
    if (h->len != 8) return fail(c, H2_FRAME_SIZE_ERROR);
    if (!(h->flags & ACK)) h2_frame(c, PING, ACK, 0, body, 8);
    return true;
  case RST_STREAM: {
    if (h->len != 4) return fail(c, H2_FRAME_SIZE_ERROR);
    if (h->id == 0 || h->id > c->last_id) return fail(c, H2_PROTOCOL_ERROR);
    struct h2_stream *st = h2_find(c, h->id);
    if (st) reset(c, st, u);
    return true;
  }
  default: return true; /* PRIORITY, GOAWAY, and what may yet be invented */
  }
}

bool h2_receive(struct h2_conn *c, struct h2_user *u) {
  size_t at = 0;
  if (!c->greeted) {
    const size_t n = c->in_used < PREFACE ? c->in_used : PREFACE;
    if (memcmp(c->in, preface, n) != 0) return fail(c, H2_PROTOCOL_ERROR);
    if (n < PREFACE) return true;
    c->greeted = true;
    at = PREFACE;
  }
  while (c->in_used - at >= HEAD) {
    const uint8_t *p = c->in + at;
    const struct head h = {p4s_be32(p) >> 8, p4s_be32(p + 5) & 0x7fffffff, p[3], p[4]};
    if (h.len > H2_FRAME) return fail(c, H2_FRAME_SIZE_ERROR);
    if (c->in_used - at < HEAD + h.len) break;
    if (!on_frame(c, &h, p + HEAD, u)) return false;
    at += HEAD + h.len;
  }
  c->in_used -= at;
  memmove(c->in, c->in + at, c->in_used);
  return !c->closing;
}

/* --- connections --- */

void h2_init(struct h2_conn *c, int fd, uint32_t number, uint64_t now) {
  uint8_t settings[12] = {0, MAX_STREAMS, 0, 0, 0, 0, 0, INITIAL_WINDOW};
  memset(c, 0, offsetof(struct h2_conn, in));
  hpack_init(&c->headers);
  c->fd = fd;
  c->number = number;
  c->heard = now;
  c->window = c->peer_window = DEFAULT_WINDOW;
  c->peer_frame = H2_FRAME;
  c->peer_headers = UINT32_MAX;
  p4s_put_be(settings + 2, 4, H2_STREAMS);
  p4s_put_be(settings + 8, 4, H2_STREAM_WINDOW);
  h2_frame(c, SETTINGS, 0, 0, settings, sizeof settings);
  h2_frame32(c, WINDOW_UPDATE, 0, H2_WINDOW - DEFAULT_WINDOW);
}

/* The fuzz target of the gRPC server's transport: what clients may send, through sockets, and a server that answers at
 * random. An input is a list of commands; the first byte says which:
 *
 *   0..9  a frame of that type: flags, stream, length (2 bytes), body
 *   else  see enum command
 *
 * Whatever the clients do, the server's bytes have to be frames in an order that HTTP/2 allows, within the windows that
 * the clients gave, and the events have to be those of calls. The number of frames sent is told at exit. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/entries.h"
#include "engine/switch.h"
#include "engine/table.h"
#include "http2/h2_send.h"
#include "p4rt/calls.h"
#include "p4rt/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern const struct p4s_prog p4s_program;

enum command { RAW = 10, AGAIN, CONNECT, READ, ANSWER, TICK, COMMANDS };

#define DEVICE 1
#define CLIENTS 4u
#define CALLS 4096u
#define MOST_PARTS 1024u /* fields, actions, parameters of all tables */

static struct p4s_switch *sw;
static struct p4s_writer *writer;
static uint64_t frames;

static void demand(bool good, const char *what) {
  if (good) return;
  fprintf(stderr, "%s\n", what);
  abort();
}

/* --- the input --- */

struct input {
  const uint8_t *at;
  size_t left;
};

static uint8_t byte(struct input *in) {
  if (in->left == 0) return 0;
  in->left--;
  return *in->at++;
}

static uint32_t number(struct input *in) {
  const uint32_t high = byte(in);
  return high << 8 | byte(in);
}

static const uint8_t *take(struct input *in, uint32_t *len) {
  const uint8_t *at = in->at;
  if (*len > in->left) *len = (uint32_t)in->left;
  in->at += *len;
  in->left -= *len;
  return at;
}

/* --- frames as they pass by --- */

struct scan {
  uint32_t skip; /* the client's preface */
  uint8_t head[HEAD], body[8]; /* of the body as much as is looked at */
  uint32_t have, got;
};

/* The next whole frame of the bytes; false: there is none yet. */
static bool next_frame(struct scan *s, const uint8_t **p, size_t *n) {
  while (*n > 0) {
    if (s->skip > 0) {
      s->skip--;
    } else if (s->have < HEAD) {
      if (s->have == 0) s->got = 0;
      s->head[s->have++] = **p;
    } else {
      if (s->got < sizeof s->body) s->body[s->got] = **p;
      s->got++;
    }
    ++*p;
    --*n;
    if (s->have == HEAD && s->got == p4s_be32(s->head) >> 8) {
      s->have = 0;
      return true;
    }
  }
  return false;
}

/* --- clients --- */

struct client {
  int fd; /* -1: not connected */
  struct scan sent, seen;
  uint64_t window; /* bytes of DATA that the server may send, at most */
  uint64_t received;
  bool begun;
  uint32_t block; /* the stream whose header block has not ended */
};

static struct client clients[CLIENTS];
static struct p4s_front *front;

static void check_frame(struct client *c) {
  const struct scan *s = &c->seen;
  const uint32_t len = p4s_be32(s->head) >> 8, id = p4s_be32(s->head + 5);
  const uint8_t type = s->head[3], flags = s->head[4];
  demand(len <= H2_FRAME, "a frame is too long");
  demand(c->begun || (type == SETTINGS && !(flags & ACK)), "the server does not begin with SETTINGS");
  c->begun = true;
  demand(c->block == 0 || (type == CONTINUATION && id == c->block), "a header block was interrupted");
  switch (type) {
  case DATA:
    demand(id % 2 == 1, "DATA on no stream");
    c->received += len;
    demand(c->received <= c->window, "more DATA than the window allows");
    break;
  case HEADERS:
    demand(id % 2 == 1, "HEADERS on no stream");
    c->block = flags & END_HEADERS ? 0 : id;
    break;
  case CONTINUATION:
    demand(c->block != 0, "CONTINUATION of nothing");
    if (flags & END_HEADERS) c->block = 0;
    break;
  case RST_STREAM: demand(len == 4 && id % 2 == 1, "a malformed RST_STREAM"); break;
  case WINDOW_UPDATE: demand(len == 4 && p4s_be32(s->body) - 1 < MAX_WINDOW, "a malformed WINDOW_UPDATE"); break;
  case SETTINGS: demand(id == 0 && len == (flags & ACK ? 0u : 12u), "malformed SETTINGS"); break;
  case PING: demand(id == 0 && len == 8, "a malformed PING"); break;
  case GOAWAY: demand(id == 0 && len == 8, "a malformed GOAWAY"); break;
  default: demand(false, "a frame of a type that servers do not send");
  }
}

static void read_some(struct client *c, size_t most) {
  static uint8_t bytes[1 << 16];
  while (most > 0) {
    const ssize_t n = recv(c->fd, bytes, most < sizeof bytes ? most : sizeof bytes, MSG_DONTWAIT);
    if (n <= 0) return;
    const uint8_t *p = bytes;
    most -= (size_t)n;
    for (size_t left = (size_t)n; next_frame(&c->seen, &p, &left);) check_frame(c);
  }
}

static void connect_client(struct client *c, bool greet) {
  static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  int ends[2];
  if (c->fd >= 0) close(c->fd);
  demand(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0, "no sockets");
  *c = (struct client){.fd = ends[0], .window = DEFAULT_WINDOW, .sent.skip = greet ? 0 : sizeof preface - 1};
  demand(p4s_front_adopt(front, ends[1]) == P4S_OK, "no connection");
  if (greet) demand(send(c->fd, preface, sizeof preface - 1, MSG_NOSIGNAL) == sizeof preface - 1, "no preface");
}

static void send_all(struct client *c, const uint8_t *data, size_t len) {
  for (int turn = 0; len > 0 && turn < 8; turn++) {
    const ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      const uint8_t *p = data;
      for (size_t left = (size_t)n; next_frame(&c->sent, &p, &left); frames++)
        if (c->sent.head[3] == WINDOW_UPDATE) c->window += p4s_be32(c->sent.body) & MAX_WINDOW;
      data += n;
      len -= (size_t)n;
    }
    if (len > 0) p4s_front_run(front);
  }
}

/* --- the server --- */

static struct {
  uint64_t stream;
  bool over;
} calls[CALLS];
static uint32_t ncalls;
static bool forgotten; /* there were more calls than CALLS */
static volatile uint8_t sink;

/* What the server does with a Read. */
static void answer_read(const uint8_t *data, uint64_t len) {
  static uint8_t out[1 << 13];
  struct p4s_hit hits[8];
  struct p4s_reading *r = p4s_read(writer, data, len);
  if (!r) return;
  p4s_read_hits(r, hits, 8);
  for (int64_t n; (n = p4s_read_next(r, 7, out, sizeof out)) > 0;) {
    struct wire_span s = {out, out + n};
    struct wire_field entity;
    while (wire_next(&s, &entity)) demand(entity.tag == WIRE_BYTES(1), "a response of something else than entities");
    demand(s.at == s.end, "a response that cannot be parsed");
  }
  p4s_read_free(r);
}

static void take_events(void) {
  struct p4s_rpc_event e;
  while (p4s_front_next(front, &e)) {
    uint32_t i = ncalls;
    while (i > 0 && calls[i - 1].stream != e.stream) i--;
    const bool known = i-- > 0;
    demand(e.kind <= P4S_CALL_FAILED, "an event of no kind");
    if (e.kind == P4S_CALL_OPENED || e.kind == P4S_CALL_FAILED) {
      demand(!known, "a call was opened twice");
      if (ncalls == CALLS) {
        forgotten = true;
        ncalls = 0;
      }
      calls[ncalls].stream = e.stream;
      calls[ncalls++].over = false;
    } else {
      demand(known || forgotten, "something came of a call that was not opened");
      if (!known) continue;
      demand(!calls[i].over || (e.kind != P4S_CALL_MESSAGE && e.kind != P4S_CALL_FINISHED),
             "something came of a call that was over");
      calls[i].over |= e.kind == P4S_CALL_RESET;
    }
    for (uint64_t at = 0; at < e.len; at++) sink ^= e.data[at]; /* all of it has to be there */
    if (e.kind == P4S_CALL_MESSAGE) answer_read(e.data, e.len);
  }
}

static void answer(struct input *in) {
  static char text[1 << 17];
  take_events();
  if (ncalls == 0) return;
  const uint8_t how = byte(in);
  const uint64_t stream = calls[ncalls - 1 - (how >> 3) % ncalls].stream;
  const uint32_t len = number(in) * 2;
  memset(text, 'x', sizeof text);
  if (how & 1) p4s_front_send(front, stream, (const uint8_t *)text, len, how & 2 ? 4 : UINT32_MAX);
  if (how & 4) p4s_front_finish(front, stream, how, text, len % 300, text, len);
  if (!(how & 8)) p4s_front_flush(front);
}

/* As if so much time had passed that every client is asked whether it is there, or given up. */
static void tick(void) {
  for (struct h2_conn *c = front->conns; c; c = c->next) {
    c->heard = 1;
    if (c->pinged) c->pinged = 1;
  }
  p4s_front_tick(front);
}

/* --- commands --- */

static void run(struct input *in) {
  static uint8_t last[HEAD + UINT16_MAX];
  size_t last_len = 0;
  struct client *c = &clients[0];
  while (in->left > 0) {
    const uint8_t command = byte(in);
    uint32_t len, times;
    const uint8_t *body;
    switch (command % COMMANDS) {
    case RAW:
      len = number(in);
      body = take(in, &len);
      send_all(c, body, len);
      break;
    case AGAIN: /* the last frame, often, on one stream after the other */
      for (times = 8u * byte(in); times > 0 && last_len > 0; times--) {
        if (command & 0x10) p4s_put_be(last + 5, 4, p4s_be32(last + 5) + 2);
        send_all(c, last, last_len);
      }
      break;
    case CONNECT: {
      const uint8_t how = byte(in);
      c = &clients[how % CLIENTS];
      if (c->fd < 0 || how & 0x40) connect_client(c, how < 0x80);
      break;
    }
    case READ: read_some(c, (size_t)number(in) * 16); break;
    case ANSWER: answer(in); break;
    case TICK: tick(); break;
    default: /* a frame */
      last[3] = command % COMMANDS;
      last[4] = byte(in);
      p4s_put_be(last + 5, 4, byte(in));
      len = number(in);
      body = take(in, &len);
      p4s_put_be(last, 3, len);
      if (len) memcpy(last + HEAD, body, len);
      last_len = HEAD + len;
      send_all(c, last, last_len);
    }
    p4s_front_run(front);
  }
}

/* What the input has inserted is deleted, so that the next one finds everything as this one did. */
static void clear_tables(void) {
  static uint8_t images[1 << 16];
  for (uint32_t table = 0; table < p4s_program.ntables; table++) {
    if (p4s_program.tables[table].nconst) continue;
    for (uint32_t at = 0; at != P4S_NONE;) {
      const uint64_t used = p4s_entries(sw, table, &at, images, sizeof images);
      for (uint64_t i = 0; i < used;) {
        struct p4s_entry_image image;
        memcpy(&image, images + i, sizeof image);
        const struct p4s_update u = {.kind = P4S_DELETE, .priority = image.priority};
        demand(p4s_update(sw, table, &u, images + i + sizeof image) == P4S_OK, "an entry cannot be deleted");
        i += (sizeof image + image.key_len + image.params_len + 7u) / 8u * 8u;
      }
    }
  }
}

/* --- set-up --- */

/* Ids are positions, counted from 1. */
static void describe_tables(void) {
  static struct p4s_wire_table tables[MOST_PARTS];
  static struct p4s_wire_field fields[MOST_PARTS];
  static struct p4s_wire_action actions[MOST_PARTS];
  static struct p4s_wire_param params[MOST_PARTS];
  uint32_t ntables = 0, nfields = 0, nactions = 0, nparams = 0;
  for (uint32_t i = 0; i < p4s_program.ntables; i++) {
    const struct p4s_table_desc *d = &p4s_program.tables[i];
    if (d->nfields == 0 || d->lists) continue;
    const bool ordered = d->kind == P4S_TERNARY || d->kind == P4S_RANGE;
    const uint32_t flags = (ordered ? P4S_WIRE_PRIORITY : 0u) | (d->support_timeout ? P4S_WIRE_TIMEOUT : 0u) |
                           (d->kind == P4S_EXACT ? P4S_WIRE_READ : 0u) | (d->has_counter ? P4S_WIRE_COUNTER : 0u) |
                           P4S_WIRE_MODIFY;
    tables[ntables++] = (struct p4s_wire_table){i + 1, i, flags, nfields, d->nfields, nactions, d->nactions};
    for (uint32_t f = 0; f < d->nfields; f++)
      fields[nfields++] = (struct p4s_wire_field){f + 1, d->fields[f].bits, d->fields[f].kind};
    for (uint32_t a = 0; a < d->nactions; a++) {
      const struct p4s_action_desc *action = &d->actions[a];
      actions[nactions++] = (struct p4s_wire_action){a + 1, a, nparams, action->nparams};
      for (uint32_t p = 0; p < action->nparams; p++)
        params[nparams++] = (struct p4s_wire_param){p + 1, action->params[p].bits};
      demand(nparams < MOST_PARTS / 2, "too many parameters");
    }
    demand(nfields < MOST_PARTS / 2 && nactions < MOST_PARTS / 2, "too many fields or actions");
  }
  demand(p4s_writer_tables(writer, tables, ntables, fields, nfields, actions, nactions, params, nparams) == P4S_OK,
         "no description of the tables");
}

static void finish(void) {
  p4s_writer_free(writer);
  p4s_free(sw);
  fprintf(stderr, "frames: %llu\n", (unsigned long long)frames);
}

static void start(void) {
  const struct p4s_grant grants[] = {{.low = 1, .role = ""}, {.low = 1, .role = "r", .role_len = 1}};
  sw = switch_make(-1, 1, P4S_BY_FLOW);
  demand(sw && p4s_load(sw, &p4s_program) == P4S_OK, "no switch");
  writer = p4s_writer_new(sw, DEVICE);
  demand(writer && p4s_writer_grants(writer, grants, 2) == P4S_OK, "no writer");
  describe_tables();
  atexit(finish);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input in = {data, size};
  if (!sw) start();
  front = p4s_front_new(writer);
  demand(front != NULL, "no front");
  ncalls = 0;
  forgotten = false;
  for (uint32_t i = 0; i < CLIENTS; i++) clients[i].fd = -1;
  connect_client(&clients[0], true);
  run(&in);
  take_events();
  for (uint32_t i = 0; i < CLIENTS; i++)
    if (clients[i].fd >= 0) read_some(&clients[i], SIZE_MAX);
  p4s_front_free(front);
  for (uint32_t i = 0; i < CLIENTS; i++) {
    if (clients[i].fd < 0) continue;
    read_some(&clients[i], SIZE_MAX);
    close(clients[i].fd);
  }
  clear_tables();
  return 0;
}

/* The way of a packet between ports and the program: replication, clones, recirculation, output. */
#include "core.h"

/* Buffers beyond the backlog's: the packet being processed, its ingress clone or replica, and the original bytes. */
enum { MAIN = P4S_BACKLOG, COPY = P4S_BACKLOG + 1, ORIGINAL = P4S_BACKLOG + 2 };

static uint8_t *buffer(struct p4s_switch *s, uint32_t i) { return s->buffers + (size_t)i * P4S_BUFFER; }
static void *state(struct p4s_switch *s, uint32_t i) { return s->states + (size_t)i * s->state_stride; }

static uint32_t room(const struct p4s_switch *s) { return s->prog->own_bytes + s->prog->headroom; }

static void fresh(struct p4s_switch *s, struct p4s_pkt *p, uint32_t slot) {
  memset(p, 0, sizeof *p);
  p->base = buffer(s, slot);
  p->state = state(s, slot);
  p->limit = P4S_BUFFER;
  p->truncate = UINT32_MAX;
}

/* A copy with bytes, variables and header storage of its own. */
static void duplicate(struct p4s_switch *s, struct p4s_pkt *to, const struct p4s_pkt *from, uint32_t slot) {
  *to = *from;
  to->base = buffer(s, slot);
  to->state = state(s, slot);
  memcpy(to->base, from->base, s->prog->own_bytes);
  memcpy(to->base + from->off, from->base + from->off, from->len);
  memcpy(to->state, from->state, s->prog->state_bytes);
  to->copy = ++s->copies;
}

static void output(struct p4s_switch *s, const struct p4s_pkt *p) {
  const uint32_t number = p->port, len = p->len;
  const uint8_t *const data = p->base + p->off;
  TRACE(s, p, "Transmitting packet of size %u out of port %u", len, number);
  if ((int64_t)number == s->cpu_port) {
    ring_put(&s->packets, P4S_REC_PACKET, 0, data, len);
    s->signal = true;
    return;
  }
  struct p4s_port *port = number < P4S_PORTS ? &s->ports[number] : NULL;
  if (!port || port->kind == P4S_PORT_NONE) {
    TRACE(s, p, "There is no port %u: dropping packet", number);
    s->unknown_port++;
    return;
  }
  if (P4_UNLIKELY(s->pcap != NULL)) pcap_frame(s->pcap, number, P4S_SENT, data, len);
  if (port->kind == P4S_PORT_PACKET) {
    packet_send(port, data, len);
    return;
  }
  if (ring_put(&s->out, P4S_REC_PACKET, number, data, len)) {
    port->stats.tx_packets++;
    port->stats.tx_bytes += len;
    s->out_signal = true;
  } else {
    port->stats.tx_dropped++;
  }
}

/* Put a packet into the backlog; NULL if it is full. */
static struct p4s_waiting *enqueue(struct p4s_switch *s, enum p4s_mode mode, uint32_t *slot) {
  if (s->backlog_count == P4S_BACKLOG) {
    s->backlog_dropped++;
    return NULL;
  }
  *slot = (s->backlog_head + s->backlog_count++) % P4S_BACKLOG;
  s->backlog[*slot].mode = mode;
  return &s->backlog[*slot];
}

/* Make the packet start again with these bytes; the metadata of field list ``list`` survive. */
static void again(struct p4s_switch *s, const struct p4s_pkt *p, const uint8_t *data, uint32_t len, uint32_t instance,
                  uint32_t list) {
  uint32_t slot;
  if (len > P4S_MAX_FRAME) return;
  struct p4s_waiting *w = enqueue(s, P4S_INGRESS, &slot);
  if (!w) return;
  fresh(s, &w->pkt, slot);
  w->pkt.off = room(s);
  w->pkt.len = w->pkt.ingress_len = len;
  memcpy(w->pkt.base + w->pkt.off, data, len);
  memcpy(w->pkt.state, p->state, s->prog->state_bytes);
  w->pkt.id = p->id;
  w->pkt.copy = ++s->copies;
  w->pkt.in_port = p->in_port;
  w->pkt.instance = instance;
  w->pkt.preserve = list;
}

static void finish(struct p4s_switch *s, struct p4s_pkt *p, enum p4s_verdict verdict) {
  if (verdict != P4S_OUTPUT) return;
  if (p->recirculate) TRACE(s, p, "Recirculating packet");
  if (p->recirculate)
    again(s, p, p->base + p->off, p->len, P4S_RECIRC, p->recirculate);
  else
    output(s, p);
}

static void egress(struct p4s_switch *s, struct p4s_pkt *p) { finish(s, p, s->prog->run(&s->ctx, p, P4S_EGRESS)); }

/* Egress for every replica of a group; p itself stays as it is. */
static void replicate(struct p4s_switch *s, const struct p4s_pkt *p, const struct p4s_group *g, uint32_t slot) {
  for (uint32_t i = 0; i < g->count; i++) {
    struct p4s_pkt q;
    duplicate(s, &q, p, slot);
    q.port = g->replicas[i].port;
    q.rid = g->replicas[i].instance;
    if (g->truncate) q.truncate = g->truncate;
    TRACE(s, &q, "Replicating packet to port %u, egress_rid %u", q.port, q.rid);
    egress(s, &q);
  }
}

static void clone_ingress(struct p4s_switch *s, const struct p4s_pkt *p, uint32_t original) {
  const struct p4s_group *g = group_find(s->clones, p->clone & 0x7fff);
  TRACE(s, p, "Cloning packet at ingress to session %u%s", p->clone & 0x7fff, g ? "" : ", which does not exist");
  if (!g) return;
  for (uint32_t i = 0; i < g->count; i++) {
    struct p4s_pkt q;
    fresh(s, &q, COPY);
    q.id = p->id;
    q.copy = ++s->copies;
    q.off = room(s);
    q.len = q.ingress_len = q.length = original;
    memcpy(q.base + q.off, buffer(s, ORIGINAL), original);
    memcpy(q.state, p->state, s->prog->state_bytes);
    q.in_port = p->in_port;
    q.preserve = p->clone_list;
    q.instance = P4S_INGRESS_CLONE;
    s->prog->run(&s->ctx, &q, P4S_CLONE);
    q.port = g->replicas[i].port;
    q.rid = g->replicas[i].instance;
    if (g->truncate) q.truncate = g->truncate;
    q.length = original;
    egress(s, &q);
  }
}

static void run_ingress(struct p4s_switch *s, struct p4s_pkt *p) {
  const struct p4s_prog *prog = s->prog;
  const uint32_t original = p->len;
  if (prog->keep_original) memcpy(buffer(s, ORIGINAL), p->base + p->off, original);
  const enum p4s_verdict verdict = prog->run(&s->ctx, p, P4S_INGRESS);
  if (P4_LIKELY(verdict != P4S_REPLICATE)) {
    finish(s, p, verdict);
    return;
  }
  if (p->clone) clone_ingress(s, p, original);
  p->clone = 0;
  if (p->resubmit) {
    TRACE(s, p, "Resubmitting packet");
    again(s, p, buffer(s, ORIGINAL), original, P4S_RESUBMIT, p->resubmit);
  } else if (p->group) {
    const struct p4s_group *g = group_find(s->groups, p->group);
    p->instance = P4S_REPLICATION;
    if (!g) TRACE(s, p, "Multicast group %u does not exist: dropping packet", p->group);
    if (g) replicate(s, p, g, COPY);
  } else if (p->spec != P4S_DROP_PORT) {
    p->instance = P4S_NORMAL;
    p->port = p->spec;
    p->rid = 0;
    egress(s, p);
  }
}

void forward_clone_egress(struct p4s_ctx *c, struct p4s_pkt *p) {
  struct p4s_switch *s = (struct p4s_switch *)(void *)c;
  const struct p4s_group *g = group_find(s->clones, p->clone & 0x7fff);
  TRACE(s, p, "Cloning packet at egress to session %u%s", p->clone & 0x7fff, g ? "" : ", which does not exist");
  if (!g) return;
  for (uint32_t i = 0; i < g->count; i++) {
    uint32_t slot;
    struct p4s_waiting *w = enqueue(s, P4S_EGRESS, &slot);
    if (!w) return;
    duplicate(s, &w->pkt, p, slot);
    w->pkt.port = g->replicas[i].port;
    w->pkt.rid = g->replicas[i].instance;
    w->pkt.instance = P4S_EGRESS_CLONE;
    w->pkt.preserve = p->clone_list;
    w->pkt.fresh = 1;
    w->pkt.clone = w->pkt.clone_list = w->pkt.recirculate = 0;
    w->pkt.truncate = g->truncate ? g->truncate : UINT32_MAX;
  }
}

uint32_t forward_backlog(struct p4s_switch *s) {
  const uint32_t n = s->backlog_count;
  for (uint32_t i = 0; i < n; i++) {
    struct p4s_waiting *w = &s->backlog[s->backlog_head];
    struct p4s_pkt p = w->pkt;
    if (w->mode == P4S_INGRESS)
      run_ingress(s, &p);
    else
      egress(s, &p);
    s->backlog_head = (s->backlog_head + 1) % P4S_BACKLOG;
    s->backlog_count--;
  }
  return n;
}

void forward_frame(struct p4s_switch *s, uint32_t port, const uint8_t *data, uint32_t len) {
  struct p4s_pkt p;
  if (P4_UNLIKELY(s->pcap != NULL)) pcap_frame(s->pcap, port, P4S_RECEIVED, data, len);
  if (!s->prog) return;
  if (P4_UNLIKELY(len > P4S_MAX_FRAME)) {
    s->oversize++;
    return;
  }
  fresh(s, &p, MAIN);
  p.off = room(s);
  p.len = p.ingress_len = len;
  p.in_port = port;
  p.id = s->frames++;
  s->copies = 0;
  TRACE(s, &p, "Processing packet received on port %u", port);
  memcpy(p.base + p.off, data, len);
  run_ingress(s, &p);
}

void forward_frames(struct p4s_switch *s, const struct p4s_frame *frames, uint32_t n) {
  if (s->prog && s->prog->nhints) forward_look_ahead(s, frames, n);
  for (uint32_t i = 0; i < n; i++) forward_frame(s, frames[i].port, frames[i].data, frames[i].len);
}

void forward_digest(struct p4s_ctx *c, uint32_t list, const uint8_t *data, uint32_t len) {
  struct p4s_switch *s = (struct p4s_switch *)(void *)c;
  ring_put(&s->digests, P4S_REC_DIGEST, list, data, len);
  s->signal = true;
}

const struct p4s_group *group_find(const struct p4s_group *list, uint32_t id) {
  while (list && list->id != id) list = list->next;
  return list;
}

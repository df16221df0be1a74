/* The way of a packet between ports and the program: replication, clones, recirculation, output. */
#include "engine/forward.h"
#include "engine/ahead.h"
#include "engine/groups.h"
#include "engine/lend.h"
#include "engine/pcap.h"
#include "engine/trace.h"

/* Buffers beyond the backlog's: the packet being processed, its ingress clone or replica, and the original bytes. */
enum { MAIN = P4S_BACKLOG, COPY = P4S_BACKLOG + 1, ORIGINAL = P4S_BACKLOG + 2 };

static uint8_t *buffer(struct p4s_worker *w, uint32_t i) { return w->buffers + (size_t)i * P4S_BUFFER; }
static void *state(struct p4s_worker *w, uint32_t i) { return w->states + (size_t)i * w->s->state_stride; }

static uint32_t room(const struct p4s_worker *w) { return w->s->prog->own_bytes + w->s->prog->headroom; }

/* What is known of a packet that leaves: if it still ends with the payload that it was cut with, and no header of the program
 * covers that, the payload's checksum, and that it may stay where it is until it is sent. */
static struct joinable joinable(struct p4s_worker *w, const struct p4s_pkt *p) {
  struct joinable packet = {.frame = p->base + p->off, .len = p->len};
  const struct joinable *made = w->lent;
  if (P4_LIKELY(!made) || p->base != buffer(w, MAIN)) return packet;
  const uint8_t *payload = made->frame + made->payload;
  if (p->base + p->payload > payload || packet.frame > payload || packet.frame + p->len != made->frame + made->len)
    return packet;
  packet.origin = made->origin;
  packet.known = made->known;
  packet.payload = (uint32_t)(payload - packet.frame);
  packet.sum = made->sum;
  return packet;
}

static void fresh(struct p4s_worker *w, struct p4s_pkt *p, uint32_t slot) {
  memset(p, 0, sizeof *p);
  p->base = buffer(w, slot);
  p->state = state(w, slot);
  p->limit = P4S_BUFFER;
  p->truncate = UINT32_MAX;
}

/* A copy with bytes, variables and header storage of its own. */
static void duplicate(struct p4s_worker *w, struct p4s_pkt *to, const struct p4s_pkt *from, uint32_t slot) {
  *to = *from;
  to->base = buffer(w, slot);
  to->state = state(w, slot);
  memcpy(to->base, from->base, w->s->prog->own_bytes);
  memcpy(to->base + from->off, from->base + from->off, from->len);
  memcpy(to->state, from->state, w->s->prog->state_bytes);
  to->copy = ++w->copies;
}

static void output(struct p4s_worker *w, const struct p4s_pkt *p) {
  struct p4s_switch *const s = w->s;
  const uint32_t number = p->port, len = p->len;
  const uint8_t *const data = p->base + p->off;
  TRACE(w, p, "Transmitting packet of size %u out of port %u", len, number);
  if ((int64_t)number == s->cpu_port) {
    ring_put(&s->packets, P4S_REC_PACKET, 0, data, len);
    w->signal = true;
    return;
  }
  if (number >= P4S_PORTS || s->ports[number].kind == P4S_PORT_NONE) {
    TRACE(w, p, "There is no port %u: dropping packet", number);
    w->unknown_port++;
    if (number < P4S_PORTS) w->strangers[number / 64] |= 1ull << number % 64;
    return;
  }
  struct p4s_link *link = &w->links[number];
  if (P4_UNLIKELY(s->pcap != NULL)) pcap_frame(s->pcap, number, P4S_SENT, data, len);
  if (link->packet) {
    const struct joinable packet = joinable(w, p);
    link->ops->send(w, number, &packet);
    return;
  }
  if (ring_put(&s->out, P4S_REC_PACKET, number, data, len)) {
    link->stats.tx_packets++;
    link->stats.tx_bytes += len;
    w->out_signal = true;
  } else {
    link->stats.tx_dropped++;
  }
}

/* Put a packet into the backlog; NULL if it is full. */
static struct p4s_waiting *enqueue(struct p4s_worker *w, enum p4s_mode mode, uint32_t *slot) {
  if (w->backlog_count == P4S_BACKLOG) {
    w->backlog_dropped++;
    return NULL;
  }
  *slot = (w->backlog_head + w->backlog_count++) % P4S_BACKLOG;
  w->backlog[*slot].mode = mode;
  return &w->backlog[*slot];
}

/* Make the packet start again with these bytes; the metadata of field list ``list`` survive. */
static void again(struct p4s_worker *w, const struct p4s_pkt *p, const uint8_t *data, uint32_t len, uint32_t instance,
                  uint32_t list) {
  uint32_t slot;
  if (len > P4S_MAX_FRAME) return;
  struct p4s_waiting *next = enqueue(w, P4S_INGRESS, &slot);
  if (!next) return;
  fresh(w, &next->pkt, slot);
  next->pkt.off = room(w);
  next->pkt.len = next->pkt.ingress_len = len;
  memcpy(next->pkt.base + next->pkt.off, data, len);
  memcpy(next->pkt.state, p->state, w->s->prog->state_bytes);
  next->pkt.id = p->id;
  next->pkt.copy = ++w->copies;
  next->pkt.in_port = p->in_port;
  next->pkt.instance = instance;
  next->pkt.preserve = list;
}

static void finish(struct p4s_worker *w, struct p4s_pkt *p, enum p4s_verdict verdict) {
  if (verdict != P4S_OUTPUT) return;
  if (p->recirculate) TRACE(w, p, "Recirculating packet");
  if (p->recirculate)
    again(w, p, p->base + p->off, p->len, P4S_RECIRC, p->recirculate);
  else
    output(w, p);
}

static void egress(struct p4s_worker *w, struct p4s_pkt *p) { finish(w, p, w->s->prog->run(&w->ctx, p, P4S_EGRESS)); }

/* Egress for every replica of a group; p itself stays as it is. */
static void replicate(struct p4s_worker *w, const struct p4s_pkt *p, const struct p4s_group *g, uint32_t slot) {
  for (uint32_t i = 0; i < g->count; i++) {
    struct p4s_pkt q;
    duplicate(w, &q, p, slot);
    q.port = g->replicas[i].port;
    q.rid = g->replicas[i].instance;
    if (g->truncate) q.truncate = g->truncate;
    TRACE(w, &q, "Replicating packet to port %u, egress_rid %u", q.port, q.rid);
    egress(w, &q);
  }
}

static void clone_ingress(struct p4s_worker *w, const struct p4s_pkt *p, uint32_t original) {
  const struct p4s_group *g = group_find(w->s->clones, p->clone & 0x7fff);
  TRACE(w, p, "Cloning packet at ingress to session %u%s", p->clone & 0x7fff, g ? "" : ", which does not exist");
  if (!g) return;
  for (uint32_t i = 0; i < g->count; i++) {
    struct p4s_pkt q;
    fresh(w, &q, COPY);
    q.id = p->id;
    q.copy = ++w->copies;
    q.off = room(w);
    q.len = q.ingress_len = q.length = original;
    memcpy(q.base + q.off, buffer(w, ORIGINAL), original);
    memcpy(q.state, p->state, w->s->prog->state_bytes);
    q.in_port = p->in_port;
    q.preserve = p->clone_list;
    q.instance = P4S_INGRESS_CLONE;
    w->s->prog->run(&w->ctx, &q, P4S_CLONE);
    q.port = g->replicas[i].port;
    q.rid = g->replicas[i].instance;
    if (g->truncate) q.truncate = g->truncate;
    q.length = original;
    egress(w, &q);
  }
}

static void run_ingress(struct p4s_worker *w, struct p4s_pkt *p) {
  const struct p4s_prog *prog = w->s->prog;
  const uint32_t original = p->len;
  if (prog->keep_original) memcpy(buffer(w, ORIGINAL), p->base + p->off, original);
  const enum p4s_verdict verdict = prog->run(&w->ctx, p, P4S_INGRESS);
  if (P4_LIKELY(verdict != P4S_REPLICATE)) {
    finish(w, p, verdict);
    return;
  }
  if (p->clone) clone_ingress(w, p, original);
  p->clone = 0;
  if (p->resubmit) {
    TRACE(w, p, "Resubmitting packet");
    again(w, p, buffer(w, ORIGINAL), original, P4S_RESUBMIT, p->resubmit);
  } else if (p->group) {
    const struct p4s_group *g = group_find(w->s->groups, p->group);
    p->instance = P4S_REPLICATION;
    if (!g) TRACE(w, p, "Multicast group %u does not exist: dropping packet", p->group);
    if (g) replicate(w, p, g, COPY);
  } else if (p->spec != P4S_DROP_PORT) {
    p->instance = P4S_NORMAL;
    p->port = p->spec;
    p->rid = 0;
    egress(w, p);
  }
}

void forward_clone_egress(struct p4s_ctx *c, struct p4s_pkt *p) {
  struct p4s_worker *w = (struct p4s_worker *)(void *)c;
  const struct p4s_group *g = group_find(w->s->clones, p->clone & 0x7fff);
  TRACE(w, p, "Cloning packet at egress to session %u%s", p->clone & 0x7fff, g ? "" : ", which does not exist");
  if (!g) return;
  for (uint32_t i = 0; i < g->count; i++) {
    uint32_t slot;
    struct p4s_waiting *next = enqueue(w, P4S_EGRESS, &slot);
    if (!next) return;
    duplicate(w, &next->pkt, p, slot);
    next->pkt.port = g->replicas[i].port;
    next->pkt.rid = g->replicas[i].instance;
    next->pkt.instance = P4S_EGRESS_CLONE;
    next->pkt.preserve = p->clone_list;
    next->pkt.fresh = 1;
    next->pkt.clone = next->pkt.clone_list = next->pkt.recirculate = 0;
    next->pkt.truncate = g->truncate ? g->truncate : UINT32_MAX;
  }
}

uint32_t forward_backlog(struct p4s_worker *w) {
  const uint32_t n = w->backlog_count;
  for (uint32_t i = 0; i < n; i++) {
    struct p4s_waiting *next = &w->backlog[w->backlog_head];
    struct p4s_pkt p = next->pkt;
    if (next->mode == P4S_INGRESS)
      run_ingress(w, &p);
    else
      egress(w, &p);
    w->backlog_head = (w->backlog_head + 1) % P4S_BACKLOG;
    w->backlog_count--;
  }
  return n;
}

uint8_t *forward_place(struct p4s_worker *w) { return buffer(w, MAIN) + (w->s->prog ? room(w) : 0); }

void forward_placed(struct p4s_worker *w, uint32_t port, uint8_t *data, uint32_t len) {
  struct p4s_pkt p;
  if (P4_UNLIKELY(w->s->pcap != NULL)) pcap_frame(w->s->pcap, port, P4S_RECEIVED, data, len);
  if (!w->s->prog) return;
  fresh(w, &p, MAIN);
  p.off = (uint32_t)(data - p.base);
  p.len = p.ingress_len = len;
  p.in_port = port;
  p.id = w->frames;
  w->frames += w->s->nworkers;
  w->copies = 0;
  TRACE(w, &p, "Processing packet received on port %u", port);
  run_ingress(w, &p);
}

void forward_frame(struct p4s_worker *w, uint32_t port, const uint8_t *data, uint32_t len) {
  if (P4_UNLIKELY(len > P4S_MAX_FRAME)) {
    w->oversize++;
    return;
  }
  uint8_t *place = forward_place(w);
  memcpy(place, data, len);
  forward_placed(w, port, place, len);
}

void forward_lent(struct p4s_worker *w, uint32_t port, const struct joinable *packet) {
  w->lent = packet;
  forward_placed(w, port, (uint8_t *)(uintptr_t)packet->frame, packet->len);
  w->lent = NULL;
  forward_unlend(w);
}

void forward_frames(struct p4s_worker *w, const struct p4s_frame *frames, uint32_t n) {
  if (w->s->prog && w->s->prog->nhints) forward_look_ahead(w, frames, n);
  for (uint32_t i = 0; i < n; i++) forward_frame(w, frames[i].port, frames[i].data, frames[i].len);
}

void forward_digest(struct p4s_ctx *c, uint32_t list, const uint8_t *data, uint32_t len) {
  struct p4s_worker *w = (struct p4s_worker *)(void *)c;
  ring_put(&w->s->digests, P4S_REC_DIGEST, list, data, len);
  w->signal = true;
}

/* What the control plane calls: ports, packets, events, tables and the rest, each call atomic for packets. */
#include "engine/pack.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* --- ports --- */

/* ``links`` is NULL for ports without an interface. */
static void begin_port(struct p4s_switch *s, uint32_t number, enum p4s_port_kind kind, const char *name,
                       const struct p4s_link *links) {
  struct p4s_port *port = &s->ports[number];
  memset(port, 0, sizeof *port);
  port->number = number;
  port->kind = kind;
  strncpy(port->name, name, sizeof port->name - 1);
  for (uint32_t i = 0; i < s->nworkers; i++) s->workers[i]->links[number] = links ? links[i] : (struct p4s_link){0};
  s->active[s->nactive++] = (uint16_t)number;
}

EXPORT int p4s_add_memory_port(struct p4s_switch *s, uint32_t number) {
  if (number >= P4S_DROP_PORT || (int64_t)number == s->cpu_port) return P4S_INVALID;
  int rc = P4S_EXISTS;
  switch_lock(s);
  if (s->ports[number].kind == P4S_PORT_NONE) {
    begin_port(s, number, P4S_PORT_MEMORY, "memory", NULL);
    rc = P4S_OK;
  }
  switch_unlock(s);
  return rc;
}

/* ``offload``: cut super-segments and send some. On P4S_SYSTEM, errno tells why. */
EXPORT int p4s_add_interface(struct p4s_switch *s, uint32_t number, const char *interface, int offload) {
  struct p4s_link links[P4S_MAX_WORKERS];
  if (number >= P4S_DROP_PORT || (int64_t)number == s->cpu_port) return P4S_INVALID;
  if (s->ports[number].kind != P4S_PORT_NONE) return P4S_EXISTS;
  const int rc = packet_open(s, number, links, interface, offload != 0);
  if (rc != P4S_OK) return rc;
  switch_lock(s);
  begin_port(s, number, P4S_PORT_PACKET, interface, links);
  switch_unlock(s);
  switch_wake(s);
  return P4S_OK;
}

EXPORT int p4s_remove_port(struct p4s_switch *s, uint32_t number) {
  struct p4s_link gone[P4S_MAX_WORKERS];
  if (number >= P4S_PORTS || s->ports[number].kind == P4S_PORT_NONE) return P4S_NOT_FOUND;
  switch_lock(s);
  s->ports[number].kind = P4S_PORT_NONE;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < s->nactive; i++)
    if (s->active[i] != number) s->active[kept++] = s->active[i];
  s->nactive = kept;
  for (uint32_t i = 0; i < s->nworkers; i++) {
    gone[i] = s->workers[i]->links[number];
    s->workers[i]->links[number] = (struct p4s_link){0};
  }
  switch_unlock(s);
  switch_wake(s); /* they may be polling the descriptors that go away */
  for (uint32_t i = 0; i < s->nworkers; i++) packet_close(&gone[i]);
  return P4S_OK;
}

struct p4s_port_image {
  uint32_t number, kind, offload; /* offload: enum p4s_offload */
  char name[32];
  struct p4s_stats stats;
};

static void add_stats(struct p4s_stats *to, const struct p4s_stats *more) {
  to->rx_packets += more->rx_packets;
  to->rx_bytes += more->rx_bytes;
  to->rx_dropped += more->rx_dropped;
  to->tx_packets += more->tx_packets;
  to->tx_bytes += more->tx_bytes;
  to->tx_dropped += more->tx_dropped;
  to->rx_large += more->rx_large;
  to->tx_large += more->tx_large;
  to->rx_oversize += more->rx_oversize;
}

EXPORT uint32_t p4s_ports(struct p4s_switch *s, struct p4s_port_image *out, uint32_t room) {
  switch_lock(s);
  const uint32_t n = s->nactive;
  for (uint32_t i = 0; i < n && i < room; i++) {
    const struct p4s_port *port = &s->ports[s->active[i]];
    out[i].number = port->number;
    out[i].kind = port->kind;
    memcpy(out[i].name, port->name, sizeof port->name);
    memset(&out[i].stats, 0, sizeof out[i].stats);
    out[i].offload = 0;
    for (uint32_t k = 0; k < s->nworkers; k++) {
      struct p4s_link *link = &s->workers[k]->links[port->number];
      if (link->packet) {
        packet_lost(link);
        out[i].offload |= packet_offload(link);
      }
      add_stats(&out[i].stats, &link->stats);
    }
  }
  switch_unlock(s);
  return n;
}

/* --- packets and events --- */

/* Waits while the ring is full; P4S_INVALID: too long to ever fit. */
EXPORT int p4s_inject(struct p4s_switch *s, uint32_t port, const uint8_t *data, uint32_t len) {
  if (port >= P4S_PORTS || len > P4S_MAX_FRAME) return P4S_INVALID;
  struct p4s_worker *w = port_worker(s, port);
  while (!ring_put(&w->in, P4S_REC_PACKET, port, data, len)) {
    worker_wake(w);
    usleep(50);
  }
  worker_wake(w);
  return P4S_OK;
}

/* Copy whole records into ``out``; returns the bytes used. */
static uint64_t take(struct p4s_ring *r, uint8_t *out, uint64_t room, uint32_t *limit) {
  uint64_t used = 0;
  const struct p4s_record *rec;
  while (*limit && (rec = ring_peek(r)) != NULL && used + rec->size <= room) {
    memcpy(out + used, rec, rec->size);
    used += rec->size;
    ring_pop(r);
    --*limit;
  }
  return used;
}

/* A descriptor that is readable when frames left by memory ports since the last p4s_collect; -1: none to be had. */
EXPORT int p4s_output_fd(struct p4s_switch *s) {
  switch_lock(s);
  if (s->out_fd < 0) s->out_fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
  switch_unlock(s);
  return s->out_fd;
}

EXPORT uint64_t p4s_collect(struct p4s_switch *s, uint8_t *out, uint64_t room) {
  uint32_t limit = UINT32_MAX;
  uint64_t count;
  if (s->out_fd >= 0 && read(s->out_fd, &count, sizeof count) < 0 && errno != EAGAIN) return 0;
  return take(&s->out, out, room, &limit);
}

EXPORT uint64_t p4s_poll(struct p4s_switch *s, uint8_t *out, uint64_t room, uint32_t limit) {
  uint64_t count, used;
  if (read(s->event_fd, &count, sizeof count) < 0 && errno != EAGAIN) return 0;
  used = take(&s->packets, out, room, &limit);
  used += take(&s->digests, out + used, room - used, &limit);
  used += take(&s->idles, out + used, room - used, &limit);
  if (!ring_empty(&s->packets) || !ring_empty(&s->digests) || !ring_empty(&s->idles)) {
    count = 1;
    if (write(s->event_fd, &count, sizeof count) < 0) return used; /* full counter: readable already */
  }
  return used;
}

EXPORT int p4s_event_fd(struct p4s_switch *s) { return s->event_fd; }

/* unknown port, backlog full, frame too long, packet-ins, digests and idle reports lost, asserts failed, frames received
 * with unfinished checksums, endless loops in actions, frames missing in captures */
EXPORT void p4s_drops(struct p4s_switch *s, uint64_t *out) {
  memset(out, 0, 10 * sizeof *out);
  switch_lock(s);
  for (uint32_t i = 0; i < s->nworkers; i++) {
    const struct p4s_worker *w = s->workers[i];
    out[0] += w->unknown_port;
    out[1] += w->backlog_dropped;
    out[2] += w->oversize;
    out[6] += w->ctx.failed_asserts;
    out[7] += w->partial_checksums;
    out[8] += w->ctx.runaways;
  }
  out[3] = s->packets.dropped;
  out[4] = s->digests.dropped;
  out[5] = s->idles.dropped;
  out[9] = s->pcap_dropped + (s->pcap ? pcap_dropped(s->pcap) : 0);
  switch_unlock(s);
}

/* --- tables --- */

int update_entry(struct p4s_switch *s, uint32_t table, const struct p4s_update *u, const uint8_t *bytes, uint64_t now) {
  struct p4s_table *t = &s->objects.tables[table];
  const uint8_t *key = bytes + u->key_at, *params = bytes + u->params_at;
  if (u->idle) switch_deadline(s, now + u->idle);
  if (u->kind == P4S_INSERT) return table_insert(t, key, u->action, params, u->priority, u->idle, u->cookie, now);
  if (u->kind == P4S_MODIFY) return table_modify(t, key, u->action, params, u->priority, u->idle, u->cookie, now);
  return table_delete(t, key, u->priority);
}

EXPORT int p4s_update(struct p4s_switch *s, uint32_t table, const struct p4s_update *u, const uint8_t *bytes) {
  switch_lock(s);
  const int rc = update_entry(s, table, u, bytes, p4s_clock());
  switch_unlock(s);
  return rc;
}

EXPORT uint32_t p4s_image_size(struct p4s_switch *s, uint32_t table) { return table_image_size(&s->objects.tables[table]); }

EXPORT int p4s_get(struct p4s_switch *s, uint32_t table, const uint8_t *key, int32_t priority, uint8_t *out) {
  int rc;
  switch_lock(s);
  struct p4s_table *t = &s->objects.tables[table];
  const uint32_t at = table_find(t, key, priority, &rc);
  if (at != P4S_NONE) table_image(t, at, p4s_clock(), out);
  switch_unlock(s);
  return rc;
}

/* Entries from position *at on, as many as fit; *at becomes P4S_NONE at the end. Returns the bytes used. */
EXPORT uint64_t p4s_entries(struct p4s_switch *s, uint32_t table, uint32_t *at, uint8_t *out, uint64_t room) {
  uint64_t used = 0;
  switch_lock(s);
  struct p4s_table *t = &s->objects.tables[table];
  const uint64_t now = p4s_clock();
  const uint32_t most = table_image_size(t);
  for (uint32_t n = 0; *at < t->high && used + most <= room && n < 4096; ++*at, n++)
    if (p4s_entry_at(t, *at)->action != P4S_NO_ACTION) used += table_image(t, *at, now, out + used);
  if (*at >= t->high) *at = P4S_NONE;
  switch_unlock(s);
  return used;
}

/* Bytes that one more entry costs, its share of the index and what ageing needs included. */
EXPORT uint32_t p4s_entry_bytes(struct p4s_switch *s, uint32_t table) { return table_entry_bytes(&s->objects.tables[table]); }

EXPORT uint32_t p4s_table_count(struct p4s_switch *s, uint32_t table) { return s->objects.tables[table].count; }

/* action UINT32_MAX: as the program has it, counter and meter included */
EXPORT int p4s_set_default(struct p4s_switch *s, uint32_t table, uint32_t action, const uint8_t *params) {
  switch_lock(s);
  struct p4s_table *t = &s->objects.tables[table];
  const bool reset = action == UINT32_MAX;
  const int rc = reset ? table_set_default(t, t->desc->default_action, t->desc->default_params)
                       : table_set_default(t, action, params);
  if (reset) t->fallback->packets = t->fallback->bytes = 0;
  if (reset && t->meters) memset(&t->meters[t->desc->size], 0, sizeof *t->meters);
  switch_unlock(s);
  return rc;
}

/* Returns the action's number or P4S_NO_ACTION. */
EXPORT uint32_t p4s_get_default(struct p4s_switch *s, uint32_t table, uint8_t *params) {
  switch_lock(s);
  const struct p4s_table *t = &s->objects.tables[table];
  const uint32_t action = t->fallback->action;
  unpack_params(t, t->fallback, params);
  switch_unlock(s);
  return action;
}

/* --- replication --- */

/* n 0 and replicas NULL: remove. which: 0 multicast group, 1 clone session. */
EXPORT int p4s_set_group(struct p4s_switch *s, int which, uint32_t id, const struct p4s_replica *replicas, uint32_t n,
                         uint32_t truncate) {
  struct p4s_group *made = NULL, *gone = NULL;
  if (replicas) {
    made = calloc(1, sizeof *made);
    if (!made || !(made->replicas = calloc(n + 1u, sizeof *replicas))) {
      free(made);
      return P4S_NO_MEMORY;
    }
    memcpy(made->replicas, replicas, n * sizeof *replicas);
    made->id = id;
    made->count = n;
    made->truncate = truncate;
  }
  switch_lock(s);
  struct p4s_group **at = which ? &s->clones : &s->groups;
  while (*at && (*at)->id != id) at = &(*at)->next;
  gone = *at;
  if (made) {
    made->next = gone ? gone->next : NULL;
    *at = made;
  } else if (gone) {
    *at = gone->next;
  }
  switch_unlock(s);
  if (gone) free(gone->replicas);
  free(gone);
  return made || gone ? P4S_OK : P4S_NOT_FOUND;
}

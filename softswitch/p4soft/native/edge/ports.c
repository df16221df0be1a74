/* Ports as the control plane sees them. */
#include "engine/lock.h"
#include "engine/wake.h"
#include "edge/packet.h"

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

/* Attach a port to an interface instead of the one that it had; its statistics go on. Results as of p4s_add_interface. */
EXPORT int p4s_reattach(struct p4s_switch *s, uint32_t number, const char *interface, int offload) {
  struct p4s_link links[P4S_MAX_WORKERS], gone[P4S_MAX_WORKERS];
  if (number >= P4S_PORTS || s->ports[number].kind != P4S_PORT_PACKET) return P4S_NOT_FOUND;
  const int rc = packet_open(s, number, links, interface, offload != 0);
  if (rc != P4S_OK) return rc;
  switch_lock(s);
  for (uint32_t i = 0; i < s->nworkers; i++) {
    struct p4s_link *link = &s->workers[i]->links[number];
    packet_lost(link);
    links[i].stats = link->stats;
    gone[i] = *link;
    *link = links[i];
  }
  switch_unlock(s);
  switch_wake(s); /* as p4s_remove_port */
  for (uint32_t i = 0; i < s->nworkers; i++) packet_close(&gone[i]);
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
    out[i].offload = out[i].gone = 0;
    for (uint32_t k = 0; k < s->nworkers; k++) {
      struct p4s_link *link = &s->workers[k]->links[port->number];
      if (link->packet) {
        packet_lost(link);
        out[i].offload |= packet_offload(link);
        out[i].gone |= !packet_attached(link);
      }
      add_stats(&out[i].stats, &link->stats);
    }
  }
  switch_unlock(s);
  return n;
}

/* The ports that packets were to leave by since the start, at a time when there was none such. */
EXPORT uint32_t p4s_missing_ports(struct p4s_switch *s, uint32_t *out, uint32_t room) {
  uint32_t n = 0;
  switch_lock(s);
  for (uint32_t number = 0; number < P4S_PORTS && n < room; number++) {
    bool missed = false;
    for (uint32_t i = 0; i < s->nworkers; i++) missed |= s->workers[i]->strangers[number / 64] >> number % 64 & 1;
    if (missed) out[n++] = number;
  }
  switch_unlock(s);
  return n;
}

/* Packets and events between the control plane and the packet threads. */
#include "engine/lock.h"
#include "engine/pcap.h"
#include "engine/wake.h"
#include "engine/worker.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Waits while the ring is full; P4S_INVALID: too long to ever fit. */
EXPORT int p4s_inject(struct p4s_switch *s, uint32_t port, const uint8_t *data, uint32_t len) {
  if (port >= P4S_PORTS || len > P4S_MAX_FRAME) return P4S_INVALID;
  struct p4s_worker *w = port_worker(s, port);
  if (worker_run_here(w, port, data, len)) return P4S_OK;
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

EXPORT void p4s_drops(struct p4s_switch *s, struct p4s_drops *out) {
  memset(out, 0, sizeof *out);
  switch_lock(s);
  for (uint32_t i = 0; i < s->nworkers; i++) {
    const struct p4s_worker *w = s->workers[i];
    out->unknown_port += w->unknown_port;
    out->backlog += w->backlog_dropped;
    out->oversize += w->oversize;
    out->failed_asserts += w->ctx.failed_asserts;
    out->partial_checksums += w->partial_checksums;
    out->runaways += w->ctx.runaways;
  }
  out->packet_ins = s->packets.dropped;
  out->digests = s->digests.dropped;
  out->idle_reports = s->idles.dropped;
  out->pcap = s->pcap_dropped + (s->pcap ? pcap_dropped(s->pcap) : 0);
  switch_unlock(s);
}

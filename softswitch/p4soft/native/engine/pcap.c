/* Captures: one pcap file per port and direction, written by a thread of its own.
 *
 * The packet threads put finished pcap records into a bounded ring and never wait for it: what does not fit is counted. */
#include "engine/pcap.h"
#include "engine/lock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define RING_BYTES (32u << 20)
#define MAGIC_NANOSECONDS 0xa1b23c4du
#define LINK_ETHERNET 1u
#define SNAPLEN 262144u

struct file_head {
  uint32_t magic;
  uint16_t major, minor;
  uint32_t zone, accuracy, snaplen, link;
};

struct packet_head {
  uint32_t seconds, nanoseconds, captured, length;
};

struct p4s_pcap {
  struct p4s_ring ring; /* aux: port * 2 + direction */
  int wake_fd;
  _Atomic bool fresh; /* something was put in since the writer was last woken */
  _Atomic bool sleeping, stop;
  pthread_t thread;
  pthread_mutex_t lock; /* of the files and the reading side of the ring; no packet thread takes it */
  pthread_mutex_t put; /* of the rest, for which workers take turns */
  FILE *files[P4S_PORTS][2];
  bool touched[P4S_PORTS][2];
  _Atomic uint64_t failed; /* records that could not be written */
  struct {
    struct packet_head head;
    uint8_t data[P4S_MAX_FRAME];
  } record;
};

void pcap_frame(struct p4s_pcap *p, uint32_t port, enum p4s_direction direction, const uint8_t *data, uint32_t len) {
  struct timespec t;
  if (port >= P4S_PORTS) return;
  pthread_mutex_lock(&p->put);
  if (len > P4S_MAX_FRAME) {
    p->ring.dropped++;
    pthread_mutex_unlock(&p->put);
    return;
  }
  clock_gettime(CLOCK_REALTIME, &t);
  p->record.head = (struct packet_head){(uint32_t)t.tv_sec, (uint32_t)t.tv_nsec, len, len};
  memcpy(p->record.data, data, len);
  const uint32_t size = (uint32_t)sizeof p->record.head + len;
  if (ring_put(&p->ring, P4S_REC_PACKET, port * 2 + (uint32_t)direction, &p->record, size)) atomic_store(&p->fresh, true);
  pthread_mutex_unlock(&p->put);
}

static void wake(struct p4s_pcap *p) {
  const uint64_t one = 1;
  if (write(p->wake_fd, &one, sizeof one) < 0) return; /* full counter: it wakes up anyway */
}

void pcap_wake(struct p4s_pcap *p) {
  if (!atomic_load(&p->fresh) || !atomic_exchange(&p->fresh, false)) return;
  atomic_thread_fence(memory_order_seq_cst); /* the record has to be visible before ``sleeping`` is read */
  if (atomic_load(&p->sleeping)) wake(p);
}

uint64_t pcap_dropped(const struct p4s_pcap *p) { return p->ring.dropped + atomic_load(&p->failed); }

/* Write out everything in the ring; the caller holds the lock of p. */
static void write_out(struct p4s_pcap *p) {
  const struct p4s_record *r;
  while ((r = ring_peek(&p->ring)) != NULL) {
    FILE *file = p->files[r->aux / 2][r->aux % 2];
    if (file) {
      if (fwrite(r + 1, r->len, 1, file) != 1) atomic_fetch_add(&p->failed, 1);
      p->touched[r->aux / 2][r->aux % 2] = true;
    }
    ring_pop(&p->ring);
  }
  for (uint32_t i = 0; i < P4S_PORTS; i++)
    for (uint32_t k = 0; k < 2; k++)
      if (p->touched[i][k]) {
        p->touched[i][k] = false;
        if (fflush(p->files[i][k]) != 0) atomic_fetch_add(&p->failed, 1);
      }
}

static void *writer_thread(void *arg) {
  struct p4s_pcap *p = arg;
  struct pollfd fd = {.fd = p->wake_fd, .events = POLLIN};
  uint64_t count;
  pthread_setname_np(pthread_self(), "p4soft-pcap");
  while (!atomic_load(&p->stop)) {
    pthread_mutex_lock(&p->lock);
    write_out(p);
    atomic_store(&p->sleeping, true);
    const bool empty = ring_empty(&p->ring); /* what came before ``sleeping`` was set did not wake us */
    pthread_mutex_unlock(&p->lock);
    if (empty && poll(&fd, 1, -1) > 0 && read(p->wake_fd, &count, sizeof count) < 0) continue;
    atomic_store(&p->sleeping, false);
  }
  return NULL;
}

static void close_files(struct p4s_pcap *p, uint32_t port) {
  for (uint32_t k = 0; k < 2; k++) {
    if (p->files[port][k] && fclose(p->files[port][k]) != 0) atomic_fetch_add(&p->failed, 1);
    p->files[port][k] = NULL;
  }
}

static void destroy(struct p4s_pcap *p) {
  ring_free(&p->ring);
  if (p->wake_fd >= 0) close(p->wake_fd);
  pthread_mutex_destroy(&p->lock);
  pthread_mutex_destroy(&p->put);
  free(p);
}

/* --- the control plane's side --- */

EXPORT int p4s_pcap_start(struct p4s_switch *s) {
  if (s->pcap) return P4S_EXISTS;
  struct p4s_pcap *p = calloc(1, sizeof *p);
  if (!p) return P4S_NO_MEMORY;
  pthread_mutex_init(&p->lock, NULL);
  pthread_mutex_init(&p->put, NULL);
  p->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (p->wake_fd < 0 || ring_init(&p->ring, RING_BYTES, false) != P4S_OK ||
      pthread_create(&p->thread, NULL, writer_thread, p) != 0) {
    destroy(p);
    return P4S_NO_MEMORY;
  }
  switch_lock(s);
  s->pcap = p;
  switch_unlock(s);
  return P4S_OK;
}

/* Write everything captured so far, close the files. Nothing happens if no capture runs. */
EXPORT void p4s_pcap_stop(struct p4s_switch *s) {
  switch_lock(s);
  struct p4s_pcap *p = s->pcap;
  s->pcap = NULL;
  switch_unlock(s);
  if (!p) return;
  atomic_store(&p->stop, true);
  wake(p);
  pthread_join(p->thread, NULL);
  write_out(p);
  for (uint32_t i = 0; i < P4S_PORTS; i++) close_files(p, i);
  switch_lock(s);
  s->pcap_dropped += pcap_dropped(p);
  switch_unlock(s);
  destroy(p);
}

/* Everything received (0) and sent (1) by the port goes to these files. On P4S_SYSTEM, errno tells why. */
EXPORT int p4s_pcap_open(struct p4s_switch *s, uint32_t port, const char *received, const char *sent) {
  const struct file_head head = {MAGIC_NANOSECONDS, 2, 4, 0, 0, SNAPLEN, LINK_ETHERNET};
  struct p4s_pcap *p = s->pcap;
  const char *paths[2] = {received, sent};
  FILE *files[2] = {NULL, NULL};
  if (!p || port >= P4S_PORTS) return P4S_INVALID;
  for (int k = 0; k < 2; k++) {
    files[k] = fopen(paths[k], "wbe");
    if (!files[k] || fwrite(&head, sizeof head, 1, files[k]) != 1 || fflush(files[k]) != 0) {
      const int e = errno;
      for (int i = 0; i <= k; i++)
        if (files[i]) fclose(files[i]);
      errno = e;
      return P4S_SYSTEM;
    }
  }
  pthread_mutex_lock(&p->lock);
  write_out(p);
  close_files(p, port);
  p->files[port][0] = files[0];
  p->files[port][1] = files[1];
  pthread_mutex_unlock(&p->lock);
  return P4S_OK;
}

/* Write what the port received and sent so far, close its files. */
EXPORT void p4s_pcap_close(struct p4s_switch *s, uint32_t port) {
  struct p4s_pcap *p = s->pcap;
  if (!p || port >= P4S_PORTS) return;
  pthread_mutex_lock(&p->lock);
  write_out(p);
  close_files(p, port);
  pthread_mutex_unlock(&p->lock);
}

/* Sending by an AF_XDP socket in copy mode: a frame is written to memory that the kernel knows, and a ring tells which. It
 * costs a fifth less than sendmmsg on an AF_PACKET socket and goes past the queueing discipline as well. Nothing is received
 * by it: that takes a program on the interface, and gains nothing over the ring of AF_PACKET, which also tells of VLAN
 * tags and unfinished checksums. */
#include "edge/xdp_tx.h"
#include "engine/memory.h"

#if __has_include(<linux/if_xdp.h>) && !defined P4S_NO_XDP

#include <errno.h>
#include <linux/if_xdp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAMES 1024u /* a power of two, and the size of both rings */
#define LEAST_FILL 64 /* the kernel wants a ring for receiving, which stays empty */
#define PAGE 4096u

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif

struct ring {
  uint32_t *producer, *consumer;
  void *entries, *map;
  size_t size;
};

struct xdp_tx {
  int fd;
  uint32_t frame; /* bytes of one */
  uint8_t *memory;
  struct ring sent, done; /* what is to be sent, and what has been */
  uint32_t counted; /* up to where ``sent`` has been counted */
  uint32_t nfree;
  uint64_t free[FRAMES]; /* offsets in ``memory`` */
};

static bool set(int fd, int option, const void *value, socklen_t size) {
  return setsockopt(fd, SOL_XDP, option, value, size) == 0;
}

static bool map_ring(struct ring *r, int fd, const struct xdp_ring_offset *o, off_t where, size_t entry) {
  r->size = o->desc + FRAMES * entry;
  r->map = mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, where);
  if (r->map == MAP_FAILED) {
    r->map = NULL;
    return false;
  }
  r->producer = (uint32_t *)(void *)((uint8_t *)r->map + o->producer);
  r->consumer = (uint32_t *)(void *)((uint8_t *)r->map + o->consumer);
  r->entries = (uint8_t *)r->map + o->desc;
  return true;
}

static bool prepare(struct xdp_tx *x, unsigned interface, uint32_t queue) {
  const int frames = FRAMES, fill = LEAST_FILL;
  struct xdp_mmap_offsets offsets;
  socklen_t size = sizeof offsets;
  x->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
  x->memory = p4s_map((size_t)FRAMES * x->frame);
  if (x->fd < 0 || !x->memory) return false;
  struct xdp_umem_reg memory;
  memset(&memory, 0, sizeof memory);
  memory.addr = (uintptr_t)x->memory;
  memory.len = (uint64_t)FRAMES * x->frame;
  memory.chunk_size = x->frame;
  if (!set(x->fd, XDP_UMEM_REG, &memory, sizeof memory) || !set(x->fd, XDP_UMEM_FILL_RING, &fill, sizeof fill) ||
      !set(x->fd, XDP_UMEM_COMPLETION_RING, &frames, sizeof frames) || !set(x->fd, XDP_TX_RING, &frames, sizeof frames))
    return false;
  /* Kernels before 5.4 know shorter offsets, and are not worth it. */
  if (getsockopt(x->fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size) < 0 || size != sizeof offsets) return false;
  if (!map_ring(&x->sent, x->fd, &offsets.tx, XDP_PGOFF_TX_RING, sizeof(struct xdp_desc)) ||
      !map_ring(&x->done, x->fd, &offsets.cr, (off_t)XDP_UMEM_PGOFF_COMPLETION_RING, sizeof(uint64_t)))
    return false;
  struct sockaddr_xdp address;
  memset(&address, 0, sizeof address);
  address.sxdp_family = AF_XDP;
  address.sxdp_flags = XDP_COPY;
  address.sxdp_ifindex = interface;
  address.sxdp_queue_id = queue;
  return bind(x->fd, (struct sockaddr *)&address, sizeof address) == 0;
}

struct xdp_tx *xdp_tx_open(unsigned interface, uint32_t queue, uint32_t largest) {
  if (largest > PAGE) return NULL;
  struct xdp_tx *x = calloc(1, sizeof *x);
  if (!x) return NULL;
  x->frame = largest > PAGE / 2 ? PAGE : PAGE / 2;
  for (uint32_t i = 0; i < FRAMES; i++) x->free[x->nfree++] = (uint64_t)i * x->frame;
  if (prepare(x, interface, queue)) return x;
  xdp_tx_close(x);
  return NULL;
}

void xdp_tx_close(struct xdp_tx *x) {
  if (x->fd >= 0) close(x->fd);
  if (x->sent.map) munmap(x->sent.map, x->sent.size);
  if (x->done.map) munmap(x->done.map, x->done.size);
  p4s_unmap(x->memory, (size_t)FRAMES * x->frame);
  free(x);
}

/* Take back the frames that have left. */
static void reclaim(struct xdp_tx *x) {
  const uint32_t end = __atomic_load_n(x->done.producer, __ATOMIC_ACQUIRE);
  uint32_t at = *x->done.consumer;
  for (; at != end; at++) x->free[x->nfree++] = ((const uint64_t *)x->done.entries)[at % FRAMES];
  __atomic_store_n(x->done.consumer, at, __ATOMIC_RELEASE);
}

bool xdp_tx_put(struct xdp_tx *x, const uint8_t *data, uint32_t len) {
  if (x->nfree == 0) reclaim(x);
  if (x->nfree == 0) return false;
  const uint64_t frame = x->free[--x->nfree];
  const uint32_t at = *x->sent.producer;
  memcpy(x->memory + frame, data, len);
  ((struct xdp_desc *)x->sent.entries)[at % FRAMES] = (struct xdp_desc){.addr = frame, .len = len};
  __atomic_store_n(x->sent.producer, at + 1, __ATOMIC_RELEASE);
  return true;
}

static bool count(struct xdp_tx *x, struct p4s_stats *stats) {
  const uint32_t end = __atomic_load_n(x->sent.consumer, __ATOMIC_ACQUIRE);
  const bool progress = x->counted != end;
  for (; x->counted != end; x->counted++) {
    stats->tx_packets++;
    stats->tx_bytes += ((const struct xdp_desc *)x->sent.entries)[x->counted % FRAMES].len;
  }
  return progress;
}

uint32_t xdp_tx_waiting(const struct xdp_tx *x) { return *x->sent.producer - x->counted; }

bool xdp_tx_flush(struct xdp_tx *x, struct p4s_stats *stats) {
  while (xdp_tx_waiting(x) > 0) {
    /* One call sends 32 frames; EAGAIN says that there are more, or that too many are under way. */
    const bool sent = sendto(x->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0;
    if (!sent && errno != EAGAIN && errno != EBUSY && errno != ENOBUFS && errno != EINTR) {
      count(x, stats);
      return false;
    }
    if (!count(x, stats)) break;
  }
  reclaim(x);
  return true;
}

#else

struct xdp_tx *xdp_tx_open(unsigned interface, uint32_t queue, uint32_t largest) {
  (void)interface, (void)queue, (void)largest;
  return NULL;
}

void xdp_tx_close(struct xdp_tx *x) { (void)x; }

bool xdp_tx_put(struct xdp_tx *x, const uint8_t *data, uint32_t len) {
  (void)x, (void)data, (void)len;
  return false;
}

bool xdp_tx_flush(struct xdp_tx *x, struct p4s_stats *stats) {
  (void)x, (void)stats;
  return false;
}

uint32_t xdp_tx_waiting(const struct xdp_tx *x) {
  (void)x;
  return 0;
}

#endif

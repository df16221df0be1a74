/* Byte rings: one consumer, one producer or several that take turns, records of whole words. */
#ifndef P4S_ENGINE_RING_H
#define P4S_ENGINE_RING_H

#include "engine/base.h"

#include <pthread.h>
#include <stdatomic.h>

struct p4s_ring {
  uint8_t *data;
  uint64_t capacity; /* a power of two */
  _Atomic uint64_t head, tail;
  uint64_t dropped;
  bool shared; /* there are several producers */
  pthread_mutex_t put;
};

int ring_init(struct p4s_ring *r, uint64_t capacity, bool shared);
void ring_free(struct p4s_ring *r);
bool ring_put(struct p4s_ring *r, uint32_t kind, uint32_t aux, const void *data, uint32_t len);
/* The next record, or NULL; it stays until ring_pop. */
const struct p4s_record *ring_peek(struct p4s_ring *r);
void ring_pop(struct p4s_ring *r);
bool ring_empty(struct p4s_ring *r);

#endif

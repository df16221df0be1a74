/* Byte rings between the packet threads and the control plane. Full rings drop: neither side ever waits for the other. */
#include "engine/ring.h"
#include "engine/memory.h"

int ring_init(struct p4s_ring *r, uint64_t capacity, bool shared) {
  r->capacity = capacity;
  r->data = p4s_map(capacity);
  if (!r->data) return P4S_NO_MEMORY;
  atomic_store(&r->head, 0);
  atomic_store(&r->tail, 0);
  r->dropped = 0;
  r->shared = shared;
  pthread_mutex_init(&r->put, NULL);
  return P4S_OK;
}

void ring_free(struct p4s_ring *r) {
  if (r->data) pthread_mutex_destroy(&r->put);
  p4s_unmap(r->data, r->capacity);
  r->data = NULL;
}

static bool put(struct p4s_ring *r, uint32_t kind, uint32_t aux, const void *data, uint32_t len) {
  const uint64_t size = (sizeof(struct p4s_record) + (uint64_t)len + 7) & ~UINT64_C(7);
  uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
  const uint64_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
  const uint64_t at = head & (r->capacity - 1), rest = r->capacity - at;
  const uint64_t skip = rest < size ? rest : 0; /* records do not wrap */
  if (r->capacity - (head - tail) < size + skip) {
    r->dropped++;
    return false;
  }
  if (skip) {
    struct p4s_record *gap = (struct p4s_record *)(void *)(r->data + at);
    gap->size = (uint32_t)skip;
    if (skip >= sizeof *gap) gap->kind = P4S_REC_SKIP;
    head += skip;
  }
  struct p4s_record *rec = (struct p4s_record *)(void *)(r->data + (head & (r->capacity - 1)));
  rec->size = (uint32_t)size;
  rec->kind = kind;
  rec->aux = aux;
  rec->len = len;
  memcpy(rec + 1, data, len);
  atomic_store_explicit(&r->head, head + size, memory_order_release);
  return true;
}

bool ring_put(struct p4s_ring *r, uint32_t kind, uint32_t aux, const void *data, uint32_t len) {
  if (!r->shared) return put(r, kind, aux, data, len);
  pthread_mutex_lock(&r->put);
  const bool done = put(r, kind, aux, data, len);
  pthread_mutex_unlock(&r->put);
  return done;
}

const struct p4s_record *ring_peek(struct p4s_ring *r) {
  for (;;) {
    const uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (tail == atomic_load_explicit(&r->head, memory_order_acquire)) return NULL;
    const uint64_t rest = r->capacity - (tail & (r->capacity - 1));
    const struct p4s_record *rec = (const struct p4s_record *)(const void *)(r->data + (tail & (r->capacity - 1)));
    if (rest >= sizeof *rec && rec->kind != P4S_REC_SKIP) return rec;
    atomic_store_explicit(&r->tail, tail + rest, memory_order_release);
  }
}

void ring_pop(struct p4s_ring *r) {
  const uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
  const struct p4s_record *rec = (const struct p4s_record *)(const void *)(r->data + (tail & (r->capacity - 1)));
  atomic_store_explicit(&r->tail, tail + rec->size, memory_order_release);
}

bool ring_empty(struct p4s_ring *r) { return ring_peek(r) == NULL; }

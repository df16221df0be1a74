/* Measuring the program alone: frames through it on the caller's thread, without ports, rings or a kernel. */
#include "engine/clock.h"
#include "engine/forward.h"
#include "engine/lock.h"
#include "engine/worker.h"

/* Run n frames of ``length`` bytes each as if ``port`` had received them; what leaves is thrown away. Returns nanoseconds. */
EXPORT uint64_t p4s_replay(struct p4s_switch *s, uint32_t port, const uint8_t *frames, uint32_t length, uint32_t n) {
  struct p4s_worker *w = s->workers[0];
  uint64_t spent = 0;
  for (uint32_t i = 0; i < n; i += P4S_BATCH) {
    struct p4s_frame batch[P4S_BATCH];
    uint32_t count = 0;
    for (; count < P4S_BATCH && i + count < n; count++)
      batch[count] = (struct p4s_frame){frames + (size_t)(i + count) * length, length, port};
    switch_lock(s);
    worker_time(w);
    const uint64_t start = w->ctx.now;
    forward_frames(w, batch, count);
    forward_backlog(w);
    spent += p4s_clock() - start;
    while (ring_peek(&s->out)) ring_pop(&s->out);
    switch_unlock(s);
  }
  return spent;
}

/* Idle entries. One is looked at once per time to live: if it was hit since, it goes to the slot of its new deadline
 * (wheel.h); else it is reported and waits for another time to live. */
#include "engine/age.h"
#include "engine/table.h"

#define LIMIT 256u /* entries per call, so that a mass expiry does not hold up traffic */

static void look_at(struct p4s_worker *w, uint32_t table, uint32_t index) {
  struct p4s_table *t = &w->ctx.objects.tables[table];
  struct p4s_cold *c = &t->cold[index];
  const uint64_t now = w->ctx.now, hit = p4s_hit_ns(p4s_entry_at(t, index));
  const uint64_t from = hit > c->reported ? hit : c->reported;
  wheel_disarm(t, index);
  if (now >= from + c->idle) {
    uint8_t image[sizeof(struct p4s_entry_image) + 32 * P4S_KEY_WORDS + P4S_MAX_PARAMS];
    const uint32_t len = table_image(t, index, now, image);
    /* A full ring loses the report, not the entry: it is due again after another time to live. */
    if (ring_put(&w->s->idles, P4S_REC_IDLE, table, image, len)) w->signal = true;
    c->reported = now;
    wheel_arm(t, index, now + c->idle);
  } else {
    wheel_arm(t, index, from + c->idle);
  }
}

uint32_t age_tables(struct p4s_worker *w) {
  const struct p4s_prog *prog = w->s->prog;
  const uint64_t tick = w->ctx.now / P4S_TICK;
  uint32_t seen = 0;
  if (!prog) return 0;
  for (uint32_t i = 0; i < prog->ntables; i++) {
    struct p4s_table *t = &w->ctx.objects.tables[i];
    struct p4s_wheel *wheel = t->wheel;
    if (!wheel || wheel->timed == 0) continue;
    for (; wheel->tick <= tick && seen < LIMIT; wheel->tick++) {
      const uint32_t slot = (uint32_t)(wheel->tick % P4S_SLOTS);
      while (wheel->heads[slot] != P4S_NONE && seen < LIMIT) {
        /* While this slot is emptied, new deadlines must not come back to it. */
        const uint32_t index = wheel->heads[slot];
        wheel->tick++;
        look_at(w, i, index);
        wheel->tick--;
        seen++;
      }
      if (wheel->heads[slot] != P4S_NONE) break;
    }
  }
  return seen;
}

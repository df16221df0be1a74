/* Idle entries: a timer wheel per table with ticks of 4 ms. An entry is looked at once per time to live: if it was hit
 * since, it goes to the slot of its new deadline; else it is reported and waits for another time to live. Deadlines
 * beyond the wheel's horizon (about 33 s) wait in the farthest slot. */
#include "engine/core.h"

#define LIMIT 256u /* entries per call, so that a mass expiry does not hold up traffic */

void wheel_arm(struct p4s_table *t, uint32_t index, uint64_t deadline) {
  struct p4s_wheel *w = t->wheel;
  uint64_t tick = deadline / P4S_TICK + 1;
  if (w->timed == 0) w->tick = p4s_clock() / P4S_TICK;
  if (tick < w->tick) tick = w->tick;
  if (tick > w->tick + P4S_SLOTS - 2) tick = w->tick + P4S_SLOTS - 2;
  struct p4s_cold *c = &t->cold[index];
  const uint32_t slot = (uint32_t)(tick % P4S_SLOTS);
  c->prev = P4S_FIRST | slot;
  c->next = w->heads[slot];
  if (c->next != P4S_NONE) t->cold[c->next].prev = index;
  w->heads[slot] = index;
  w->timed++;
}

void wheel_disarm(struct p4s_table *t, uint32_t index) {
  struct p4s_cold *c = &t->cold[index];
  if (c->prev == P4S_NONE) return;
  if (c->prev & P4S_FIRST)
    t->wheel->heads[c->prev & ~P4S_FIRST] = c->next;
  else
    t->cold[c->prev].next = c->next;
  if (c->next != P4S_NONE) t->cold[c->next].prev = c->prev;
  c->prev = P4S_NONE;
  t->wheel->timed--;
}

uint64_t wheel_wait(const struct p4s_table *t, uint64_t now) {
  const struct p4s_wheel *w = t->wheel;
  if (!w || w->timed == 0) return UINT64_MAX;
  for (uint64_t tick = w->tick; tick < w->tick + P4S_SLOTS; tick++)
    if (w->heads[tick % P4S_SLOTS] != P4S_NONE) {
      const uint64_t at = tick * P4S_TICK;
      return at > now ? at - now : 0;
    }
  return UINT64_MAX;
}

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

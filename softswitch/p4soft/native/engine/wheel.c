/* A timer wheel per table with ticks of 4 ms. Deadlines beyond its horizon (about 33 s) wait in the farthest slot. */
#include "engine/wheel.h"
#include "engine/clock.h"

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

/* The timer wheel of a table, and what it needs of an entry. */
#ifndef P4S_ENGINE_WHEEL_H
#define P4S_ENGINE_WHEEL_H

#include "engine/base.h"

/* What packets do not need of an entry. */
struct p4s_cold {
  uint64_t cookie, idle;
  uint64_t reported; /* when the entry was last reported idle, or inserted */
  uint32_t next; /* in a slot of the wheel, or in the free list */
  uint32_t prev; /* in a slot of the wheel; P4S_FIRST and the slot for the first one; P4S_NONE outside */
};

#define P4S_FIRST 0x80000000u

#define P4S_TICK UINT64_C(4000000) /* nanoseconds */
#define P4S_SLOTS 8192u

struct p4s_wheel {
  uint64_t tick; /* every slot before this tick was looked at */
  uint32_t timed;
  uint32_t heads[P4S_SLOTS];
};

void wheel_arm(struct p4s_table *t, uint32_t index, uint64_t deadline);
void wheel_disarm(struct p4s_table *t, uint32_t index);
/* Nanoseconds until the wheel wants to be run again; UINT64_MAX: never. */
uint64_t wheel_wait(const struct p4s_table *t, uint64_t now);

#endif

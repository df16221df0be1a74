/* Packets put together to a super-segment. */
#ifndef P4S_OFFLOAD_JOIN_H
#define P4S_OFFLOAD_JOIN_H

#include "edge/layers.h"
#include "edge/offload.h"
#include "engine/port.h"

struct join {
  struct layers at;
  uint64_t flow; /* a hash of the addresses and ports; 0: the frame has none, and nothing may pass it */
  uint32_t size, payload, packets; /* bytes of the first packet's payload, of all; how many there are */
  uint32_t seq; /* of the first */
  uint32_t origin; /* UDP: the super-segment that it was cut from */
  uint16_t id;
  bool open; /* others may follow, or it may follow others */
};

/* What a packet alone is. */
void join_begin(struct join *j, const struct joinable *p);
/* Whether it is worth waiting for others that follow it. */
bool join_opens(const struct join *j, const uint8_t *frame);
/* Whether ``next``, a packet alone, can follow; ``first`` has the headers of the whole. */
bool join_follows(const struct join *j, const uint8_t *first, const struct join *next, const uint8_t *frame);
void join_add(struct join *j, uint8_t *first, const struct join *next, const uint8_t *frame);
/* Make ``first`` the headers of the whole, and ``v`` what the kernel has to know of it. */
void join_finish(const struct join *j, uint8_t *first, vnet_t *v);

#endif

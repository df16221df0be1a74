/* A super-segment cut into its packets. */
#ifndef P4S_OFFLOAD_CUT_H
#define P4S_OFFLOAD_CUT_H

#include "edge/layers.h"
#include "edge/offload.h"
#include "engine/port.h"

struct cut {
  struct layers at;
  uint32_t size; /* bytes of payload of every packet but the last */
  uint32_t count, next; /* packets, and the number of the one whose turn it is */
  uint64_t sum; /* of the payload of the last packet made */
  uint16_t pseudo; /* sum of the super-segment's pseudo-header, and what was wrong with its checksum */
  bool summed; /* there is a checksum (UDP may be without) */
  bool ecn; /* CWR belongs to the first packet alone (RFC 3168); else it is a bit of AccECN's counter */
  uint8_t headers[OFFLOAD_HEADERS];
};

/* Returns the number of packets; 0: it is none of TCP or UDP, or does not agree with ``v``. */
uint32_t cut_begin(struct cut *c, const uint8_t *frame, uint32_t len, const vnet_t *v);
/* Where the payload of the next packet is in the frame, and how long it is. */
uint32_t cut_place(const struct cut *c, uint32_t *len);
/* Write the at.payload bytes of headers of the next packet, whose payload lies at ``payload``. */
void cut_next(struct cut *c, const uint8_t *payload, uint8_t *headers);

#endif

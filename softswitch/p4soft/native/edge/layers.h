/* Where the headers of a frame are, as far as offloads are concerned: Ethernet, 802.1Q, IPv4, IPv6, TCP, UDP. */
#ifndef P4S_LAYERS_H
#define P4S_LAYERS_H

#include "engine/base.h"

enum layers_protocol { LAYERS_TCP = 6, LAYERS_UDP = 17, LAYERS_SCTP = 132 };

/* Offsets from the start of the frame. */
struct layers {
  uint32_t l3, l4;
  uint32_t payload; /* what follows the header of TCP or UDP; other protocols: l4 */
  uint32_t end; /* of the IP packet; what follows is padding, or a trailer */
  uint8_t version; /* of IP: 4 or 6 */
  uint8_t protocol;
  bool bare; /* no tag, no IP option, no extension header */
  bool fragment;
};

/* False: no IP packet, or one whose headers do not fit into the frame, or whose lengths disagree. */
bool layers_find(struct layers *l, const uint8_t *frame, uint32_t len);
/* The sum (sum.h) of the pseudo-header, the segment being ``len`` bytes (RFC 9293, section 3.1; RFC 8200, section 8.1). */
uint64_t layers_pseudo(const struct layers *l, const uint8_t *frame, uint32_t len);

#endif

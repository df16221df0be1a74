/* The place of a packet that is forwarded from within a super-segment. */
#ifndef P4S_ENGINE_LEND_H
#define P4S_ENGINE_LEND_H

#include "engine/state.h"

/* Before a packet is put there: lend its headers' place from the payload of the one before it. */
void forward_lend(struct p4s_worker *w, uint8_t *headers, uint32_t len);
/* The packet has been forwarded. */
void forward_unlend(struct p4s_worker *w);
/* Give back for a while what was lent, and take it again. */
void forward_swap(struct p4s_worker *w);

#endif

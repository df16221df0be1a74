/* The way of a packet between ports and the program. */
#ifndef P4S_ENGINE_FORWARD_H
#define P4S_ENGINE_FORWARD_H

#include "engine/state.h"

/* Run one received frame through the program. */
void forward_frame(struct p4s_worker *w, uint32_t port, const uint8_t *data, uint32_t len);
/* The same for several; what their lookups touch is fetched ahead. At most P4S_BATCH. */
void forward_frames(struct p4s_worker *w, const struct p4s_frame *frames, uint32_t n);
/* Where a frame of up to P4S_MAX_FRAME bytes may be put to be forwarded without another copy, and forwarding it. */
uint8_t *forward_place(struct p4s_worker *w);
void forward_placed(struct p4s_worker *w, uint32_t port, uint8_t *data, uint32_t len);
/* The same for a packet of a super-segment, for whose headers the place was lent (lend.h). */
void forward_lent(struct p4s_worker *w, uint32_t port, const struct joinable *packet);
/* Run what is waiting between two passes; returns the number of packets. */
uint32_t forward_backlog(struct p4s_worker *w);
void forward_digest(struct p4s_ctx *c, uint32_t list, const uint8_t *data, uint32_t len);
void forward_clone_egress(struct p4s_ctx *c, struct p4s_pkt *p);

#endif

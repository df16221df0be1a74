/* Sending by an AF_XDP socket. */
#ifndef P4S_XDP_TX_H
#define P4S_XDP_TX_H

#include "engine/port.h"

struct xdp_tx;

/* NULL: not to be had here (kernel, privileges, frames of more than a page, no such queue, or one in use). */
struct xdp_tx *xdp_tx_open(unsigned interface, uint32_t queue, uint32_t largest);
void xdp_tx_close(struct xdp_tx *x);
/* Queue a copy of a frame. False: no room, because the kernel has not sent enough yet. */
bool xdp_tx_put(struct xdp_tx *x, const uint8_t *data, uint32_t len);
/* Let the kernel send what is queued, and count it. False: it cannot, and will not; what is queued is lost. */
bool xdp_tx_flush(struct xdp_tx *x, struct p4s_stats *stats);
/* Frames that are queued. */
uint32_t xdp_tx_waiting(const struct xdp_tx *x);

#endif

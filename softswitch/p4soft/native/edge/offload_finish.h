/* Checksums that the sender left to the interface. */
#ifndef P4S_OFFLOAD_FINISH_H
#define P4S_OFFLOAD_FINISH_H

#include "edge/offload.h"

/* Finish the checksum that ``v`` says is unfinished. False: it lies outside of the frame. */
bool offload_finish(uint8_t *frame, uint32_t len, const vnet_t *v);

#endif

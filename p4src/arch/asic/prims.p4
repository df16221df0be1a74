/* ASIC: what the core's controls ask the registers, straight from what those told, which saves a stage. */
#ifndef _ASIC_PRIMS_P4_
#define _ASIC_PRIMS_P4_

/* The segment acknowledges no data of the server. */
#define BEFORE_DATA (hdr.decision.answered == 1 && m.target.acks_first == 1)
/* The server has sent its SYN-ACK. */
#define SERVER_ANSWERED (m.target.seen & (bit<8>)SessionEvent.SYN_ACK != 0)

#endif

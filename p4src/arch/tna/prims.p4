/* TNA: what the core's tables call by another name on each target. */
#ifndef _TNA_PRIMS_P4_
#define _TNA_PRIMS_P4_

/* Of two tables, whichever hits: with no branch between them, other tables find room beside their parts. */
#define APPLY_EITHER(FIRST, SECOND) FIRST.apply(); SECOND.apply();
/* The segment acknowledges no data of the server: straight from the registers, which saves a stage. */
#define BEFORE_DATA (m.target.seen & (bit<8>)SessionEvent.SYN_ACK != 0 && m.target.acks_first == 1)
/* The server has sent its SYN-ACK. */
#define SERVER_ANSWERED (m.target.seen & (bit<8>)SessionEvent.SYN_ACK != 0)
#define IDLE_TIMEOUT idle_timeout = true;
#define DIRECT_COUNTER(ID, GLOBAL_NAME, NAME) @id(ID) @name(GLOBAL_NAME) DirectCounter<bit<32>>(CounterType_t.PACKETS_AND_BYTES) NAME;
#define DIRECT_COUNTERS(NAME) counters = NAME;
#define DIRECT_COUNT(NAME) NAME.count()

#endif

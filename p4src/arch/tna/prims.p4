/* TNA: what the core's tables call by another name on each target. */
#ifndef _TNA_PRIMS_P4_
#define _TNA_PRIMS_P4_

#define IDLE_TIMEOUT idle_timeout = true;
#define DIRECT_COUNTERS(NAME) counters = NAME;
#define DIRECT_COUNT(NAME) NAME.count()
#define DIRECT_COUNTER(ID, GLOBAL_NAME, NAME) @id(ID) @name(GLOBAL_NAME) DirectCounter<bit<32>>(COUNTED) NAME;

#if __TARGET_TOFINO__ == 1
#define COUNTED CounterType_t.PACKETS_AND_BYTES
/* Of two tables, whichever hits: with no branch between them, other tables find room beside their parts. */
#define APPLY_EITHER(FIRST, SECOND) FIRST.apply(); SECOND.apply();
#else
/* Bytes as well would take a stage more than there are. */
#define COUNTED CounterType_t.PACKETS
/* Of two tables, whichever hits: with a branch between them, both fit one stage. */
#define APPLY_EITHER(FIRST, SECOND) if (!FIRST.apply().hit) { SECOND.apply(); }
#endif

#endif

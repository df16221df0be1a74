/* v1model: what the core's tables call by another name on each target. */
#ifndef _V1MODEL_PRIMS_P4_
#define _V1MODEL_PRIMS_P4_

/* Of two tables, whichever hits. */
#define APPLY_EITHER(FIRST, SECOND) if (!FIRST.apply().hit) { SECOND.apply(); }
#define IDLE_TIMEOUT support_timeout = true;
#define DIRECT_COUNTER(ID, GLOBAL_NAME, NAME) @id(ID) @name(GLOBAL_NAME) direct_counter(CounterType.packets_and_bytes) NAME;
#define DIRECT_COUNTERS(NAME) counters = NAME;
#define DIRECT_COUNT(NAME) NAME.count()

#endif

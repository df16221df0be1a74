/* A switch as a whole. */
#ifndef P4S_ENGINE_SWITCH_H
#define P4S_ENGINE_SWITCH_H

#include "engine/state.h"

/* A switch without its packet threads; p4s_free ends it. NULL: out of memory or of descriptors. */
struct p4s_switch *switch_make(int32_t cpu_port, uint32_t workers, enum p4s_spread spread);

#endif

/* Multicast groups and clone sessions. */
#ifndef P4S_ENGINE_GROUPS_H
#define P4S_ENGINE_GROUPS_H

#include "engine/state.h"

/* NULL: there is none. */
const struct p4s_group *group_find(const struct p4s_group *list, uint32_t id);

#endif

/* Fetching what the lookups of frames are going to touch. */
#ifndef P4S_ENGINE_AHEAD_H
#define P4S_ENGINE_AHEAD_H

#include "engine/state.h"

void forward_look_ahead(struct p4s_worker *w, const struct p4s_frame *frames, uint32_t n);

#endif

/* What every part of the runtime needs: the ABI, what programs see, limits. */
#ifndef P4S_ENGINE_BASE_H
#define P4S_ENGINE_BASE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "abi/abi.h"
#include "program/p4s.h"

#define P4S_BUFFER 71680u /* bytes of a packet buffer: header storage, headroom and the largest frame */
#define P4S_MAX_FRAME 65600u
#define P4S_MAX_PARAMS 1024u
#define P4S_MAX_MATERIAL (4 * P4S_KEY_WORDS + 1)
#define P4S_NONE UINT32_MAX
#define P4S_BATCH 64u /* frames that are received at once */


#endif

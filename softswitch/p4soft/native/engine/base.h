/* What every part of the runtime needs: what is exported, errors, limits. */
#ifndef P4S_ENGINE_BASE_H
#define P4S_ENGINE_BASE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "program/p4s.h"

#define EXPORT __attribute__((visibility("default")))

enum p4s_error {
  P4S_OK = 0,
  P4S_EXISTS = -1,
  P4S_NOT_FOUND = -2,
  P4S_FULL = -3,
  P4S_INVALID = -4,
  P4S_NO_MEMORY = -5,
  P4S_SYSTEM = -6 /* errno tells */
};

#define P4S_BUFFER 71680u /* bytes of a packet buffer: header storage, headroom and the largest frame */
#define P4S_MAX_FRAME 65600u
#define P4S_MAX_PARAMS 1024u
#define P4S_MAX_MATERIAL (4 * P4S_KEY_WORDS + 1)
#define P4S_NONE UINT32_MAX
#define P4S_BATCH 64u /* frames that are received at once */

#define P4S_MAX_WORKERS 64u

#endif

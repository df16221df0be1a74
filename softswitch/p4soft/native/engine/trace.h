/* The log of single packets. */
#ifndef P4S_ENGINE_TRACE_H
#define P4S_ENGINE_TRACE_H

#include "engine/state.h"

__attribute__((format(printf, 3, 4))) void trace_line(struct p4s_ctx *c, const struct p4s_pkt *p, const char *format, ...);
/* Write out what a worker has told. */
void trace_flush(struct p4s_trace *t, uint32_t worker);
#define TRACE(w, ...)                                                                                                  \
  do {                                                                                                                 \
    if (P4_UNLIKELY((w)->s->trace != NULL)) trace_line(&(w)->ctx, __VA_ARGS__);                                        \
  } while (0)

#endif

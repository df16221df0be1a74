/* Decoding and applying P4Runtime WriteRequests. */
#ifndef P4S_WRITE_H
#define P4S_WRITE_H

#include "engine/base.h"

/* Who may write: a role and the election id of its primary. */
struct p4s_grant {
  uint64_t high, low;
  const char *role;
  uint32_t role_len;
};

/* What became of each update of a request, by its position. */
struct p4s_outcome {
  uint32_t count;
  const int32_t *results; /* enum p4s_error */
  const uint32_t *tables, *ids; /* the engine's numbers and the P4Info ids of their tables */
};

struct p4s_writer;

enum p4s_written { P4S_WRITTEN, P4S_SOME_FAILED, P4S_NOT_ORDINARY };

/* P4S_NOT_ORDINARY: nothing was changed. ``outcome`` is set if some updates failed, and holds until the next call. */
EXPORT int p4s_write(struct p4s_writer *w, const uint8_t *data, uint64_t len, struct p4s_outcome *outcome);

/* The same for several requests, which get to the tables together. First forget those before; then decode each, which
 * tells its number of updates, or -1 if it is not ordinary; apply them all; and ask what became of the updates. */
void writer_begin(struct p4s_writer *w);
int64_t writer_decode(struct p4s_writer *w, const uint8_t *data, uint64_t len);
void writer_apply(struct p4s_writer *w);
int writer_outcome(const struct p4s_writer *w, uint32_t first, uint32_t count, struct p4s_outcome *outcome);

#endif

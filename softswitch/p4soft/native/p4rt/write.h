/* Decoding and applying P4Runtime WriteRequests. */
#ifndef P4S_WRITE_H
#define P4S_WRITE_H

#include "engine/base.h"

struct p4s_writer;
struct wire_tables;

/* What ReadRequests are decoded against, the device they are for, and the switch it is. */
const struct wire_tables *writer_tables(const struct p4s_writer *w, uint64_t *device, struct p4s_switch **s);

/* Several requests, which get to the tables together. First forget those before; then decode each, which
 * tells its number of updates, or -1 if it is not ordinary; apply them all; and ask what became of the updates. */
void writer_begin(struct p4s_writer *w);
int64_t writer_decode(struct p4s_writer *w, const uint8_t *data, uint64_t len);
void writer_apply(struct p4s_writer *w);
int writer_outcome(const struct p4s_writer *w, uint32_t first, uint32_t count, struct p4s_outcome *outcome);

#endif

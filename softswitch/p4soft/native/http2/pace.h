/* How long a connection's requests may gather before they are read. */
#ifndef P4S_PACE_H
#define P4S_PACE_H

#include <stddef.h>
#include <stdint.h>

struct pace {
  uint64_t due; /* when what has come is read in any case; 0: at once */
  uint32_t wanted, least; /* requests that are waited for, and bytes that wake us */
  uint64_t since, counted; /* requests since then */
  uint64_t gap; /* nanoseconds from request to request, lately */
  uint64_t grow_at; /* more may be waited for from now on */
  uint64_t missed, off, off_until; /* the last wait in vain; none for so long after too many, which is until this time */
  uint32_t good; /* waits that were not in vain */
};

/* So many requests with so many bytes were read; ``fd`` wakes us for the next ones when it should. */
void pace_after(struct pace *p, int fd, uint32_t requests, size_t bytes, uint64_t now);

#endif

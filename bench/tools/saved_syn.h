/* What the SYN of a connection said, as the kernel keeps it (TCP_SAVE_SYN, no kernel module). */
#ifndef SAVED_SYN_H
#define SAVED_SYN_H

#include <stdbool.h>
#include <stdint.h>

#include "endpoint.h"

/* The client by the first TOA option, and how many of those there were. */
struct toa {
    union endpoint client;
    unsigned options;
};

/* Have the kernel keep the SYNs of connections to a listening socket. */
void save_syns(int listener);
/* ``stale_isn``: the SYN's sequence number is not above the last one of the same peer address and port. */
void read_saved_syn(int fd, const union endpoint *peer, struct toa *toa, bool *stale_isn);

#endif

/* Where answers go: a program sends them to the client that it was told of, and they have to go to where its datagram came
 * from, a local address of the balancer. */
#ifndef REPLIES_H
#define REPLIES_H

#include "toa.h"

/* Room for all clients; once, before any other call. False: nothing will be kept. */
bool replies_init(void);

/* What the socket `cookie` was told to come from `told` came from `real`. Of too many, the oldest is forgotten. */
void replies_put(uint64_t cookie, const struct toa_client *told, const struct toa_client *real);

/* Whether there may be anything for `told`, of any socket: cheap. */
bool replies_may_know(const struct toa_client *told);

/* Where `told` is reached from the socket `cookie`; 0: where it was reached last, from whichever. False: it is not known. */
bool replies_get(uint64_t cookie, const struct toa_client *told, struct toa_client *real);

#endif

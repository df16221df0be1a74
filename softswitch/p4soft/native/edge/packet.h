/* Network interfaces as ports. */
#ifndef P4S_PACKET_H
#define P4S_PACKET_H

#include "engine/state.h"

/* How the packet threads use them. */
extern const struct p4s_port_ops packet_ops;

/* One link of every worker to an interface, in the order of the workers; ``offload``: cut and join super-segments.
 * P4S_SYSTEM: errno tells. */
int packet_open(struct p4s_switch *s, uint32_t port, struct p4s_link *links, const char *interface, bool offload);
uint32_t packet_offload(const struct p4s_link *link); /* enum p4s_offload */
/* False once the interface has been deleted, or has gone to another namespace; one of the same name is another. */
bool packet_attached(const struct p4s_link *link);
void packet_close(struct p4s_link *link);
/* Count what the kernel dropped since the last call. */
void packet_lost(struct p4s_link *link);

#endif

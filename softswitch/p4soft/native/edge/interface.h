/* What the kernel says of a network interface. */
#ifndef P4S_INTERFACE_H
#define P4S_INTERFACE_H

#include <stdbool.h>
#include <stdint.h>

/* False: errno tells. */
bool interface_mtu(const char *interface, uint32_t *mtu);
/* Whether it takes TCP segments larger than the MTU (TSO). */
bool interface_segments(const char *interface);
/* Whether what is sent gets to the device at once, past no queue ("noqueue": veth, bridges, tunnels). */
bool interface_unqueued(unsigned index);

#endif

/* Receiving from a network interface. */
#ifndef P4S_PACKET_RX_H
#define P4S_PACKET_RX_H

#include "edge/packet_port.h"

/* Forward what has come by the port; returns the number of packets. */
uint32_t packet_receive(struct p4s_worker *w, uint32_t port);

#endif

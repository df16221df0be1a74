/* Sending by a network interface. */
#ifndef P4S_PACKET_TX_H
#define P4S_PACKET_TX_H

#include "edge/packet_port.h"

int packet_tx_open(struct p4s_packet_port *p);
/* What messages are made in; packet_tx_open does it. */
int packet_tx_memory(struct p4s_packet_port *p);
void packet_tx_close(struct p4s_packet_port *p);
/* Send all that has pieces of the super-segment that was forwarded. */
void packet_return(struct p4s_worker *w);

void packet_send(struct p4s_worker *w, uint32_t port, const struct joinable *packet);
/* Returns the number of frames that could not leave yet and have to be flushed again. */
uint32_t packet_flush(struct p4s_link *link);

#endif

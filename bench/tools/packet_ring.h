/* A network interface by AF_PACKET memory-mapped rings (TPACKET_V2), receive and transmit. */
#ifndef PACKET_RING_H
#define PACKET_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_FRAME_BYTES 2048u
#define RING_PACKET_BYTES 1900u /* longest packet that fits a frame beside its header */

struct packet_ring {
    int fd, interface;
    unsigned frames, rx_next, tx_next;
    size_t mapped;
    unsigned char *rx, *tx;
};

/* Open the interface with rings of `frames` frames each (even). Exits with a message when it cannot. */
void ring_open(struct packet_ring *ring, const char *interface, unsigned frames);
void ring_close(struct packet_ring *ring);

/* The oldest received packet, or NULL; it stays valid until ring_release. */
unsigned char *ring_receive(struct packet_ring *ring, size_t *length);
void ring_release(struct packet_ring *ring);

/* Room for the next packet to send, or NULL while the ring is full; ring_commit queues it, ring_flush sends the queue. */
unsigned char *ring_reserve(struct packet_ring *ring);
void ring_commit(struct packet_ring *ring, size_t length);
void ring_flush(struct packet_ring *ring);

/* Queue again what the next frame already holds, in the place that ring_reserve told. */
void ring_recommit(struct packet_ring *ring);

#endif

/* Packets as interfaces with offloads have them, and as a wire would: checksums that the sender left to the interface, and
 * super-segments, which stand for several packets. Nothing here knows of sockets.
 *
 * The rules are those of Linux: __skb_gso_segment and tcp_gso_segment for cutting, inet_gro_receive and tcp_gro_receive
 * for putting together; the header is that of virtio (section 5.1.6 of its specification), which AF_PACKET has too. */
#ifndef P4S_OFFLOAD_H
#define P4S_OFFLOAD_H

#include <linux/virtio_net.h>

#include "edge/layers.h"

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define OFFLOAD_HEADERS 384u /* bytes: more headers than that are left alone */

/* In the machine's own byte order. */
typedef struct virtio_net_hdr vnet_t;

/* Finish the checksum that ``v`` says is unfinished. False: it lies outside of the frame. */
bool offload_finish(uint8_t *frame, uint32_t len, const vnet_t *v);

/* --- a super-segment cut into its packets --- */

struct cut {
  struct layers at;
  uint32_t size; /* bytes of payload of every packet but the last */
  uint32_t count, next; /* packets, and the number of the one whose turn it is */
  uint64_t sum; /* of the payload of the last packet made */
  uint16_t pseudo; /* sum of the super-segment's pseudo-header, and what was wrong with its checksum */
  bool summed; /* there is a checksum (UDP may be without) */
  bool ecn; /* CWR belongs to the first packet alone (RFC 3168); else it is a bit of AccECN's counter */
  uint8_t headers[OFFLOAD_HEADERS];
};

/* Returns the number of packets; 0: it is none of TCP or UDP, or does not agree with ``v``. */
uint32_t cut_begin(struct cut *c, const uint8_t *frame, uint32_t len, const vnet_t *v);
/* Where the payload of the next packet is in the frame, and how long it is. */
uint32_t cut_place(const struct cut *c, uint32_t *len);
/* Write the at.payload bytes of headers of the next packet, whose payload lies at ``payload``. */
void cut_next(struct cut *c, const uint8_t *payload, uint8_t *headers);

/* --- packets put together to a super-segment --- */

struct join {
  struct layers at;
  uint64_t flow; /* a hash of the addresses and ports; 0: the frame has none, and nothing may pass it */
  uint32_t size, payload, packets; /* bytes of the first packet's payload, of all; how many there are */
  uint32_t seq; /* of the first */
  uint32_t origin; /* UDP: the super-segment that it was cut from */
  uint16_t id;
  bool open; /* others may follow, or it may follow others */
};

/* A packet that leaves, and what is known of it. */
struct joinable {
  const uint8_t *frame;
  uint32_t len;
  uint32_t origin; /* the super-segment that it was cut from; 0: none */
  bool known; /* the bytes from ``payload`` on have the sum ``sum`` */
  uint32_t payload;
  uint64_t sum;
};

/* What a packet alone is. */
void join_begin(struct join *j, const struct joinable *p);
/* Whether it is worth waiting for others that follow it. */
bool join_opens(const struct join *j, const uint8_t *frame);
/* Whether ``next``, a packet alone, can follow; ``first`` has the headers of the whole. */
bool join_follows(const struct join *j, const uint8_t *first, const struct join *next, const uint8_t *frame);
void join_add(struct join *j, uint8_t *first, const struct join *next, const uint8_t *frame);
/* Make ``first`` the headers of the whole, and ``v`` what the kernel has to know of it. */
void join_finish(const struct join *j, uint8_t *first, vnet_t *v);

#endif

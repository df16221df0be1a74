/* Packets as interfaces with offloads have them, and as a wire would: checksums that the sender left to the interface, and
 * super-segments, which stand for several packets. Nothing here knows of sockets.
 *
 * The rules are those of Linux: __skb_gso_segment and tcp_gso_segment for cutting, inet_gro_receive and tcp_gro_receive
 * for putting together; the header is that of virtio (section 5.1.6 of its specification), which AF_PACKET has too. */
#ifndef P4S_OFFLOAD_H
#define P4S_OFFLOAD_H

#include "engine/base.h"

#include <linux/virtio_net.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

/* In the machine's own byte order. */
typedef struct virtio_net_hdr vnet_t;

#endif

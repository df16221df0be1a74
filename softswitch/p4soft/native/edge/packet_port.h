/* A network interface as a port of one worker: packet.c opens it, packet_rx.c receives, packet_tx.c sends. */
#ifndef P4S_PACKET_PORT_H
#define P4S_PACKET_PORT_H

#include "engine/state.h"
#include "edge/offload_join.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#define RX_BYTES (8u << 20)
#define TX_BATCH 64u
#define TX_PIECES 24u /* of a super-segment, whose payload is gathered from where it is */
#define VLAN_BYTES 4u
#define GIVE_UP 16u /* super-segments refused in a row, after which no more are made */

/* A packet that is to be sent, or several put together. */
struct message {
  vnet_t vnet;
  struct join join;
  uint8_t *first; /* the first packet's headers, in ``staging`` */
  uint32_t pieces, bytes;
  struct iovec vectors[TX_PIECES + 1];
};

struct xdp_tx;

struct p4s_packet_port {
  int rx_fd, tx_fd; /* rx_fd -1: it only sends */
  uint8_t *ring;
  uint32_t frame_size, frame_count, next;
  uint32_t largest; /* frame that may be sent */
  bool vnet; /* packets have a virtio header */
  bool cuts; /* super-segments are received */
  bool joins; /* and sent: the sending socket has virtio headers as well */
  bool unqueued; /* the kernel itself cuts what the interface does not take; else only if asked to queue it */
  uint32_t refused; /* super-segments in a row */

  uint32_t pending;
  struct message *messages; /* TX_BATCH */
  struct mmsghdr *heads; /* the same for the kernel */
  uint8_t *staging; /* TX_BATCH frames of ``largest`` bytes */
  uint32_t staged; /* bytes in use */
  uint8_t *whole; /* a super-segment that has to be cut again */
  struct p4s_packet_port *borrower; /* the next one whose messages have pieces of the super-segment being forwarded */
  struct p4s_link *link; /* whose statistics count for those */
  bool borrows;

  struct xdp_tx *xdp; /* NULL: send by tx_fd */
  bool xdp_lost; /* it failed; worth another try when the interface sends again */
  unsigned index; /* of the interface */
  uint32_t queue; /* of the interface, to send by */
};

#endif

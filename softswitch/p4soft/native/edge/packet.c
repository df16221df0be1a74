/* Network interfaces as ports: an AF_PACKET socket with a memory-mapped ring to receive (packet_rx.c), and one that sends in
 * batches (packet_tx.c). What the host itself sends on the interface is not received. VLAN tags that the kernel took out are
 * put back.
 *
 * Both sockets have virtio headers (PACKET_VNET_HDR), which tell of checksums that the sender left to the interface and of
 * super-segments. The frames of the ring are as long as the interface's MTU needs; the kernel keeps what is longer for
 * the socket to fetch (PACKET_COPY_THRESH).
 *
 * Every worker has sockets of its own. One of them receives, or all do (P4S_BY_FLOW): then their rings are a PACKET_FANOUT
 * group, in which the kernel chooses by a hash of addresses, protocol and ports that is the same for both directions. */
#include "edge/packet.h"
#include "edge/interface.h"
#include "edge/packet_rx.h"
#include "edge/packet_tx.h"
#include "engine/worker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define KEPT_BYTES (32 << 20) /* of frames that do not fit into the ring's */

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif
#ifndef PACKET_FANOUT_FLAG_UNIQUEID
#define PACKET_FANOUT_FLAG_UNIQUEID 0x2000
#endif
#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

static int attach(int fd, unsigned index, int protocol) {
  struct sockaddr_ll ll = {.sll_family = AF_PACKET, .sll_protocol = htons((uint16_t)protocol), .sll_ifindex = (int)index};
  return bind(fd, (struct sockaddr *)&ll, sizeof ll);
}

/* Receive nothing until the socket has joined its group: it would get what others get. */
static bool be_quiet(int fd) {
  struct sock_filter nothing = {.code = BPF_RET | BPF_K, .k = 0};
  const struct sock_fprog program = {.len = 1, .filter = &nothing};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

/* Kernels before 4.6 have no virtio headers beside a ring. */
static void take_offloads(struct p4s_packet_port *p) {
  const int on = 1, bytes = KEPT_BYTES;
  p->vnet = setsockopt(p->rx_fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) == 0;
  p->cuts = p->cuts && p->vnet && setsockopt(p->rx_fd, SOL_PACKET, PACKET_COPY_THRESH, &on, sizeof on) == 0;
  if (p->cuts && setsockopt(p->rx_fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
    (void)setsockopt(p->rx_fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes); /* up to what the system allows everybody */
}

static int open_rx(struct p4s_packet_port *p, unsigned index, bool quiet) {
  const int version = TPACKET_V2, on = 1;
  const uint32_t block = p->frame_size > 65536 ? p->frame_size : 65536;
  struct packet_mreq promiscuous = {.mr_ifindex = (int)index, .mr_type = PACKET_MR_PROMISC};
  struct tpacket_req req = {.tp_block_size = block,
                            .tp_block_nr = RX_BYTES / block,
                            .tp_frame_size = p->frame_size,
                            .tp_frame_nr = RX_BYTES / block * (block / p->frame_size)};
  p->rx_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (p->rx_fd < 0) return P4S_SYSTEM;
  if (setsockopt(p->rx_fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) < 0) return P4S_SYSTEM;
  take_offloads(p);
  /* Kernels before 4.20 lack this; sll_pkttype is checked as well. */
  (void)setsockopt(p->rx_fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
  if (setsockopt(p->rx_fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof req) < 0) return P4S_SYSTEM;
  p->frame_count = req.tp_frame_nr;
  void *ring = mmap(NULL, RX_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, p->rx_fd, 0);
  if (ring == MAP_FAILED) return P4S_SYSTEM;
  p->ring = ring;
  if (setsockopt(p->rx_fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous) < 0) return P4S_SYSTEM;
  if (quiet && !be_quiet(p->rx_fd)) return P4S_SYSTEM;
  return attach(p->rx_fd, index, ETH_P_ALL) < 0 ? P4S_SYSTEM : P4S_OK;
}

/* Join the group, which the first one founds. */
static int join(int fd, int *group) {
  socklen_t size = sizeof *group;
  const int mode = PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_UNIQUEID | PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
  if (*group != 0) return setsockopt(fd, SOL_PACKET, PACKET_FANOUT, group, size) < 0 ? P4S_SYSTEM : P4S_OK;
  *group = mode << 16;
  if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, group, size) < 0) return P4S_SYSTEM;
  return getsockopt(fd, SOL_PACKET, PACKET_FANOUT, group, &size) < 0 ? P4S_SYSTEM : P4S_OK;
}

static void destroy(struct p4s_packet_port *p) {
  packet_tx_close(p);
  if (p->ring) munmap(p->ring, RX_BYTES);
  if (p->rx_fd >= 0) close(p->rx_fd);
  free(p);
}

/* What a worker receives by a port. */
enum share { NOTHING, FLOWS, ALL };

static int open_link(struct p4s_link *link, const char *interface, uint32_t queue, enum share share, bool offload) {
  const unsigned index = if_nametoindex(interface);
  uint32_t mtu = 0;
  if (index == 0 || !interface_mtu(interface, &mtu)) return P4S_SYSTEM;
  struct p4s_packet_port *p = calloc(1, sizeof *p);
  if (!p) return P4S_NO_MEMORY;
  p->rx_fd = p->tx_fd = -1;
  p->index = index;
  p->queue = queue;
  p->largest = mtu + ETH_HLEN + VLAN_BYTES;
  p->cuts = offload;
  p->unqueued = interface_unqueued(index);
  p->joins = offload && (p->unqueued || interface_segments(interface));
  for (p->frame_size = 2048; p->frame_size < mtu + 192 && p->frame_size < 131072;) p->frame_size <<= 1;
  int rc = share == NOTHING ? P4S_OK : open_rx(p, index, share == FLOWS);
  if (rc == P4S_OK) rc = packet_tx_open(p);
  if (rc != P4S_OK) {
    const int e = errno;
    destroy(p);
    errno = e;
    return rc;
  }
  link->packet = p;
  link->ops = &packet_ops;
  return P4S_OK;
}

/* One group of all links, which receive from now on. */
static int spread(struct p4s_link *links, uint32_t n) {
  const int none = 0;
  int group = 0;
  for (uint32_t i = 0; i < n; i++)
    if (join(links[i].packet->rx_fd, &group) != P4S_OK) return P4S_SYSTEM;
  for (uint32_t i = 0; i < n; i++)
    if (setsockopt(links[i].packet->rx_fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof none) < 0) return P4S_SYSTEM;
  return P4S_OK;
}

int packet_open(struct p4s_switch *s, uint32_t port, struct p4s_link *links, const char *interface, bool offload) {
  const bool by_flow = s->nworkers > 1 && s->spread == P4S_BY_FLOW;
  int rc = P4S_OK;
  memset(links, 0, s->nworkers * sizeof *links);
  for (uint32_t i = 0; i < s->nworkers && rc == P4S_OK; i++)
    rc = open_link(&links[i], interface, i, by_flow ? FLOWS : port_worker(s, port)->index == i ? ALL : NOTHING,
                   offload);
  if (rc == P4S_OK && by_flow) rc = spread(links, s->nworkers);
  if (rc == P4S_OK) return P4S_OK;
  const int e = errno;
  for (uint32_t i = 0; i < s->nworkers; i++) packet_close(&links[i]);
  errno = e;
  return rc;
}

void packet_close(struct p4s_link *link) {
  if (link->packet) destroy(link->packet);
  link->packet = NULL;
}

static int descriptor(const struct p4s_link *link) { return link->packet->rx_fd; }

const struct p4s_port_ops packet_ops = {packet_receive, packet_send, packet_flush, descriptor, packet_close};

uint32_t packet_offload(const struct p4s_link *link) {
  const struct p4s_packet_port *p = link->packet;
  return (p->vnet ? P4S_FINISHES : 0) | (p->cuts ? P4S_CUTS : 0) | (p->joins && p->refused < GIVE_UP ? P4S_JOINS : 0);
}

/* The kernel then takes the socket off it (NETDEV_UNREGISTER). */
bool packet_attached(const struct p4s_link *link) {
  struct sockaddr_ll where;
  socklen_t size = sizeof where;
  return getsockname(link->packet->tx_fd, (struct sockaddr *)&where, &size) == 0 && where.sll_ifindex > 0;
}

/* The kernel counts what did not fit into the receive ring, and forgets it when asked. */
void packet_lost(struct p4s_link *link) {
  struct tpacket_stats stats;
  socklen_t size = sizeof stats;
  if (link->packet->rx_fd >= 0 &&
      getsockopt(link->packet->rx_fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0)
    link->stats.rx_dropped += stats.tp_drops;
}

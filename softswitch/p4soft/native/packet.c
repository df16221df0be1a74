/* Network interfaces as ports: AF_PACKET sockets with memory-mapped rings, one to receive and one to send.
 *
 * The sending socket is bound to no protocol, so that it receives nothing, and goes past the queueing discipline. What
 * the host itself sends on the interface is not received. VLAN tags that the kernel took out are put back. */
#include "core.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define RX_BATCH 64u
#define RX_BYTES (8u << 20)
#define TX_BYTES (4u << 20)
#define VLAN_BYTES 4u
#define TX_DATA (TPACKET2_HDRLEN - sizeof(struct sockaddr_ll))

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

struct frames {
  int fd;
  uint8_t *data;
  uint32_t size, count, next;
};

struct p4s_packet_port {
  struct frames rx, tx;
  uint32_t largest; /* frame that may be sent */
  uint32_t pending;
};

static int fail(int fd) {
  const int e = errno;
  if (fd >= 0) close(fd);
  errno = e;
  return P4S_SYSTEM;
}

static struct tpacket2_hdr *frame(const struct frames *f) {
  return (struct tpacket2_hdr *)(void *)(f->data + (size_t)f->size * f->next);
}

static void advance(struct frames *f) {
  if (++f->next == f->count) f->next = 0;
}

static int open_ring(struct frames *f, int kind, uint32_t frame_size, uint32_t bytes, int index, int protocol) {
  const int version = TPACKET_V2, on = 1;
  const uint32_t block = frame_size > 65536 ? frame_size : 65536;
  struct tpacket_req req = {.tp_block_size = block,
                            .tp_block_nr = bytes / block,
                            .tp_frame_size = frame_size,
                            .tp_frame_nr = bytes / block * (block / frame_size)};
  f->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (f->fd < 0) return P4S_SYSTEM;
  if (setsockopt(f->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) < 0) return fail(f->fd);
  if (kind == PACKET_TX_RING) {
    if (setsockopt(f->fd, SOL_PACKET, PACKET_LOSS, &on, sizeof on) < 0) return fail(f->fd);
    /* Old kernels lack the next two options; they are slower or need the check of sll_pkttype below. */
    (void)setsockopt(f->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
  } else {
    (void)setsockopt(f->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
  }
  if (setsockopt(f->fd, SOL_PACKET, kind, &req, sizeof req) < 0) return fail(f->fd);
  f->size = frame_size;
  f->count = req.tp_frame_nr;
  void *p = mmap(NULL, (size_t)f->size * f->count, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
  if (p == MAP_FAILED) return fail(f->fd);
  f->data = p;
  struct sockaddr_ll ll = {.sll_family = AF_PACKET, .sll_protocol = htons((uint16_t)protocol), .sll_ifindex = index};
  if (bind(f->fd, (struct sockaddr *)&ll, sizeof ll) < 0) {
    munmap(p, (size_t)f->size * f->count);
    return fail(f->fd);
  }
  return P4S_OK;
}

static void close_ring(struct frames *f) {
  munmap(f->data, (size_t)f->size * f->count);
  close(f->fd);
}

static int interface_mtu(const char *interface, uint32_t *mtu) {
  struct ifreq request;
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return P4S_SYSTEM;
  memset(&request, 0, sizeof request);
  strncpy(request.ifr_name, interface, sizeof request.ifr_name - 1);
  if (ioctl(fd, SIOCGIFMTU, &request) < 0) return fail(fd);
  *mtu = (uint32_t)request.ifr_mtu;
  close(fd);
  return P4S_OK;
}

int packet_open(struct p4s_port *port, const char *interface) {
  const unsigned index = if_nametoindex(interface);
  uint32_t mtu = 0, size = 2048;
  if (index == 0 || interface_mtu(interface, &mtu) != P4S_OK) return P4S_SYSTEM;
  struct p4s_packet_port *p = calloc(1, sizeof *p);
  if (!p) return P4S_NO_MEMORY;
  while (size < mtu + 192 && size < 131072) size <<= 1;
  p->largest = mtu + ETH_HLEN + VLAN_BYTES;
  int rc = open_ring(&p->rx, PACKET_RX_RING, size, RX_BYTES, (int)index, ETH_P_ALL);
  if (rc == P4S_OK) {
    struct packet_mreq request = {.mr_ifindex = (int)index, .mr_type = PACKET_MR_PROMISC};
    if (setsockopt(p->rx.fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request) < 0) rc = P4S_SYSTEM;
    if (rc == P4S_OK) rc = open_ring(&p->tx, PACKET_TX_RING, size, TX_BYTES, (int)index, 0);
    if (rc != P4S_OK) {
      const int e = errno;
      close_ring(&p->rx);
      errno = e;
    }
  }
  if (rc != P4S_OK) {
    free(p);
    return rc;
  }
  port->packet = p;
  return P4S_OK;
}

void packet_close(struct p4s_port *port) {
  close_ring(&port->packet->rx);
  close_ring(&port->packet->tx);
  free(port->packet);
  port->packet = NULL;
}

int packet_fd(const struct p4s_port *port) { return port->packet->rx.fd; }

/* The frame with its VLAN tag back in place. */
static void receive_tagged(struct p4s_switch *s, const struct p4s_port *port, const struct tpacket2_hdr *h,
                           const uint8_t *data) {
  uint8_t whole[P4S_MAX_FRAME];
  const uint16_t tpid = h->tp_status & TP_STATUS_VLAN_TPID_VALID ? h->tp_vlan_tpid : ETH_P_8021Q;
  if (h->tp_snaplen < 12 || h->tp_snaplen + VLAN_BYTES > sizeof whole) return;
  memcpy(whole, data, 12);
  p4s_put_be(whole + 12, 2, tpid);
  p4s_put_be(whole + 14, 2, h->tp_vlan_tci);
  memcpy(whole + 16, data + 12, h->tp_snaplen - 12);
  forward_frame(s, port->number, whole, h->tp_snaplen + VLAN_BYTES);
}

uint32_t packet_receive(struct p4s_switch *s, struct p4s_port *port) {
  struct frames *rx = &port->packet->rx;
  uint32_t n = 0;
  for (; n < RX_BATCH; n++) {
    struct tpacket2_hdr *h = frame(rx);
    const uint32_t status = __atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE);
    if (!(status & TP_STATUS_USER)) break;
    advance(rx);
    __builtin_prefetch(frame(rx));
    const uint8_t *data = (const uint8_t *)h + h->tp_mac;
    const struct sockaddr_ll *from = (const struct sockaddr_ll *)(const void *)((uint8_t *)h + TPACKET_ALIGN(sizeof *h));
    __builtin_prefetch((const uint8_t *)frame(rx) + h->tp_mac);
    if (P4_UNLIKELY(from->sll_pkttype == PACKET_OUTGOING)) {
      __atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
      continue;
    }
    port->stats.rx_packets++;
    port->stats.rx_bytes += h->tp_len;
    if (P4_UNLIKELY(status & TP_STATUS_CSUMNOTREADY)) s->partial_checksums++;
    if (P4_UNLIKELY(h->tp_snaplen < h->tp_len))
      port->stats.rx_dropped++; /* larger than a ring frame: receive offload is on */
    else if (P4_UNLIKELY(status & TP_STATUS_VLAN_VALID))
      receive_tagged(s, port, h, data);
    else
      forward_frame(s, port->number, data, h->tp_snaplen);
    __atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
  }
  return n;
}

void packet_flush(struct p4s_port *port) {
  struct p4s_packet_port *p = port->packet;
  if (!p->pending) return;
  p->pending = 0;
  /* Frames that cannot be sent now (interface down, peer full) are marked by the kernel and sent or dropped later. */
  if (send(p->tx.fd, NULL, 0, MSG_DONTWAIT) < 0 && errno == ENETDOWN) port->stats.tx_dropped++;
}

void packet_send(struct p4s_port *port, const uint8_t *data, uint32_t len) {
  struct p4s_packet_port *p = port->packet;
  struct tpacket2_hdr *h = frame(&p->tx);
  uint32_t status = __atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE);
  if (P4_UNLIKELY(status & TP_STATUS_WRONG_FORMAT)) status = TP_STATUS_AVAILABLE;
  if (P4_UNLIKELY(status != TP_STATUS_AVAILABLE || len > p->largest || len < ETH_HLEN)) {
    port->stats.tx_dropped++;
    if (status != TP_STATUS_AVAILABLE) packet_flush(port);
    return;
  }
  memcpy((uint8_t *)h + TX_DATA, data, len);
  h->tp_len = len;
  __atomic_store_n(&h->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
  advance(&p->tx);
  port->stats.tx_packets++;
  port->stats.tx_bytes += len;
  p->pending++;
}

/* The kernel counts what did not fit into the receive ring, and forgets it when asked. */
void packet_lost(struct p4s_port *port) {
  struct tpacket_stats stats;
  socklen_t size = sizeof stats;
  if (getsockopt(port->packet->rx.fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0)
    port->stats.rx_dropped += stats.tp_drops;
}

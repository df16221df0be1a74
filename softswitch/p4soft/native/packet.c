/* Network interfaces as ports: an AF_PACKET socket with a memory-mapped ring to receive, and one that sends in batches.
 *
 * Frames are sent by an AF_XDP socket (xdp_tx.c) or, where there is none to be had, by a second AF_PACKET socket, which is
 * bound to no protocol, so that it receives nothing, and goes past the queueing discipline. That one has no ring: veth
 * copies what comes from one once more, page by page. What the host itself sends on the interface is not
 * received. VLAN tags that the kernel took out are put back.
 *
 * Every worker has sockets of its own. One of them receives, or all do (P4S_BY_FLOW): then their rings are a PACKET_FANOUT
 * group, in which the kernel chooses by a hash of addresses, protocol and ports that is the same for both directions. */
#include "xdp_tx.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define RX_LEAST 8u /* before a control call is let in */
#define RX_BYTES (8u << 20)
#define TX_BATCH 64u
#define VLAN_BYTES 4u

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif
#ifndef PACKET_FANOUT_FLAG_UNIQUEID
#define PACKET_FANOUT_FLAG_UNIQUEID 0x2000
#endif
#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

struct p4s_packet_port {
  int rx_fd, tx_fd; /* rx_fd -1: it only sends */
  uint8_t *ring;
  uint32_t frame_size, frame_count, next;
  uint32_t largest; /* frame that may be sent */
  uint32_t pending;
  struct mmsghdr messages[TX_BATCH];
  struct iovec vectors[TX_BATCH];
  uint8_t *staging; /* TX_BATCH frames of ``largest`` bytes */
  struct xdp_tx *xdp; /* NULL: send by tx_fd */
  bool xdp_lost; /* it failed; worth another try when the interface sends again */
  unsigned index; /* of the interface */
  uint32_t queue; /* of the interface, to send by */
};

static struct tpacket2_hdr *frame(const struct p4s_packet_port *p) {
  return (struct tpacket2_hdr *)(void *)(p->ring + (size_t)p->frame_size * p->next);
}

static void advance(struct p4s_packet_port *p) {
  if (++p->next == p->frame_count) p->next = 0;
}

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

static int open_tx(struct p4s_packet_port *p, unsigned index) {
  const int on = 1;
  p->tx_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (p->tx_fd < 0 || attach(p->tx_fd, index, 0) < 0) return P4S_SYSTEM;
  /* Without it (before 3.14) sending is only slower. */
  (void)setsockopt(p->tx_fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
  p->staging = malloc((size_t)TX_BATCH * p->largest);
  if (!p->staging) return P4S_NO_MEMORY;
  for (uint32_t i = 0; i < TX_BATCH; i++) {
    p->vectors[i].iov_base = p->staging + (size_t)i * p->largest;
    p->messages[i].msg_hdr.msg_iov = &p->vectors[i];
    p->messages[i].msg_hdr.msg_iovlen = 1;
  }
  return P4S_OK;
}

static void destroy(struct p4s_packet_port *p) {
  if (p->xdp) xdp_tx_close(p->xdp);
  if (p->ring) munmap(p->ring, RX_BYTES);
  if (p->rx_fd >= 0) close(p->rx_fd);
  if (p->tx_fd >= 0) close(p->tx_fd);
  free(p->staging);
  free(p);
}

static int interface_mtu(const char *interface, uint32_t *mtu) {
  struct ifreq request;
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return P4S_SYSTEM;
  memset(&request, 0, sizeof request);
  strncpy(request.ifr_name, interface, sizeof request.ifr_name - 1);
  const int rc = ioctl(fd, SIOCGIFMTU, &request);
  *mtu = (uint32_t)request.ifr_mtu;
  close(fd);
  return rc < 0 ? P4S_SYSTEM : P4S_OK;
}

/* What a worker receives by a port. */
enum share { NOTHING, FLOWS, ALL };

static int open_link(struct p4s_link *link, const char *interface, uint32_t queue, enum share share) {
  const unsigned index = if_nametoindex(interface);
  uint32_t mtu = 0;
  if (index == 0 || interface_mtu(interface, &mtu) != P4S_OK) return P4S_SYSTEM;
  struct p4s_packet_port *p = calloc(1, sizeof *p);
  if (!p) return P4S_NO_MEMORY;
  p->rx_fd = p->tx_fd = -1;
  p->index = index;
  p->queue = queue;
  p->largest = mtu + ETH_HLEN + VLAN_BYTES;
  for (p->frame_size = 2048; p->frame_size < mtu + 192 && p->frame_size < 131072;) p->frame_size <<= 1;
  int rc = share == NOTHING ? P4S_OK : open_rx(p, index, share == FLOWS);
  if (rc == P4S_OK) rc = open_tx(p, index);
  if (rc != P4S_OK) {
    const int e = errno;
    destroy(p);
    errno = e;
    return rc;
  }
  p->xdp = xdp_tx_open(index, queue, p->largest);
  link->packet = p;
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

int packet_open(struct p4s_switch *s, uint32_t port, struct p4s_link *links, const char *interface) {
  const bool by_flow = s->nworkers > 1 && s->spread == P4S_BY_FLOW;
  int rc = P4S_OK;
  memset(links, 0, s->nworkers * sizeof *links);
  for (uint32_t i = 0; i < s->nworkers && rc == P4S_OK; i++)
    rc = open_link(&links[i], interface, i, by_flow ? FLOWS : port_worker(s, port)->index == i ? ALL : NOTHING);
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

int packet_fd(const struct p4s_link *link) { return link->packet->rx_fd; }

/* The frame with its VLAN tag back in place. */
static void receive_tagged(struct p4s_worker *w, uint32_t port, const struct tpacket2_hdr *h, const uint8_t *data) {
  uint8_t whole[P4S_MAX_FRAME];
  const uint16_t tpid = h->tp_status & TP_STATUS_VLAN_TPID_VALID ? h->tp_vlan_tpid : ETH_P_8021Q;
  if (h->tp_snaplen < 12 || h->tp_snaplen + VLAN_BYTES > sizeof whole) return;
  memcpy(whole, data, 12);
  p4s_put_be(whole + 12, 2, tpid);
  p4s_put_be(whole + 14, 2, h->tp_vlan_tci);
  memcpy(whole + 16, data + 12, h->tp_snaplen - 12);
  forward_frame(w, port, whole, h->tp_snaplen + VLAN_BYTES);
}

/* Forward what was gathered and give the ring's frames back to the kernel. */
static void finish(struct p4s_worker *w, const struct p4s_frame *frames, struct tpacket2_hdr *const *heads, uint32_t n) {
  forward_frames(w, frames, n);
  for (uint32_t i = 0; i < n; i++) __atomic_store_n(&heads[i]->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

uint32_t packet_receive(struct p4s_worker *w, uint32_t port) {
  struct p4s_stats *stats = &w->links[port].stats;
  struct p4s_packet_port *rx = w->links[port].packet;
  struct p4s_frame frames[P4S_BATCH];
  struct tpacket2_hdr *heads[P4S_BATCH];
  uint32_t n = 0, gathered = 0;
  if (!rx->ring) return 0;
  for (; n < P4S_BATCH; n++) {
    if (n >= RX_LEAST && atomic_load_explicit(&w->s->waiting, memory_order_relaxed)) break;
    struct tpacket2_hdr *h = frame(rx);
    const uint32_t status = __atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE);
    if (!(status & TP_STATUS_USER)) break;
    advance(rx);
    __builtin_prefetch(frame(rx));
    const uint8_t *data = (const uint8_t *)h + h->tp_mac;
    const struct sockaddr_ll *from = (const struct sockaddr_ll *)(const void *)((uint8_t *)h + TPACKET_ALIGN(sizeof *h));
    __builtin_prefetch((const uint8_t *)frame(rx) + h->tp_mac);
    const bool outgoing = from->sll_pkttype == PACKET_OUTGOING, cut = h->tp_snaplen < h->tp_len;
    if (P4_LIKELY(!outgoing)) {
      stats->rx_packets++;
      stats->rx_bytes += h->tp_len;
      if (P4_UNLIKELY(status & TP_STATUS_CSUMNOTREADY)) w->partial_checksums++;
      if (P4_UNLIKELY(cut)) stats->rx_dropped++; /* larger than a ring frame: receive offload is on */
    }
    if (P4_LIKELY(!outgoing && !cut && !(status & TP_STATUS_VLAN_VALID))) {
      frames[gathered] = (struct p4s_frame){data, h->tp_snaplen, port};
      heads[gathered++] = h;
      continue;
    }
    finish(w, frames, heads, gathered); /* frames keep their order */
    gathered = 0;
    if (!outgoing && !cut) receive_tagged(w, port, h, data);
    __atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
  }
  finish(w, frames, heads, gathered);
  return n;
}

/* The interface is down, or gone: send the ordinary way until it comes back. */
static void lose_xdp(struct p4s_link *link) {
  struct p4s_packet_port *p = link->packet;
  link->stats.tx_dropped += xdp_tx_waiting(p->xdp);
  xdp_tx_close(p->xdp);
  p->xdp = NULL;
  p->xdp_lost = true;
}

uint32_t packet_flush(struct p4s_link *link) {
  struct p4s_packet_port *p = link->packet;
  if (p->xdp) {
    if (xdp_tx_flush(p->xdp, &link->stats)) return xdp_tx_waiting(p->xdp);
    lose_xdp(link);
  }
  bool works = false;
  for (uint32_t i = 0; i < p->pending;) {
    const int sent = sendmmsg(p->tx_fd, p->messages + i, p->pending - i, MSG_DONTWAIT);
    const uint32_t n = sent > 0 ? (uint32_t)sent : 0;
    for (uint32_t j = i; j < i + n; j++) link->stats.tx_bytes += p->vectors[j].iov_len;
    link->stats.tx_packets += n;
    i += n;
    works |= n > 0;
    if (sent <= 0) { /* this one cannot leave: interface down, or no memory for it now */
      link->stats.tx_dropped++;
      i++;
    }
  }
  if (P4_UNLIKELY(p->xdp_lost && p->pending > 0 && works)) {
    p->xdp_lost = false;
    p->xdp = xdp_tx_open(p->index, p->queue, p->largest);
  }
  p->pending = 0;
  return 0;
}

void packet_send(struct p4s_link *link, const uint8_t *data, uint32_t len) {
  struct p4s_packet_port *p = link->packet;
  if (P4_UNLIKELY(len > p->largest || len < ETH_HLEN)) {
    link->stats.tx_dropped++;
    return;
  }
  if (p->xdp) {
    if (xdp_tx_put(p->xdp, data, len)) return;
    packet_flush(link);
    if (p->xdp) {
      if (!xdp_tx_put(p->xdp, data, len)) link->stats.tx_dropped++;
      return;
    }
  }
  if (p->pending == TX_BATCH) packet_flush(link);
  struct iovec *v = &p->vectors[p->pending++];
  memcpy(v->iov_base, data, len);
  v->iov_len = len;
}

/* The kernel counts what did not fit into the receive ring, and forgets it when asked. */
void packet_lost(struct p4s_link *link) {
  struct tpacket_stats stats;
  socklen_t size = sizeof stats;
  if (link->packet->rx_fd >= 0 &&
      getsockopt(link->packet->rx_fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0)
    link->stats.rx_dropped += stats.tp_drops;
}

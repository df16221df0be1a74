/* Receiving from a network interface: frames of a ring are forwarded from where they are; those that stand for several
 * packets, have a VLAN tag that the kernel took out, or did not fit into a frame of the ring, from the worker's own buffer. */
#include "edge/packet_rx.h"
#include "edge/offload_cut.h"
#include "edge/offload_finish.h"
#include "edge/packet_tx.h"
#include "engine/forward.h"
#include "engine/lend.h"

#include <sys/uio.h>

#define RX_LEAST 8u /* before a control call is let in */
#define LARGEST (P4S_MAX_FRAME - VLAN_BYTES)

static struct tpacket2_hdr *frame(const struct p4s_packet_port *p) {
  return (struct tpacket2_hdr *)(void *)(p->ring + (size_t)p->frame_size * p->next);
}

static void advance(struct p4s_packet_port *p) {
  if (++p->next == p->frame_count) p->next = 0;
}

static uint8_t *bytes(struct tpacket2_hdr *h) { return (uint8_t *)h + h->tp_mac; }

/* Only if the port has virtio headers. */
static const vnet_t *vnet(struct tpacket2_hdr *h) { return (const vnet_t *)(const void *)(bytes(h) - sizeof(vnet_t)); }

/* Forward what was gathered and give the ring's frames back to the kernel. */
static void finish(struct p4s_worker *w, const struct p4s_frame *frames, struct tpacket2_hdr *const *heads, uint32_t n) {
  forward_frames(w, frames, n);
  for (uint32_t i = 0; i < n; i++) __atomic_store_n(&heads[i]->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

/* Copy a frame that the ring has all of, or fetch it from the socket; returns its length, 0: it is lost. */
static uint32_t bring(const struct p4s_packet_port *p, struct tpacket2_hdr *h, uint8_t *to) {
  if (h->tp_status & TP_STATUS_COPY) {
    vnet_t ignored;
    struct iovec parts[] = {{&ignored, sizeof ignored}, {to, LARGEST + 1}};
    const ssize_t n = readv(p->rx_fd, p->vnet ? parts : parts + 1, p->vnet ? 2 : 1);
    const ssize_t len = n - (p->vnet ? (ssize_t)sizeof ignored : 0);
    return len > 0 && len <= (ssize_t)LARGEST ? (uint32_t)len : 0;
  }
  if (h->tp_snaplen < h->tp_len || h->tp_snaplen > LARGEST) return 0;
  memcpy(to, bytes(h), h->tp_snaplen);
  return h->tp_snaplen;
}

static void put_tag(uint8_t *frame, const struct tpacket2_hdr *h) {
  const uint16_t tpid = h->tp_status & TP_STATUS_VLAN_TPID_VALID ? h->tp_vlan_tpid : ETH_P_8021Q;
  memmove(frame, frame + VLAN_BYTES, 12);
  p4s_put_be(frame + 12, 2, tpid);
  p4s_put_be(frame + 14, 2, h->tp_vlan_tci);
}

static void count(struct p4s_stats *stats, uint32_t len) {
  stats->rx_packets++;
  stats->rx_bytes += len;
}

/* Returns the number of packets; 0: it cannot be cut. */
static uint32_t forward_large(struct p4s_worker *w, uint32_t port, uint8_t *data, uint32_t len, const vnet_t *v) {
  struct p4s_stats *stats = &w->links[port].stats;
  struct cut c;
  const uint32_t n = cut_begin(&c, data, len, v);
  if (n == 0) return 0;
  stats->rx_large++;
  while (c.next < n) {
    uint32_t length;
    uint8_t *payload = data + cut_place(&c, &length), *headers = payload - c.at.payload;
    forward_lend(w, headers, c.at.payload);
    cut_next(&c, payload, headers);
    count(stats, c.at.payload + length);
    forward_lent(w, port, &(struct joinable){headers, c.at.payload + length, w->origin, c.summed, c.at.payload, c.sum});
  }
  if (++w->origin == 0) w->origin = 1;
  packet_return(w);
  return n;
}

/* A frame that cannot be forwarded from where it is. Returns the number of packets that it was. */
static uint32_t receive_special(struct p4s_worker *w, uint32_t port, struct tpacket2_hdr *h) {
  struct p4s_packet_port *p = w->links[port].packet;
  struct p4s_stats *stats = &w->links[port].stats;
  vnet_t v = {0};
  if (p->vnet) v = *vnet(h);
  uint8_t *data = forward_place(w);
  const uint32_t tag = h->tp_status & TP_STATUS_VLAN_VALID ? VLAN_BYTES : 0, len = bring(p, h, data + tag) + tag;
  const bool readable = len >= ETH_HLEN + tag;
  if (tag && readable) {
    put_tag(data, h);
    v.csum_start += VLAN_BYTES;
  }
  if (readable && v.gso_type != VIRTIO_NET_HDR_GSO_NONE && p->cuts) {
    const uint32_t n = forward_large(w, port, data, len, &v);
    if (n > 0) return n;
  }
  count(stats, h->tp_len + tag);
  if (!readable || v.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
    stats->rx_dropped++;
    stats->rx_oversize++;
    return 1;
  }
  if (v.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM && !offload_finish(data, len, &v)) w->partial_checksums++;
  forward_placed(w, port, data, len);
  return 1;
}

uint32_t packet_receive(struct p4s_worker *w, uint32_t port) {
  struct p4s_packet_port *rx = w->links[port].packet;
  struct p4s_frame frames[P4S_BATCH];
  struct tpacket2_hdr *heads[P4S_BATCH];
  uint32_t n = 0, gathered = 0;
  if (!rx->ring) return 0;
  while (n < P4S_BATCH) {
    if (n >= RX_LEAST && atomic_load_explicit(&w->s->waiting, memory_order_relaxed)) break;
    struct tpacket2_hdr *h = frame(rx);
    const uint32_t status = __atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE);
    if (!(status & TP_STATUS_USER)) break;
    advance(rx);
    __builtin_prefetch(frame(rx));
    const struct sockaddr_ll *from = (const struct sockaddr_ll *)(const void *)((uint8_t *)h + TPACKET_ALIGN(sizeof *h));
    __builtin_prefetch((const uint8_t *)frame(rx) + h->tp_mac);
    const bool outgoing = from->sll_pkttype == PACKET_OUTGOING;
    const bool plain = h->tp_snaplen == h->tp_len && !(status & TP_STATUS_VLAN_VALID) &&
                       !(rx->vnet && vnet(h)->gso_type != VIRTIO_NET_HDR_GSO_NONE);
    if (P4_LIKELY(plain && !outgoing)) {
      const bool unfinished = rx->vnet ? vnet(h)->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM : status & TP_STATUS_CSUMNOTREADY;
      if (unfinished && !(rx->vnet && offload_finish(bytes(h), h->tp_snaplen, vnet(h)))) w->partial_checksums++;
      count(&w->links[port].stats, h->tp_len);
      frames[gathered] = (struct p4s_frame){bytes(h), h->tp_snaplen, port};
      heads[gathered++] = h;
      n++;
      continue;
    }
    finish(w, frames, heads, gathered); /* frames keep their order */
    gathered = 0;
    if (outgoing && status & TP_STATUS_COPY)
      (void)bring(rx, h, forward_place(w));
    else if (!outgoing)
      n += receive_special(w, port, h);
    __atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
  }
  finish(w, frames, heads, gathered);
  return n;
}

/* Sending by a network interface.
 *
 * Frames are sent by an AF_XDP socket (xdp_tx.c) or, where there is none to be had, by an AF_PACKET socket, which is bound to
 * no protocol, so that it receives nothing, and goes past the queueing discipline. It has no ring: veth copies what comes
 * from one once more, page by page.
 *
 * Packets that may be put together go by the AF_PACKET socket in any case, and while some wait, all others queue up behind
 * them: a flow keeps its order. What was cut from one super-segment is not copied to be sent: its headers are, the payload is
 * gathered from where it was received. */
#include "edge/packet_tx.h"
#include "edge/offload_cut.h"
#include "edge/xdp_tx.h"
#include "engine/lend.h"

#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#define SEND_BYTES (8 << 20) /* of the socket's buffer: 64 super-segments */
#define LOOK_BACK 8u /* messages among which a flow is looked for */
#define WORTHWHILE 512u /* bytes of a frame that may be the first of several */

static int attach(const struct p4s_packet_port *p) {
  struct sockaddr_ll ll = {.sll_family = AF_PACKET, .sll_ifindex = (int)p->index};
  return bind(p->tx_fd, (struct sockaddr *)&ll, sizeof ll);
}

static void enlarge(int fd) {
  const int bytes = SEND_BYTES;
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes); /* up to what the system allows everybody */
}

int packet_tx_memory(struct p4s_packet_port *p) {
  p->staging = malloc((size_t)TX_BATCH * p->largest);
  p->messages = calloc(TX_BATCH, sizeof *p->messages);
  p->heads = calloc(TX_BATCH, sizeof *p->heads);
  p->whole = malloc(P4S_MAX_FRAME);
  if (!p->whole || !p->staging || !p->messages || !p->heads) return P4S_NO_MEMORY;
  for (uint32_t i = 0; i < TX_BATCH; i++) {
    struct message *m = &p->messages[i];
    m->vectors[0] = (struct iovec){&m->vnet, sizeof m->vnet};
    p->heads[i].msg_hdr.msg_iov = p->joins ? m->vectors : m->vectors + 1;
  }
  return P4S_OK;
}

int packet_tx_open(struct p4s_packet_port *p) {
  const int on = 1;
  p->tx_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (p->tx_fd < 0 || attach(p) < 0) return P4S_SYSTEM;
  p->joins = p->joins && setsockopt(p->tx_fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) == 0;
  if (p->joins) enlarge(p->tx_fd);
  /* Without it (before 3.14) sending is only slower. Where there is no queue, there is nothing to go past; but then the
   * kernel would rather drop a super-segment than cut it, where the interface takes none. */
  if (!(p->joins && p->unqueued)) (void)setsockopt(p->tx_fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
  const int rc = packet_tx_memory(p);
  if (rc != P4S_OK) return rc;
  p->xdp = xdp_tx_open(p->index, p->queue, p->largest);
  return P4S_OK;
}

void packet_tx_close(struct p4s_packet_port *p) {
  if (p->xdp) xdp_tx_close(p->xdp);
  if (p->tx_fd >= 0) close(p->tx_fd);
  free(p->whole);
  free(p->staging);
  free(p->messages);
  free(p->heads);
}

/* --- to the kernel --- */

/* The interface is down, or gone: send the ordinary way until it comes back. */
static void lose_xdp(struct p4s_link *link) {
  struct p4s_packet_port *p = link->packet;
  link->stats.tx_dropped += xdp_tx_waiting(p->xdp);
  xdp_tx_close(p->xdp);
  p->xdp = NULL;
  p->xdp_lost = true;
}

static void count(struct p4s_packet_port *p, struct p4s_stats *stats, const struct message *m) {
  if (m->join.packets > 1) p->refused = 0;
  stats->tx_packets += m->join.packets;
  stats->tx_bytes += m->bytes;
  stats->tx_large += m->join.packets > 1;
}

/* The interface does not take it, any more: send its packets one by one. Returns whether it took one of those. */
static bool send_apart(struct p4s_link *link, const struct message *m) {
  struct p4s_packet_port *p = link->packet;
  uint8_t headers[OFFLOAD_HEADERS];
  vnet_t none = {0};
  struct cut c;
  uint32_t len = 0;
  bool works = false;
  for (uint32_t i = 1; i <= m->pieces; len += (uint32_t)m->vectors[i++].iov_len)
    memcpy(p->whole + len, m->vectors[i].iov_base, m->vectors[i].iov_len);
  for (uint32_t n = cut_begin(&c, p->whole, len, &m->vnet); n > 0 && c.next < n;) {
    uint32_t bytes;
    uint8_t *payload = p->whole + cut_place(&c, &bytes);
    cut_next(&c, payload, headers);
    struct iovec parts[] = {{&none, sizeof none}, {headers, c.at.payload}, {payload, bytes}};
    const bool sent = writev(p->tx_fd, parts, 3) > 0;
    link->stats.tx_packets += sent;
    link->stats.tx_bytes += sent ? c.at.payload + bytes : 0;
    link->stats.tx_dropped += !sent;
    works |= sent;
  }
  return works;
}

/* A message cannot leave: the interface is down, there is no memory for it now, or it is a super-segment. */
static bool refuse(struct p4s_link *link, const struct message *m) {
  if (m->join.packets == 1) {
    link->stats.tx_dropped++;
    return false;
  }
  const bool works = send_apart(link, m);
  if (works) link->packet->refused++;
  return works;
}

static void send_messages(struct p4s_link *link) {
  struct p4s_packet_port *p = link->packet;
  bool works = false;
  for (uint32_t i = 0; i < p->pending; i++) {
    struct message *m = &p->messages[i];
    join_finish(&m->join, m->first, &m->vnet);
    p->heads[i].msg_hdr.msg_iovlen = m->pieces + (p->joins ? 1 : 0);
  }
  for (uint32_t i = 0; i < p->pending;) {
    const int sent = sendmmsg(p->tx_fd, p->heads + i, p->pending - i, MSG_DONTWAIT);
    const uint32_t n = sent > 0 ? (uint32_t)sent : 0;
    for (uint32_t j = i; j < i + n; j++) count(p, &link->stats, &p->messages[j]);
    i += n;
    works |= n > 0;
    if (sent <= 0) works |= refuse(link, &p->messages[i++]);
  }
  if (P4_UNLIKELY(p->xdp_lost && works)) {
    p->xdp_lost = false;
    p->xdp = xdp_tx_open(p->index, p->queue, p->largest);
  }
  p->pending = p->staged = 0;
}

uint32_t packet_flush(struct p4s_link *link) {
  struct p4s_packet_port *p = link->packet;
  if (p->xdp && !xdp_tx_flush(p->xdp, &link->stats)) lose_xdp(link);
  const uint32_t stuck = p->xdp ? xdp_tx_waiting(p->xdp) : 0;
  /* What has pieces of a super-segment cannot wait until the rest has left. */
  if (p->pending > 0 && (stuck == 0 || p->borrows)) send_messages(link);
  return stuck + p->pending;
}

/* A packet is being made where the payload of the one before it ends: give that back while it is sent. */
static void flush_amid(struct p4s_worker *w, struct p4s_link *link) {
  if (link->packet->borrows) forward_swap(w);
  packet_flush(link);
  if (link->packet->pending > 0) send_messages(link);
  if (link->packet->borrows) forward_swap(w);
}

void packet_return(struct p4s_worker *w) {
  while (w->borrowers) {
    struct p4s_packet_port *p = w->borrowers;
    packet_flush(p->link);
    w->borrowers = p->borrower;
    p->borrows = false;
  }
}

/* --- put together --- */

static void borrow(struct p4s_worker *w, struct p4s_link *link) {
  struct p4s_packet_port *p = link->packet;
  if (p->borrows) return;
  p->borrows = true;
  p->link = link;
  p->borrower = w->borrowers;
  w->borrowers = p;
}

static void *stage(struct p4s_packet_port *p, const uint8_t *data, uint32_t len) {
  uint8_t *const to = p->staging + p->staged;
  p->staged += len;
  return memcpy(to, data, len);
}

/* One more piece, unless it lies behind the last one. */
static void add_piece(struct message *m, void *data, uint32_t len) {
  struct iovec *last = &m->vectors[m->pieces];
  if (m->pieces > 0 && (uint8_t *)last->iov_base + last->iov_len == data)
    last->iov_len += len;
  else
    m->vectors[++m->pieces] = (struct iovec){data, len};
}

/* The message that a packet can be added to. Nothing passes what it might belong behind. */
static struct message *find(struct p4s_packet_port *p, const struct join *next, const uint8_t *frame) {
  for (uint32_t i = p->pending; i-- > 0 && p->pending - i <= LOOK_BACK;) {
    struct message *m = &p->messages[i];
    if (m->join.flow == 0 || next->flow == 0) return NULL;
    if (m->join.flow == next->flow)
      return m->pieces < TX_PIECES && join_follows(&m->join, m->first, next, frame) ? m : NULL;
  }
  return NULL;
}

static void add(struct p4s_worker *w, struct p4s_link *link, const struct joinable *packet) {
  struct p4s_packet_port *p = link->packet;
  struct join alone;
  if (p->staged + packet->len > TX_BATCH * p->largest || p->pending == TX_BATCH) flush_amid(w, link);
  if (p->joins)
    join_begin(&alone, packet);
  else
    alone = (struct join){.packets = 1};
  const bool lent = packet->known && alone.open && packet->payload == alone.at.payload;
  const uint32_t own = lent ? packet->payload : packet->len; /* bytes to copy */
  struct message *m = find(p, &alone, packet->frame);
  if (m) {
    join_add(&m->join, m->first, &alone, packet->frame);
    if (!lent) add_piece(m, stage(p, packet->frame + alone.at.payload, packet->len - alone.at.payload), packet->len - alone.at.payload);
  } else {
    m = &p->messages[p->pending++];
    m->join = alone;
    m->join.open = p->joins && p->refused < GIVE_UP && join_opens(&alone, packet->frame);
    m->pieces = m->bytes = 0;
    m->first = stage(p, packet->frame, own);
    add_piece(m, m->first, own);
  }
  m->bytes += packet->len;
  if (!lent) return;
  add_piece(m, (void *)(uintptr_t)(packet->frame + packet->payload), packet->len - packet->payload);
  borrow(w, link);
}

void packet_send(struct p4s_worker *w, uint32_t port, const struct joinable *packet) {
  struct p4s_link *link = &w->links[port];
  struct p4s_packet_port *p = link->packet;
  const uint32_t len = packet->len;
  if (P4_UNLIKELY(len > p->largest || len < ETH_HLEN)) {
    link->stats.tx_dropped++;
    return;
  }
  if (p->xdp && p->pending == 0 && !(p->joins && p->refused < GIVE_UP && len >= WORTHWHILE)) {
    if (xdp_tx_put(p->xdp, packet->frame, len)) return;
    flush_amid(w, link);
    if (p->xdp) {
      if (!xdp_tx_put(p->xdp, packet->frame, len)) link->stats.tx_dropped++;
      return;
    }
  }
  add(w, link, packet);
}

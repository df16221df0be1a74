/* The fuzz target of packet_rx.c, packet_tx.c and offload_*.c: frames with virtio headers come by receive rings that the target
 * fills itself, go through a program that forwards what it gets, and are sent by a sendmmsg of the target's own.
 *
 * An input is a list of records: see shape(). The records of an input are run again VARIANTS times, with bytes changed at
 * random. What packet_send was given must leave byte for byte, each flow's packets in their order, whatever was put together:
 * what is sent is cut again, and compared. The number of frames is told at exit. */
#include "edge/offload_cut.h"
#include "edge/offload_finish.h"
#include "edge/packet_rx.h"
#include "edge/packet_tx.h"
#include "edge/sum.h"
#include "engine/forward.h"
#include "engine/switch.h"
#include "engine/worker.h"

#include <arpa/inet.h>
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern const struct p4s_prog p4s_program;

#define FIRST 1u /* ports; the program sends to the last */
#define PORTS 3u
#define SLOTS 64u
#define FRAME_SIZE 2048u
#define MAC_AT 96u /* in a slot */
#define LARGEST 1518u
#define MOST 66000u
#define VARIANTS 31
#define FLOWS 4096u

static struct p4s_switch *sw;
static struct p4s_packet_port edges[PORTS];
static uint32_t filled[PORTS]; /* slots */
static uint8_t pattern[MOST]; /* payloads */
static struct { uint8_t *data; uint32_t len; } large[PORTS][SLOTS]; /* what does not fit into a slot, in turn */
static uint32_t large_first[PORTS], large_count[PORTS];
static uint64_t frames, packets;
static struct flow {
  uint64_t key, given, left; /* key 0: nobody's; hashes of what had to be sent, and has been */
} known[FLOWS];

static void fail(const char *why) {
  fprintf(stderr, "edge: %s\n", why);
  abort();
}

/* --- what must be true --- */

static uint64_t mix(uint64_t h, const uint8_t *p, size_t n) {
  uint64_t lanes[4] = {h, h + 1, h + 2, h + 3}, word;
  for (; n >= sizeof lanes; p += sizeof lanes, n -= sizeof lanes)
    for (unsigned i = 0; i < 4; i++) {
      memcpy(&word, p + 8 * i, 8);
      lanes[i] = (lanes[i] ^ word) * UINT64_C(0x9e3779b97f4a7c15);
      lanes[i] ^= lanes[i] >> 29;
    }
  for (unsigned i = 0; i < 4; i++) h = (h ^ lanes[i]) * UINT64_C(0x9e3779b97f4a7c15);
  for (; n > 0; p++, n--) h = (h ^ *p) * UINT64_C(0x100000001b3);
  return h ^ h >> 29;
}

static struct flow *flow_of(uint32_t port, const uint8_t *frame, uint32_t len) {
  struct layers l;
  uint64_t key = port;
  if (layers_find(&l, frame, len) && !l.fragment && l.end - l.l4 >= 4) {
    const uint32_t at = l.l3 + (l.version == 4 ? 12 : 8);
    key = mix(mix(key + l.protocol + 1, frame + at, l.version == 4 ? 8 : 32), frame + l.l4, 4);
  }
  for (uint32_t i = 0; i < FLOWS; i++) {
    struct flow *f = &known[(key + i) % FLOWS];
    if (f->key == 0) f->key = key;
    if (f->key == key) return f;
  }
  fail("too many flows for the target");
  return NULL;
}

static void note(uint64_t *hash, const uint8_t *frame, uint32_t len) { *hash = mix(*hash + len, frame, len); }

static void note_and_send(struct p4s_worker *w, uint32_t port, const struct joinable *packet) {
  if (packet->len <= edges[port].largest && packet->len >= ETH_HLEN)
    note(&flow_of(port, packet->frame, packet->len)->given, packet->frame, packet->len);
  packet_send(w, port, packet);
}

static const struct p4s_port_ops ops = {.send = note_and_send, .flush = packet_flush};

static void take_again(uint32_t port, uint8_t *frame, uint32_t len, const vnet_t *v) {
  struct cut c;
  const uint32_t n = cut_begin(&c, frame, len, v);
  if (n < 2) fail("a super-segment was sent that cannot be cut");
  while (c.next < n) {
    uint8_t packet[OFFLOAD_HEADERS + 2048];
    uint32_t length;
    const uint8_t *payload = frame + cut_place(&c, &length);
    if (c.at.payload + length > LARGEST) fail("a super-segment stands for packets that are too large");
    memcpy(packet + c.at.payload, payload, length);
    cut_next(&c, payload, packet);
    note(&flow_of(port, packet, c.at.payload + length)->left, packet, c.at.payload + length);
    packets++;
  }
}

static void sent(uint32_t port, const struct msghdr *m) {
  static uint8_t whole[MOST + sizeof(vnet_t)];
  vnet_t v;
  uint32_t len = 0;
  for (size_t i = 0; i < m->msg_iovlen; i++) {
    if (len + m->msg_iov[i].iov_len > sizeof whole) fail("a message is too long");
    memcpy(whole + len, m->msg_iov[i].iov_base, m->msg_iov[i].iov_len);
    len += (uint32_t)m->msg_iov[i].iov_len;
  }
  memcpy(&v, whole, sizeof v);
  len -= (uint32_t)sizeof v;
  if (v.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
    take_again(port, whole + sizeof v, len, &v);
    return;
  }
  if (v.flags != 0) fail("a packet has an unfinished checksum");
  note(&flow_of(port, whole + sizeof v, len)->left, whole + sizeof v, len);
  packets++;
}

/* Now and then a super-segment is refused; its packets are then sent by writev. */
int sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags) {
  static uint32_t turn;
  vnet_t v;
  (void)flags;
  memcpy(&v, m->msg_hdr.msg_iov[0].iov_base, sizeof v);
  if (v.gso_type != VIRTIO_NET_HDR_GSO_NONE && ++turn % 5 == 0) return -1;
  if (turn % 3 == 0) n = 1;
  for (unsigned i = 0; i < n; i++) sent((uint32_t)fd, &m[i].msg_hdr);
  return (int)n;
}

ssize_t writev(int fd, const struct iovec *from, int n) {
  const struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)from, .msg_iovlen = (size_t)n};
  sent((uint32_t)fd, &m);
  return 1;
}

ssize_t readv(int fd, const struct iovec *to, int n) {
  const uint32_t at = large_first[fd]++;
  vnet_t ignored = {0};
  if (at >= large_count[fd] || n != 2 || to[0].iov_len != sizeof ignored) fail("a frame was fetched that nobody sent");
  memcpy(to[0].iov_base, &ignored, sizeof ignored);
  const uint32_t len = large[fd][at].len < to[1].iov_len ? large[fd][at].len : (uint32_t)to[1].iov_len;
  memcpy(to[1].iov_base, large[fd][at].data, len);
  free(large[fd][at].data);
  return (ssize_t)(len + sizeof ignored);
}

/* --- frames --- */

struct input {
  const uint8_t *at;
  size_t left;
};

static uint32_t number(struct input *in, unsigned bytes) {
  uint32_t n = 0;
  for (; bytes > 0; bytes--) {
    n <<= 8;
    if (in->left == 0) continue;
    n |= *in->at++;
    in->left--;
  }
  return n;
}

enum { RAW, TCP4, TCP6, UDP4 };

static struct {
  uint32_t seq;
  uint16_t id;
} flows[4];

static uint32_t write_headers(struct input *in, uint8_t *f, uint32_t kind, uint32_t flow, uint32_t payload, uint32_t size) {
  const bool tcp = kind != UDP4, v6 = kind == TCP6;
  const uint32_t l4 = v6 ? 54 : 34, header = tcp ? 32 : 8, length = header + payload;
  memset(f, 0, l4 + header);
  p4s_put_be(f + 12, 2, v6 ? 0x86dd : 0x0800);
  uint8_t *ip = f + 14, *h = f + l4;
  if (v6) {
    ip[0] = 0x60;
    p4s_put_be(ip + 4, 2, length);
    ip[6] = 6;
    ip[7] = 64;
  } else {
    p4s_put_be(ip, 4, 0x45000000 | (20 + length));
    p4s_put_be(ip + 4, 2, flows[flow].id);
    flows[flow].id = (uint16_t)(flows[flow].id + (payload + size - 1) / size);
    ip[6] = 0x40;
    ip[8] = 64;
    ip[9] = tcp ? 6 : 17;
    put16(ip + 10, (uint16_t)~sum_fold(sum_bytes(ip, 20)));
  }
  p4s_put_be(h, 4, flow << 16 | 80);
  if (!tcp) {
    p4s_put_be(h + 4, 2, length);
    return l4 + header;
  }
  p4s_put_be(h + 4, 4, flows[flow].seq);
  flows[flow].seq += payload;
  h[12] = 0x80;
  h[13] = (uint8_t)(number(in, 1) & 0xd9); /* no SYN, RST, URG by itself */
  memcpy(h + 20, "\1\1\10\12TIMESTMP", 12);
  return l4 + header;
}

static uint16_t pseudo(const uint8_t *f, uint32_t kind, uint32_t length) {
  struct layers l = {.l3 = 14, .version = kind == TCP6 ? 6 : 4, .protocol = kind == UDP4 ? 17 : 6};
  return sum_fold(layers_pseudo(&l, f, length));
}

/* A record: how it comes (1 byte: kind, tag, by the socket, a virtio header of its own, end of the batch, unfinished), flow and
 * port (1), length of the payload (2), of the payload of every packet and how many there may be (2), flags (1, TCP); the virtio header if it has one
 * (10); bytes to change (1: how many; each 2 and 1); and a raw frame is the bytes that follow. */
static uint32_t shape(struct input *in, uint8_t *f, vnet_t *v, uint32_t how, uint32_t flow) {
  const uint32_t kind = how & 3;
  uint32_t payload = number(in, 2), size = number(in, 2), len;
  const uint32_t most = size >> 11 ? size >> 11 : 64; /* packets: for speed */
  memset(v, 0, sizeof *v);
  size &= 2047;
  if (size == 0) size = 1400;
  if (payload > most * size) payload %= most * size;
  if (payload > 65535 - 100) payload = 65535 - 100;
  if (kind == RAW) {
    len = payload < in->left ? payload : (uint32_t)in->left;
    memcpy(f, in->at, len);
    in->at += len;
    in->left -= len;
  } else {
    const bool large_one = payload > size;
    if (!large_one) size = payload ? payload : 1;
    const uint32_t headers = write_headers(in, f, kind, flow, payload, size);
    const uint32_t l4 = kind == TCP6 ? 54 : 34, offset = kind == UDP4 ? 6 : 16;
    memcpy(f + headers, pattern + flow, payload);
    len = headers + payload;
    put16(f + l4 + offset, pseudo(f, kind, len - l4));
    *v = (vnet_t){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = (uint16_t)l4, .csum_offset = (uint16_t)offset};
    if (large_one) {
      v->gso_type = kind == TCP4 ? VIRTIO_NET_HDR_GSO_TCPV4 : kind == TCP6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_UDP_L4;
      if (kind != UDP4 && f[l4 + 13] & 0x80) v->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
      v->gso_size = (uint16_t)size;
      v->hdr_len = (uint16_t)headers;
    } else if (how & 128) {
      offload_finish(f, len, v);
      memset(v, 0, sizeof *v);
    }
  }
  if (how & 16)
    for (unsigned i = 0; i < sizeof *v; i++) ((uint8_t *)v)[i] ^= (uint8_t)number(in, 1);
  for (uint32_t n = number(in, 1) & 3; n > 0 && len > 0; n--) {
    const uint32_t at = number(in, 2) % len;
    f[at] ^= (uint8_t)number(in, 1);
  }
  return len;
}

static void pass(void) {
  struct p4s_worker *w = sw->workers[0];
  worker_time(w);
  for (uint32_t port = FIRST; port < PORTS; port++) {
    while (packet_receive(w, port)) continue;
    forward_backlog(w);
    if (large_first[port] != large_count[port]) fail("a frame was not fetched");
    large_first[port] = large_count[port] = filled[port] = 0;
  }
  for (uint32_t port = FIRST; port < PORTS; port++) {
    packet_flush(&w->links[port]);
    if (edges[port].pending || edges[port].borrows) fail("something was not sent");
  }
  if (w->borrowers) fail("something is lent still");
}

static void arrive(uint32_t port, const uint8_t *f, uint32_t len, const vnet_t *v, bool tag, bool fetched) {
  struct p4s_packet_port *p = &edges[port];
  uint8_t *slot = p->ring + (size_t)((p->next + filled[port]++) % SLOTS) * FRAME_SIZE;
  struct tpacket2_hdr *h = (struct tpacket2_hdr *)(void *)slot;
  const uint32_t room = FRAME_SIZE - MAC_AT;
  __asan_unpoison_memory_region(slot, FRAME_SIZE);
  memset(slot, 0, MAC_AT);
  h->tp_mac = MAC_AT;
  h->tp_len = len;
  h->tp_snaplen = len < room ? len : room;
  h->tp_vlan_tci = 5;
  memcpy(slot + MAC_AT - sizeof *v, v, sizeof *v);
  memcpy(slot + MAC_AT, f, h->tp_snaplen);
  __asan_poison_memory_region(slot + MAC_AT + h->tp_snaplen, room - h->tp_snaplen);
  fetched &= len > room;
  h->tp_status = TP_STATUS_USER | (tag ? TP_STATUS_VLAN_VALID : 0) | (fetched ? TP_STATUS_COPY : 0);
  if (fetched) {
    uint8_t *copy = malloc(len);
    if (!copy) abort();
    large[port][large_count[port]].data = memcpy(copy, f, len);
    large[port][large_count[port]++].len = len;
  }
  frames++;
}

static void run(const uint8_t *data, size_t size) {
  static uint8_t f[MOST];
  struct input in = {data, size};
  memset(flows, 0, sizeof flows);
  memset(known, 0, sizeof known);
  while (in.left > 0) {
    const uint32_t how = number(&in, 1), which = number(&in, 1), port = FIRST + (which >> 7);
    vnet_t v;
    const uint32_t len = shape(&in, f, &v, how, which & 3);
    arrive(port, f, len, &v, (which & 0x70) == 0x70, !(how & 8));
    if (how & 32 || filled[port] == SLOTS) pass();
  }
  pass();
  for (uint32_t i = 0; i < FLOWS; i++)
    if (known[i].given != known[i].left) fail("what was sent is not what was to be sent");
}

/* --- set-up --- */

static void finish(void) { fprintf(stderr, "frames: %llu\npackets: %llu\n", (unsigned long long)frames, (unsigned long long)packets); }

static void start(void) {
  sw = switch_make(-1, 1, P4S_BY_FLOW);
  if (!sw || p4s_load(sw, &p4s_program) != P4S_OK) abort();
  for (uint32_t port = FIRST; port < PORTS; port++) {
    struct p4s_packet_port *p = &edges[port];
    *p = (struct p4s_packet_port){.rx_fd = (int)port, .tx_fd = (int)port, .frame_size = FRAME_SIZE, .frame_count = SLOTS};
    p->ring = calloc(SLOTS, FRAME_SIZE);
    p->largest = LARGEST;
    p->vnet = p->cuts = p->joins = true;
    if (!p->ring || packet_tx_memory(p) != P4S_OK) abort();
    sw->ports[port] = (struct p4s_port){.number = port, .kind = P4S_PORT_PACKET};
    sw->active[sw->nactive++] = (uint16_t)port;
    sw->workers[0]->links[port] = (struct p4s_link){.ops = &ops, .packet = p};
  }
  for (uint32_t i = 0; i < MOST; i++) pattern[i] = (uint8_t)(i * 7);
  atexit(finish);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static uint8_t changed[4096];
  uint64_t state = mix(88172645463325252u ^ size, data, size);
  if (!sw) start();
  if (size == 0 || size > sizeof changed) return 0;
  run(data, size);
  for (int i = 0; i < VARIANTS; i++) {
    memcpy(changed, data, size);
    for (unsigned n = 0; n < 3; n++) {
      state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
      changed[(state >> 33) % size] = (uint8_t)(state >> 24);
    }
    run(changed, size);
  }
  return 0;
}

/* Packets that follow one another put together to a super-segment, from which they could be cut again as they were.
 *
 * As Linux' GRO has it, and stricter where cutting would not give back the same bytes: IDs of IPv4 go up by one, don't
 * fragment or not, nothing but the sequence number, length, FIN, PSH and (on the first) CWR may differ, and checksums have to
 * be right, since they are made anew. */
#include "edge/offload_join.h"
#include "program/p4s_bits.h"
#include "edge/sum.h"

#define TCP_FLAGS 13u
#define TCP_CHECKSUM 16u
#define UDP_CHECKSUM 6u
#define FIN 0x01u
#define SYN 0x02u
#define RST 0x04u
#define PSH 0x08u
#define URG 0x20u
#define CWR 0x80u
#define LEAST 512u /* bytes of payload: smaller packets are not worth the wait */
#define MOST 65535u /* bytes of the IP packet */

static uint32_t checksum_at(const struct layers *l) {
  return l->l4 + (l->protocol == LAYERS_TCP ? TCP_CHECKSUM : UDP_CHECKSUM);
}

/* Packets of one flow have the same; so may others, which only keeps them from being put together. */
static uint64_t flow(const struct layers *l, const uint8_t *frame) {
  const uint8_t *ip = frame + l->l3;
  uint64_t mix = UINT64_C(1) + l->protocol;
  if (l->fragment || l->end - l->l4 < 4) return 0;
  for (const uint8_t *p = ip + (l->version == 4 ? 12 : 8), *end = p + (l->version == 4 ? 8 : 32); p < end; p += 8)
    mix = (mix ^ p4s_be64(p)) * UINT64_C(0x9e3779b97f4a7c15);
  mix = (mix ^ p4s_be32(frame + l->l4)) * UINT64_C(0x9e3779b97f4a7c15);
  return mix ? mix : 1;
}

static bool checksums_right(const struct layers *l, const struct joinable *p) {
  const uint8_t *frame = p->frame;
  if (l->version == 4 && sum_fold(sum_bytes(frame + l->l3, 20)) != 0xffff) return false;
  if (l->protocol == LAYERS_UDP && get16(frame + checksum_at(l)) == 0) return false;
  uint64_t sum = layers_pseudo(l, frame, l->end - l->l4) + sum_bytes(frame + l->l4, l->payload - l->l4);
  sum += p->known && p->payload == l->payload ? p->sum : sum_bytes(frame + l->payload, l->end - l->payload);
  return sum_fold(sum) == 0xffff;
}

static bool may_be_joined(const struct layers *l, const struct joinable *p) {
  if (!l->bare || l->fragment || l->end != p->len || l->payload == l->end) return false;
  if (l->protocol == LAYERS_TCP) return !(p->frame[l->l4 + TCP_FLAGS] & (SYN | RST | URG));
  return l->protocol == LAYERS_UDP && p->origin != 0;
}

void join_begin(struct join *j, const struct joinable *p) {
  struct layers *l = &j->at;
  j->flow = 0;
  j->open = false;
  j->packets = 1;
  if (!layers_find(l, p->frame, p->len)) return;
  j->flow = flow(l, p->frame);
  if (!may_be_joined(l, p) || !checksums_right(l, p)) return;
  j->size = j->payload = l->end - l->payload;
  j->origin = l->protocol == LAYERS_UDP ? p->origin : 0;
  j->id = l->version == 4 ? (uint16_t)p4s_be16(p->frame + l->l3 + 4) : 0;
  j->seq = l->protocol == LAYERS_TCP ? (uint32_t)p4s_be32(p->frame + l->l4 + 4) : 0;
  j->open = true;
}

bool join_opens(const struct join *j, const uint8_t *frame) {
  if (!j->open || j->size < LEAST) return false;
  return j->at.protocol == LAYERS_UDP || !(frame[j->at.l4 + TCP_FLAGS] & (FIN | PSH));
}

/* All but what may differ; the lengths of the headers are the same. */
static bool same_headers(const struct layers *l, const uint8_t *a, const uint8_t *b) {
  const uint32_t l3 = l->l3, l4 = l->l4;
  if (memcmp(a, b, l3 + 2) != 0) return false;
  if (l->version == 4 ? memcmp(a + l3 + 6, b + l3 + 6, 4) != 0 || memcmp(a + l3 + 12, b + l3 + 12, 8) != 0
                      : memcmp(a + l3 + 2, b + l3 + 2, 2) != 0 || memcmp(a + l3 + 6, b + l3 + 6, 34) != 0)
    return false;
  if (memcmp(a + l4, b + l4, 4) != 0) return false;
  if (l->protocol == LAYERS_UDP) return true;
  const uint8_t differ = (a[l4 + TCP_FLAGS] ^ b[l4 + TCP_FLAGS]) & (uint8_t)~(FIN | PSH | CWR);
  return differ == 0 && memcmp(a + l4 + 8, b + l4 + 8, 5) == 0 && memcmp(a + l4 + 14, b + l4 + 14, 2) == 0 &&
         memcmp(a + l4 + 18, b + l4 + 18, l->payload - l4 - 18) == 0;
}

bool join_follows(const struct join *j, const uint8_t *first, const struct join *next, const uint8_t *frame) {
  const struct layers *l = &j->at;
  if (!j->open || !next->open || next->at.version != l->version || next->at.protocol != l->protocol) return false;
  if (next->at.payload != l->payload || next->size > j->size || next->origin != j->origin) return false;
  if (l->payload - l->l3 + j->payload + next->size > MOST) return false;
  if (l->version == 4 && next->id != (uint16_t)(j->id + j->packets)) return false;
  if (l->protocol == LAYERS_TCP && (next->seq != j->seq + j->payload || frame[l->l4 + TCP_FLAGS] & CWR)) return false;
  return same_headers(l, first, frame);
}

void join_add(struct join *j, uint8_t *first, const struct join *next, const uint8_t *frame) {
  const uint32_t flags = j->at.l4 + TCP_FLAGS;
  j->payload += next->size;
  j->packets++;
  j->open = next->size == j->size;
  if (j->at.protocol != LAYERS_TCP) return;
  if (frame[flags] & (FIN | PSH)) j->open = false;
  first[flags] |= frame[flags] & (FIN | PSH);
}

static void finish_ip(const struct layers *l, uint8_t *ip, uint32_t payload) {
  const uint32_t total = l->payload - l->l3 + payload;
  if (l->version == 6) {
    p4s_put_be(ip + 4, 2, total - 40);
    return;
  }
  p4s_put_be(ip + 2, 2, total);
  put16(ip + 10, 0);
  put16(ip + 10, (uint16_t)~sum_fold(sum_bytes(ip, 20)));
}

void join_finish(const struct join *j, uint8_t *first, vnet_t *v) {
  const struct layers *l = &j->at;
  const uint32_t segment = l->payload - l->l4 + j->payload;
  memset(v, 0, sizeof *v);
  if (j->packets == 1) return;
  finish_ip(l, first + l->l3, j->payload);
  if (l->protocol == LAYERS_UDP) {
    p4s_put_be(first + l->l4 + 4, 2, segment);
    v->gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
  } else {
    v->gso_type = l->version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
    if (first[l->l4 + TCP_FLAGS] & CWR) v->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
  }
  put16(first + checksum_at(l), sum_fold(layers_pseudo(l, first, segment)));
  v->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
  v->hdr_len = (uint16_t)l->payload;
  v->gso_size = (uint16_t)j->size;
  v->csum_start = (uint16_t)l->l4;
  v->csum_offset = (uint16_t)(checksum_at(l) - l->l4);
}

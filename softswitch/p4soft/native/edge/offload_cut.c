/* A super-segment cut into the packets that it stands for. */
#include <arpa/inet.h>

#include "edge/offload_cut.h"
#include "program/p4s_bits.h"
#include "edge/sum.h"

#define TCP_FLAGS 13u
#define TCP_CHECKSUM 16u
#define UDP_LENGTH 4u
#define UDP_CHECKSUM 6u
#define FIN 0x01u
#define PSH 0x08u
#define CWR 0x80u

static uint32_t checksum_at(const struct cut *c) {
  return c->at.l4 + (c->at.protocol == LAYERS_TCP ? TCP_CHECKSUM : UDP_CHECKSUM);
}

static bool agrees(const struct layers *l, uint32_t len, const vnet_t *v) {
  static const struct {
    uint8_t type, version, protocol;
  } kinds[] = {{VIRTIO_NET_HDR_GSO_TCPV4, 4, LAYERS_TCP},
               {VIRTIO_NET_HDR_GSO_TCPV6, 6, LAYERS_TCP},
               {VIRTIO_NET_HDR_GSO_UDP_L4, 4, LAYERS_UDP},
               {VIRTIO_NET_HDR_GSO_UDP_L4, 6, LAYERS_UDP}};
  const uint8_t type = v->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
  if (l->fragment || l->end != len || l->payload > OFFLOAD_HEADERS || l->payload == len || v->gso_size == 0) return false;
  if (v->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
    const uint32_t offset = l->protocol == LAYERS_TCP ? TCP_CHECKSUM : UDP_CHECKSUM;
    if (v->csum_start != l->l4 || v->csum_offset != offset) return false; /* it is that of an inner packet */
  }
  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (kinds[i].type == type && kinds[i].version == l->version && kinds[i].protocol == l->protocol) return true;
  return false;
}

uint32_t cut_begin(struct cut *c, const uint8_t *frame, uint32_t len, const vnet_t *v) {
  if (!layers_find(&c->at, frame, len) || !agrees(&c->at, len, v)) return 0;
  c->size = v->gso_size;
  c->count = (len - c->at.payload + c->size - 1) / c->size;
  c->next = 0;
  c->ecn = (v->gso_type & VIRTIO_NET_HDR_GSO_ECN) != 0;
  memcpy(c->headers, frame, c->at.payload);
  const uint16_t field = get16(frame + checksum_at(c));
  c->summed = true;
  if (v->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
    c->pseudo = field;
  } else {
    /* What makes the whole come out right; if that is not the pseudo-header, no packet of it comes out right. */
    c->summed = c->at.protocol == LAYERS_TCP || field != 0;
    c->pseudo = (uint16_t)~sum_fold(sum_bytes(frame + c->at.l4, len - c->at.l4));
  }
  put16(c->headers + checksum_at(c), 0);
  return c->count;
}

uint32_t cut_place(const struct cut *c, uint32_t *len) {
  const uint32_t at = c->at.payload + c->next * c->size, rest = c->at.end - at;
  *len = rest < c->size ? rest : c->size;
  return at;
}

/* RFC 1624, equation 3: a wrong checksum stays wrong. */
static void update_ipv4(uint8_t *ip, const uint8_t *before) {
  uint64_t sum = sum_without(get16(before + 10));
  sum += sum_without(get16(before + 2)) + get16(ip + 2);
  sum += sum_without(get16(before + 4)) + get16(ip + 4);
  put16(ip + 10, (uint16_t)~sum_fold(sum));
}

static void write_ip(const struct cut *c, uint8_t *headers, uint32_t payload) {
  uint8_t *ip = headers + c->at.l3;
  const uint32_t total = c->at.payload - c->at.l3 + payload;
  if (c->at.version == 6) {
    p4s_put_be(ip + 4, 2, total - 40);
    return;
  }
  p4s_put_be(ip + 2, 2, total);
  p4s_put_be(ip + 4, 2, (p4s_be16(ip + 4) + c->next) & 0xffff);
  update_ipv4(ip, c->headers + c->at.l3);
}

static void write_tcp(const struct cut *c, uint8_t *tcp) {
  p4s_put_be(tcp + 4, 4, (uint32_t)(p4s_be32(tcp + 4) + c->next * c->size));
  if (c->next + 1 < c->count) tcp[TCP_FLAGS] &= (uint8_t)~(FIN | PSH);
  if (c->next > 0 && c->ecn) tcp[TCP_FLAGS] &= (uint8_t)~CWR;
}

void cut_next(struct cut *c, const uint8_t *payload, uint8_t *headers) {
  const bool tcp = c->at.protocol == LAYERS_TCP;
  uint8_t *l4 = headers + c->at.l4;
  uint32_t len;
  cut_place(c, &len);
  memcpy(headers, c->headers, c->at.payload);
  write_ip(c, headers, len);
  const uint32_t segment = c->at.payload - c->at.l4 + len;
  if (tcp)
    write_tcp(c, l4);
  else
    p4s_put_be(l4 + UDP_LENGTH, 2, segment);
  c->next++;
  if (!c->summed) return;
  c->sum = sum_bytes(payload, len);
  /* 32-bit lengths: IPv6 pseudo-headers have them, and their upper halves are zero. */
  const uint64_t lengths = sum_without(htons((uint16_t)(c->at.end - c->at.l4))) + (uint64_t)htons((uint16_t)segment);
  const uint16_t sum = (uint16_t)~sum_fold(c->pseudo + lengths + sum_bytes(l4, c->at.payload - c->at.l4) + c->sum);
  put16(headers + checksum_at(c), sum || tcp ? sum : 0xffff);
}

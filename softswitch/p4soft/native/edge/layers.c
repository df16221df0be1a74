#include "edge/layers.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>

#include "program/p4s_bits.h"
#include "edge/sum.h"

#define MOST_TAGS 2u
#define MOST_EXTENSIONS 8u
#define IPV4_BYTES 20u
#define IPV6_BYTES 40u
#define UDP_BYTES 8u
#define TCP_BYTES 20u

static bool find_ipv4(struct layers *l, const uint8_t *frame, uint32_t len) {
  const uint8_t *ip = frame + l->l3;
  const uint32_t room = len - l->l3;
  if (room < IPV4_BYTES || ip[0] >> 4 != 4) return false;
  const uint32_t header = (ip[0] & 15) * 4u, total = (uint32_t)p4s_be16(ip + 2);
  if (header < IPV4_BYTES || total < header || total > room) return false;
  l->version = 4;
  l->l4 = l->l3 + header;
  l->end = l->l3 + total;
  l->protocol = ip[9];
  l->bare &= header == IPV4_BYTES;
  l->fragment = (p4s_be16(ip + 6) & 0x3fff) != 0;
  return true;
}

static bool is_extension(uint8_t next) {
  return next == 0 || next == 43 || next == 60; /* hop by hop, routing, destination */
}

static bool find_ipv6(struct layers *l, const uint8_t *frame, uint32_t len) {
  const uint8_t *ip = frame + l->l3;
  if (len - l->l3 < IPV6_BYTES || ip[0] >> 4 != 6) return false;
  l->version = 6;
  l->l4 = l->l3 + IPV6_BYTES;
  l->end = l->l4 + (uint32_t)p4s_be16(ip + 4);
  l->protocol = ip[6];
  if (l->end > len) return false;
  for (uint32_t i = 0; is_extension(l->protocol); i++) {
    if (i == MOST_EXTENSIONS || l->end - l->l4 < 8) return false;
    const uint32_t bytes = 8 + 8u * frame[l->l4 + 1];
    if (l->end - l->l4 < bytes) return false;
    l->protocol = frame[l->l4];
    l->l4 += bytes;
    l->bare = false;
  }
  l->fragment = l->protocol == 44;
  return true;
}

static bool find_payload(struct layers *l, const uint8_t *frame) {
  const uint32_t room = l->end - l->l4;
  l->payload = l->l4;
  if (l->fragment) return true;
  if (l->protocol == LAYERS_UDP) {
    if (room < UDP_BYTES || p4s_be16(frame + l->l4 + 4) != room) return false;
    l->payload += UDP_BYTES;
  } else if (l->protocol == LAYERS_TCP) {
    if (room < TCP_BYTES) return false;
    const uint32_t header = (frame[l->l4 + 12] >> 4) * 4u;
    if (header < TCP_BYTES || header > room) return false;
    l->payload += header;
  }
  return true;
}

bool layers_find(struct layers *l, const uint8_t *frame, uint32_t len) {
  if (len < ETH_HLEN) return false;
  uint32_t type = (uint32_t)p4s_be16(frame + 12), tags = 0;
  l->l3 = ETH_HLEN;
  for (; (type == ETH_P_8021Q || type == ETH_P_8021AD) && tags < MOST_TAGS && len - l->l3 >= 4; tags++) {
    type = (uint32_t)p4s_be16(frame + l->l3 + 2);
    l->l3 += 4;
  }
  l->bare = tags == 0;
  if (type == ETH_P_IP) return find_ipv4(l, frame, len) && find_payload(l, frame);
  return type == ETH_P_IPV6 && find_ipv6(l, frame, len) && find_payload(l, frame);
}

uint64_t layers_pseudo(const struct layers *l, const uint8_t *frame, uint32_t len) {
  const uint8_t *ip = frame + l->l3;
  const uint64_t addresses = l->version == 4 ? sum_bytes(ip + 12, 8) : sum_bytes(ip + 8, 32);
  return addresses + htonl(len) + htons(l->protocol);
}

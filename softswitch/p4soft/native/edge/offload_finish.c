/* Checksums that the sender left to the interface. */
#include "edge/offload_finish.h"
#include "edge/layers.h"
#include "program/p4s_bits.h"
#include "edge/sum.h"

#define CRC32C 0x82f63b78u /* reflected */
#define SCTP_CHECKSUM 8u

static uint32_t crc32c(const uint8_t *p, uint32_t n) {
  uint32_t crc = UINT32_MAX;
  for (uint32_t i = 0; i < n; i++) {
    crc ^= p[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? CRC32C : 0);
  }
  return ~crc;
}

/* RFC 9260, appendix A: its bytes are sent lowest first. */
static void finish_sctp(uint8_t *segment, uint32_t len) {
  memset(segment + SCTP_CHECKSUM, 0, 4);
  const uint32_t crc = crc32c(segment, len);
  for (unsigned i = 0; i < 4; i++) segment[SCTP_CHECKSUM + i] = (uint8_t)(crc >> 8 * i);
}

/* As skb_checksum_help and skb_crc32c_csum_help. */
bool offload_finish(uint8_t *frame, uint32_t len, const vnet_t *v) {
  const uint32_t start = v->csum_start, at = start + v->csum_offset;
  struct layers l;
  if (start >= len || at + 2 > len) return false;
  if (v->csum_offset == SCTP_CHECKSUM && len - start >= SCTP_CHECKSUM + 4 && layers_find(&l, frame, len) &&
      l.protocol == LAYERS_SCTP && l.l4 == start) {
    finish_sctp(frame + start, len - start);
    return true;
  }
  const uint16_t sum = (uint16_t)~sum_fold(sum_bytes(frame + start, len - start));
  put16(frame + at, sum ? sum : 0xffff);
  return true;
}

/* The wire format of protocol buffers, as far as WriteRequests of table entries need it. */
#ifndef P4S_WIRE_H
#define P4S_WIRE_H

#include "engine/base.h"

struct wire_span {
  const uint8_t *at, *end;
};

#define WIRE_NUMBER(field) ((field) << 3)
#define WIRE_BYTES(field) ((field) << 3 | 2)

struct wire_field {
  uint64_t tag, number;
  struct wire_span bytes;
};

static inline bool wire_varint(struct wire_span *s, uint64_t *value) {
  uint64_t v = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (s->at == s->end) return false;
    const uint8_t byte = *s->at++;
    if (shift == 63 && byte > 1) return false;
    v |= (uint64_t)(byte & 0x7f) << shift;
    if (!(byte & 0x80)) {
      *value = v;
      return true;
    }
  }
  return false;
}

/* The next field; false at the end and for what is malformed, which the caller tells apart by s->at. */
static inline bool wire_next(struct wire_span *s, struct wire_field *f) {
  const uint8_t *begin = s->at;
  f->bytes = (struct wire_span){begin, begin};
  if (begin == s->end) return false;
  if (wire_varint(s, &f->tag) && wire_varint(s, &f->number)) {
    if ((f->tag & 7) == 0) return true;
    if ((f->tag & 7) == 2 && f->number <= (uint64_t)(s->end - s->at)) {
      f->bytes = (struct wire_span){s->at, s->at + f->number};
      s->at = f->bytes.end;
      return true;
    }
  }
  s->at = begin;
  return false;
}

/* Decoding the fields of a key, which have to come in the order of the P4Info. */
struct wire_key {
  const struct p4s_wire_field *next, *end;
  uint8_t *out; /* where the next field's packed bytes go */
};

uint32_t wire_width(uint32_t bits);
/* Bytes of a field in a packed key. */
uint32_t wire_packed_field(const struct p4s_wire_field *f);
/* A bytestring as a packed field of ``bits``; false if it is empty or does not fit. */
bool wire_pack(struct wire_span value, uint32_t bits, uint8_t *out);
/* One FieldMatch; false unless it is right in every way. */
bool wire_key_add(struct wire_key *key, struct wire_span message);
/* No more of them: false if one was missing. */
bool wire_key_end(struct wire_key *key);

#endif

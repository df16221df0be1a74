/* Match keys in their wire form to packed keys. What is not right in every way is refused without a reason: the server
 * finds it again (see write.c). */
#include "p4rt/wire.h"

uint32_t wire_width(uint32_t bits) { return (bits + 7) / 8; }

bool wire_pack(struct wire_span value, uint32_t bits, uint8_t *out) {
  const size_t size = wire_width(bits);
  if (value.at == value.end) return false;
  while ((size_t)(value.end - value.at) > size)
    if (*value.at++ != 0) return false;
  const size_t given = (size_t)(value.end - value.at);
  memset(out, 0, size - given);
  memcpy(out + size - given, value.at, given);
  return bits % 8 == 0 || out[0] >> (bits % 8) == 0;
}

static void fill_ones(uint8_t *out, uint32_t bits) {
  memset(out, 0xff, wire_width(bits));
  if (bits % 8) out[0] = (uint8_t)((1u << (bits % 8)) - 1);
}

static bool all(const uint8_t *p, uint32_t bits, bool ones) {
  uint8_t wanted[P4S_KEY_WORDS * 8] = {0};
  if (ones) fill_ones(wanted, bits);
  return memcmp(p, wanted, wire_width(bits)) == 0;
}

uint32_t wire_packed_field(const struct p4s_wire_field *f) {
  const uint32_t size = wire_width(f->bits);
  return f->kind == P4S_EXACT ? size : f->kind == P4S_LPM ? size + 2 : 2 * size;
}

/* A field that was left out; false if it may not be. */
static bool absent(const struct p4s_wire_field *f, uint8_t *out) {
  if (f->kind == P4S_EXACT) return false;
  memset(out, 0, wire_packed_field(f));
  if (f->kind == P4S_RANGE) fill_ones(out + wire_width(f->bits), f->bits);
  return true;
}

static bool lpm(uint8_t *out, uint32_t bits, uint64_t length) {
  const uint32_t size = wire_width(bits);
  if (length == 0 || length > bits) return false;
  for (uint64_t bit = length; bit < bits; bit++) { /* counted from the field's first */
    const uint64_t at = bit + 8 * size - bits;
    if (out[at / 8] & 0x80u >> (at % 8)) return false;
  }
  p4s_put_be(out + size, 2, length);
  return true;
}

/* A match of ``f`` whose kind has the right number: its one or two values. */
static bool match_value(const struct p4s_wire_field *f, struct wire_span s, uint8_t *out) {
  const uint32_t size = wire_width(f->bits);
  uint64_t length = 0;
  bool first = false, second = false;
  struct wire_field part;
  while (wire_next(&s, &part)) {
    if (part.tag == WIRE_BYTES(1) && !first) {
      first = wire_pack(part.bytes, f->bits, out);
      if (!first) return false;
    } else if (part.tag == WIRE_BYTES(2) && !second && (f->kind == P4S_TERNARY || f->kind == P4S_RANGE)) {
      second = wire_pack(part.bytes, f->bits, out + size);
      if (!second) return false;
    } else if (part.tag == WIRE_NUMBER(2) && f->kind == P4S_LPM) {
      length = part.number;
    } else {
      return false;
    }
  }
  if (s.at != s.end || !first) return false;
  switch (f->kind) {
  case P4S_EXACT: return true;
  case P4S_LPM: return lpm(out, f->bits, length);
  case P4S_OPTIONAL: fill_ones(out + size, f->bits); return true;
  case P4S_RANGE:
    return second && memcmp(out, out + size, size) <= 0 &&
           !(all(out, f->bits, false) && all(out + size, f->bits, true));
  default: break;
  }
  for (uint32_t i = 0; i < size; i++)
    if (out[i] & ~out[size + i]) return false;
  return second && !all(out + size, f->bits, false);
}

static uint64_t kind_tag(uint32_t kind) {
  static const uint64_t tags[] = {
      [P4S_EXACT] = WIRE_BYTES(2), [P4S_LPM] = WIRE_BYTES(4), [P4S_TERNARY] = WIRE_BYTES(3),
      [P4S_RANGE] = WIRE_BYTES(6), [P4S_OPTIONAL] = WIRE_BYTES(7),
  };
  return tags[kind];
}

/* The id of a FieldMatch, and its kind and value; 0 unless both are there once. */
static uint64_t match_parts(struct wire_span s, uint64_t *tag, struct wire_span *value) {
  struct wire_field part;
  uint64_t id = 0;
  *tag = 0;
  while (wire_next(&s, &part)) {
    if (part.tag == WIRE_NUMBER(1) && id == 0) {
      id = part.number;
    } else if ((part.tag & 7) == 2 && *tag == 0) {
      *tag = part.tag;
      *value = part.bytes;
    } else {
      return 0;
    }
  }
  return s.at == s.end ? id : 0;
}

bool wire_key_add(struct wire_key *key, struct wire_span message) {
  uint64_t tag;
  struct wire_span value = message;
  const uint64_t id = match_parts(message, &tag, &value);
  for (; key->next < key->end; key->next++) {
    const struct p4s_wire_field *f = key->next;
    const bool found = f->id == id;
    if (!(found ? tag == kind_tag(f->kind) && match_value(f, value, key->out) : absent(f, key->out))) return false;
    key->out += wire_packed_field(f);
    if (found) {
      key->next++;
      return true;
    }
  }
  return false;
}

bool wire_key_end(struct wire_key *key) {
  for (; key->next < key->end; key->out += wire_packed_field(key->next++))
    if (!absent(key->next, key->out)) return false;
  return true;
}

/* Packed keys and parameters, and how entries hold them. */
#include "engine/pack.h"

/* --- packed keys --- */

static bool fits(const uint8_t *p, uint32_t bits) { return bits % 8 == 0 || p[0] >> (bits % 8) == 0; }

static void prefix_mask(uint8_t *out, uint32_t bits, uint32_t length) {
  const uint32_t size = (bits + 7) / 8, pad = size * 8 - bits;
  for (uint32_t i = 0; i < size * 8; i++)
    if (i >= pad && i < pad + length) out[i / 8] |= (uint8_t)(0x80u >> (i % 8));
}

static void to_words(uint64_t *out, const uint8_t *bytes, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) out[i] = p4s_be64(bytes + 8 * i);
}

int pack_key(const struct p4s_table_desc *d, const uint8_t *packed, uint64_t *out) {
  uint8_t value[8 * P4S_KEY_WORDS] = {0}, mask[8 * P4S_KEY_WORDS] = {0};
  uint8_t low[8 * P4S_KEY_WORDS] = {0}, high[8 * P4S_KEY_WORDS] = {0};
  const uint32_t n = d->key_words;
  uint64_t length = 0;
  for (uint32_t f = 0; f < d->nfields; f++) {
    const struct p4s_field_desc *field = &d->fields[f];
    const uint32_t size = (field->bits + 7u) / 8u, at = field->offset;
    const uint8_t *first = packed, *second = packed + size;
    if (!fits(first, field->bits)) return P4S_INVALID;
    packed += size;
    if (field->kind == P4S_EXACT) {
      memcpy(value + at, first, size);
      prefix_mask(mask + at, field->bits, field->bits);
      continue;
    }
    if (field->kind == P4S_LPM) {
      length = p4s_be16(second);
      if (length > field->bits) return P4S_INVALID;
      packed += 2;
      prefix_mask(mask + at, field->bits, (uint32_t)length);
    } else {
      if (!fits(second, field->bits)) return P4S_INVALID;
      packed += size;
      if (field->kind == P4S_RANGE) {
        if (memcmp(first, second, size) > 0) return P4S_INVALID;
        memcpy(low + at, first, size);
        memcpy(high + at, second, size);
        continue;
      }
      memcpy(mask + at, second, size);
    }
    for (uint32_t i = 0; i < size; i++) value[at + i] = first[i] & mask[at + i];
  }
  to_words(out, value, n);
  if (d->kind == P4S_LPM) out[n] = length;
  if (!prioritised(d)) return P4S_OK;
  to_words(out + n, mask, n);
  if (d->kind == P4S_RANGE) {
    memcpy(out + 2 * n, low, 8 * n);
    memcpy(out + 3 * n, high, 8 * n);
  }
  return P4S_OK;
}

static void from_words(uint8_t *out, const uint64_t *words, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) p4s_put_be(out + 8 * i, 8, words[i]);
}

static uint32_t ones(const uint8_t *p, uint32_t n) {
  uint32_t sum = 0;
  for (uint32_t i = 0; i < n; i++) sum += (uint32_t)__builtin_popcount(p[i]);
  return sum;
}

void unpack_key(const struct p4s_table_desc *d, const uint64_t *m, uint8_t *packed) {
  uint8_t value[8 * P4S_KEY_WORDS], mask[8 * P4S_KEY_WORDS] = {0};
  const uint32_t n = d->key_words;
  const uint8_t *low = (const uint8_t *)(m + 2 * n), *high = low + 8 * n;
  from_words(value, m, n);
  if (prioritised(d)) from_words(mask, m + n, n);
  for (uint32_t f = 0; f < d->nfields; f++) {
    const struct p4s_field_desc *field = &d->fields[f];
    const uint32_t size = (field->bits + 7u) / 8u, at = field->offset;
    memcpy(packed, field->kind == P4S_RANGE ? low + at : value + at, size);
    packed += size;
    if (field->kind == P4S_EXACT) continue;
    if (field->kind == P4S_LPM) {
      p4s_put_be(packed, 2, d->kind == P4S_LPM ? m[n] : ones(mask + at, size));
      packed += 2;
      continue;
    }
    memcpy(packed, field->kind == P4S_RANGE ? high + at : mask + at, size);
    packed += size;
  }
}

/* --- parameters --- */

uint32_t packed_params(const struct p4s_table *t, uint32_t action) {
  if (action >= t->desc->nactions) return 0;
  const struct p4s_action_desc *a = &t->desc->actions[action];
  uint32_t size = 0;
  for (uint32_t i = 0; i < a->nparams; i++) size += (a->params[i].bits + 7u) / 8u;
  return size;
}

int pack_params(const struct p4s_table *t, uint32_t action, const uint8_t *in, uint8_t *area) {
  if (action >= t->desc->nactions) return P4S_INVALID;
  const struct p4s_action_desc *a = &t->desc->actions[action];
  for (uint32_t i = 0; i < a->nparams; i++) {
    const struct p4s_param_desc *d = &a->params[i];
    const uint32_t size = (d->bits + 7u) / 8u;
    if (!fits(in, d->bits)) return P4S_INVALID;
    memset(area + d->offset, 0, d->size);
    for (uint32_t b = 0; b < size; b++) area[d->offset + b] = in[size - 1 - b]; /* little-endian host */
    in += size;
  }
  return P4S_OK;
}

void unpack_params(const struct p4s_table *t, const struct p4s_entry *e, uint8_t *out) {
  const uint32_t action = p4s_action(e);
  if (action >= t->desc->nactions) return;
  const struct p4s_action_desc *a = &t->desc->actions[action];
  const uint8_t *area = (const uint8_t *)e + t->params_at;
  for (uint32_t i = 0; i < a->nparams; i++) {
    const uint32_t size = (a->params[i].bits + 7u) / 8u;
    for (uint32_t b = 0; b < size; b++) out[b] = area[a->params[i].offset + size - 1 - b];
    out += size;
  }
}

/* Keys and parameters as the control plane packs them (p4soft/api.py), and the same as entries hold them. */
#ifndef P4S_ENGINE_PACK_H
#define P4S_ENGINE_PACK_H

#include "engine/base.h"

/* Words of a key's material in an entry. */
static inline uint32_t material_words(const struct p4s_table_desc *d) {
  switch (d->kind) {
  case P4S_EXACT: return d->key_words;
  case P4S_LPM: return d->key_words + 1u;
  case P4S_RANGE: return 4u * d->key_words;
  default: return 2u * d->key_words;
  }
}

static inline bool prioritised(const struct p4s_table_desc *d) { return d->kind == P4S_TERNARY || d->kind == P4S_RANGE; }

/* P4S_INVALID: a field has bits beyond its width, a prefix is too long, or a range is empty. */
int pack_key(const struct p4s_table_desc *d, const uint8_t *packed, uint64_t *material);
void unpack_key(const struct p4s_table_desc *d, const uint64_t *material, uint8_t *packed);
/* P4S_INVALID: there is no such action, or a parameter has bits beyond its width. */
int pack_params(const struct p4s_table *t, uint32_t action, const uint8_t *packed, uint8_t *area);
void unpack_params(const struct p4s_table *t, const struct p4s_entry *e, uint8_t *packed);
uint32_t packed_params(const struct p4s_table *t, uint32_t action);

#endif

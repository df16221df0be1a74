/* Tables as the control plane sees them. */
#ifndef P4S_ENGINE_TABLE_H
#define P4S_ENGINE_TABLE_H

#include "engine/wheel.h"

int table_init(struct p4s_table *t, const struct p4s_table_desc *d, uint64_t seed);
void table_free(struct p4s_table *t);
int table_insert(struct p4s_table *t, const uint8_t *key, uint32_t action, const uint8_t *params, int32_t priority,
                 uint64_t idle, uint64_t cookie, uint64_t now);
int table_modify(struct p4s_table *t, const uint8_t *key, uint32_t action, const uint8_t *params, int32_t priority,
                 uint64_t idle, uint64_t cookie, uint64_t now);
int table_delete(struct p4s_table *t, const uint8_t *key, int32_t priority);
/* Index of the entry, or P4S_NONE. */
uint32_t table_find(struct p4s_table *t, const uint8_t *key, int32_t priority, int *error);
int table_set_default(struct p4s_table *t, uint32_t action, const uint8_t *params);
uint32_t table_image_size(const struct p4s_table *t);
/* Writes a struct p4s_entry_image and what follows it; returns its size. */
uint32_t table_image(struct p4s_table *t, uint32_t index, uint64_t now, uint8_t *out);
/* Bytes that an entry takes, its share of the index included. */
uint32_t table_entry_bytes(const struct p4s_table *t);

#endif

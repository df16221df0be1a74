/* What programs that are compiled for tracing include besides. */
#ifndef P4S_TRACE_H
#define P4S_TRACE_H

#include <stdio.h>

#include "p4s.h"

#define P4S_TRACE_TEXT 1024u

/* Text made of numbers in hexadecimal, as many as fit. */
struct p4s_text {
  uint32_t used;
  char text[P4S_TRACE_TEXT];
};

static inline __attribute__((unused)) void p4s_text_byte(struct p4s_text *t, uint8_t b) {
  static const char digits[] = "0123456789abcdef";
  if (t->used + 3 > sizeof t->text) return;
  t->text[t->used++] = digits[b >> 4];
  t->text[t->used++] = digits[b & 15];
  t->text[t->used] = 0;
}

static inline __attribute__((unused)) void p4s_text_comma(struct p4s_text *t) {
  if (t->used + 2 > sizeof t->text) return;
  t->text[t->used++] = ',';
  t->text[t->used] = 0;
}

/* A number in the machine's byte order, which is little-endian. */
static inline __attribute__((unused)) void p4s_text_number(struct p4s_text *t, const void *value, uint32_t bytes) {
  for (uint32_t i = bytes; i-- > 0;) p4s_text_byte(t, ((const uint8_t *)value)[i]);
}

/* A value as log_msg prints it: decimal, hexadecimal if it is wider than 64 bits. */
static inline __attribute__((unused)) void p4s_text_value(struct p4s_text *t, const void *value, uint32_t bytes) {
  uint64_t v = 0;
  if (bytes > 8) {
    p4s_text_number(t, value, bytes);
    return;
  }
  memcpy(&v, value, bytes);
  snprintf(t->text, sizeof t->text, "%llu", (unsigned long long)v);
}

/* Bytes of a key, which begin at ``offset``. */
static inline __attribute__((unused)) void p4s_text_key(struct p4s_text *t, const uint64_t *words, uint32_t offset,
                                                        uint32_t bytes) {
  t->used = 0;
  t->text[0] = 0;
  for (uint32_t i = offset; i < offset + bytes; i++) p4s_text_byte(t, (uint8_t)(words[i / 8] >> (56 - 8 * (i % 8))));
}

#endif

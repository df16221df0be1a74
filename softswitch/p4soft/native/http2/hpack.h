/* Header compression of HTTP/2 (RFC 7541): the decoder. */
#ifndef P4S_HPACK_H
#define P4S_HPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HPACK_TABLE 4096u /* bytes of the dynamic table; what an endpoint that says nothing allows */
#define HPACK_SCRATCH 65536u
#define HPACK_STATIC 61u

struct hpack_entry {
  uint32_t at, name, value; /* place in the bytes; lengths */
};

struct hpack {
  uint32_t limit, size; /* as the RFC counts: 32 beyond the bytes of each entry */
  uint32_t count, used;
  struct hpack_entry entries[HPACK_TABLE / 32]; /* oldest first */
  uint8_t bytes[HPACK_TABLE];
};

struct hpack_string {
  const uint8_t *data;
  uint32_t len;
};

typedef void hpack_header(void *context, struct hpack_string name, struct hpack_string value);

void hpack_init(struct hpack *h);
/* Decode a whole header block; false if it is malformed, which ends the connection. The strings that ``header`` gets
 * last until it returns. ``scratch`` has HPACK_SCRATCH bytes. */
bool hpack_decode(struct hpack *h, const uint8_t *block, size_t len, uint8_t *scratch, hpack_header *header,
                  void *context);

#endif

#include "http2/hpack.h"

#include <string.h>

static const struct {
  const char *name, *value;
} known[HPACK_STATIC] = {
    {":authority", ""}, {":method", "GET"}, {":method", "POST"}, {":path", "/"}, {":path", "/index.html"},
    {":scheme", "http"}, {":scheme", "https"}, {":status", "200"}, {":status", "204"}, {":status", "206"},
    {":status", "304"}, {":status", "400"}, {":status", "404"}, {":status", "500"}, {"accept-charset", ""},
    {"accept-encoding", "gzip, deflate"}, {"accept-language", ""}, {"accept-ranges", ""}, {"accept", ""},
    {"access-control-allow-origin", ""}, {"age", ""}, {"allow", ""}, {"authorization", ""}, {"cache-control", ""},
    {"content-disposition", ""}, {"content-encoding", ""}, {"content-language", ""}, {"content-length", ""},
    {"content-location", ""}, {"content-range", ""}, {"content-type", ""}, {"cookie", ""}, {"date", ""}, {"etag", ""},
    {"expect", ""}, {"expires", ""}, {"from", ""}, {"host", ""}, {"if-match", ""}, {"if-modified-since", ""},
    {"if-none-match", ""}, {"if-range", ""}, {"if-unmodified-since", ""}, {"last-modified", ""}, {"link", ""},
    {"location", ""}, {"max-forwards", ""}, {"proxy-authenticate", ""}, {"proxy-authorization", ""}, {"range", ""},
    {"referer", ""}, {"refresh", ""}, {"retry-after", ""}, {"server", ""}, {"set-cookie", ""},
    {"strict-transport-security", ""}, {"transfer-encoding", ""}, {"user-agent", ""}, {"vary", ""}, {"via", ""},
    {"www-authenticate", ""},
};

/* Bits of each symbol's Huffman code, the last being the end of a string. The code is canonical: codes of one length
 * follow each other in the order of the symbols, and longer ones come after shorter ones. */
#define SYMBOLS 257u
#define LONGEST 30u
static const uint8_t code_bits[SYMBOLS] = {
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
};

/* The symbols by code, and where in them the codes of a length begin. */
static uint16_t by_code[SYMBOLS];
static uint16_t per_length[LONGEST + 1];

__attribute__((constructor)) static void order_codes(void) {
  uint32_t n = 0;
  for (uint32_t bits = 1; bits <= LONGEST; bits++)
    for (uint32_t symbol = 0; symbol < SYMBOLS; symbol++)
      if (code_bits[symbol] == bits) {
        by_code[n++] = (uint16_t)symbol;
        per_length[bits]++;
      }
}

void hpack_init(struct hpack *h) {
  memset(h, 0, sizeof *h);
  h->limit = HPACK_TABLE;
}

/* --- the dynamic table --- */

static void evict(struct hpack *h, uint32_t limit) {
  uint32_t gone = 0, bytes = 0;
  for (; h->size > limit; gone++) {
    const uint32_t length = h->entries[gone].name + h->entries[gone].value;
    bytes += length;
    h->size -= length + 32;
  }
  if (gone == 0) return;
  h->count -= gone;
  h->used -= bytes;
  memmove(h->bytes, h->bytes + bytes, h->used);
  memmove(h->entries, h->entries + gone, h->count * sizeof *h->entries);
  for (uint32_t i = 0; i < h->count; i++) h->entries[i].at -= bytes;
}

static void add(struct hpack *h, struct hpack_string name, struct hpack_string value) {
  uint8_t copy[HPACK_TABLE]; /* the name may be that of an entry about to go */
  const uint64_t size = (uint64_t)name.len + value.len + 32;
  if (size > h->limit) {
    evict(h, 0);
    return;
  }
  memcpy(copy, name.data, name.len);
  memcpy(copy + name.len, value.data, value.len);
  evict(h, h->limit - (uint32_t)size);
  h->entries[h->count++] = (struct hpack_entry){h->used, name.len, value.len};
  memcpy(h->bytes + h->used, copy, name.len + value.len);
  h->used += name.len + value.len;
  h->size += (uint32_t)size;
}

static bool look_up(const struct hpack *h, uint64_t index, struct hpack_string *name, struct hpack_string *value) {
  if (index == 0) return false;
  if (index <= HPACK_STATIC) {
    const char *text = known[index - 1].name, *more = known[index - 1].value;
    *name = (struct hpack_string){(const uint8_t *)text, (uint32_t)strlen(text)};
    *value = (struct hpack_string){(const uint8_t *)more, (uint32_t)strlen(more)};
    return true;
  }
  index -= HPACK_STATIC + 1;
  if (index >= h->count) return false;
  const struct hpack_entry *e = &h->entries[h->count - 1 - index];
  *name = (struct hpack_string){h->bytes + e->at, e->name};
  *value = (struct hpack_string){h->bytes + e->at + e->name, e->value};
  return true;
}

/* --- the wire --- */

struct input {
  const uint8_t *at, *end;
  uint8_t *scratch, *scratch_end;
};

/* An integer whose first byte has ``bits`` bits of it. */
static bool integer(struct input *in, unsigned bits, uint64_t *value) {
  const uint8_t all = (uint8_t)((1u << bits) - 1);
  if (in->at == in->end) return false;
  *value = *in->at++ & all;
  if (*value < all) return true;
  for (unsigned shift = 0; shift <= 28; shift += 7) {
    if (in->at == in->end) return false;
    const uint8_t byte = *in->at++;
    *value += (uint64_t)(byte & 0x7f) << shift;
    if (!(byte & 0x80)) return true;
  }
  return false;
}

static bool huffman(struct input *in, size_t len, struct hpack_string *out) {
  const uint8_t *end = in->at + len;
  uint8_t *to = in->scratch;
  uint32_t code = 0, first = 0, index = 0, bits = 0, ones = 0;
  for (; in->at < end; in->at++)
    for (unsigned shift = 8; shift-- > 0;) {
      const uint32_t bit = *in->at >> shift & 1;
      code = code << 1 | bit;
      ones = bit ? ones + 1 : 0;
      first <<= 1;
      if (++bits > LONGEST) return false;
      if (code - first < per_length[bits]) {
        const uint32_t symbol = by_code[index + code - first];
        if (symbol == SYMBOLS - 1 || to == in->scratch_end) return false;
        *to++ = (uint8_t)symbol;
        code = first = index = bits = 0;
        ones = 0;
      } else {
        index += per_length[bits];
        first += per_length[bits];
      }
    }
  if (bits > 7 || ones != bits) return false; /* padding is the beginning of the end of string: all ones */
  *out = (struct hpack_string){in->scratch, (uint32_t)(to - in->scratch)};
  in->scratch = to;
  return true;
}

static bool string(struct input *in, struct hpack_string *out) {
  uint64_t len;
  if (in->at == in->end) return false;
  const bool coded = (*in->at & 0x80) != 0;
  if (!integer(in, 7, &len) || len > (uint64_t)(in->end - in->at)) return false;
  if (coded) return huffman(in, (size_t)len, out);
  *out = (struct hpack_string){in->at, (uint32_t)len};
  in->at += len;
  return true;
}

bool hpack_decode(struct hpack *h, const uint8_t *block, size_t len, uint8_t *scratch, hpack_header *header,
                  void *context) {
  if (len == 0) return true; /* and perhaps no memory */
  struct input in = {.at = block, .end = block + len, .scratch_end = scratch + HPACK_SCRATCH};
  while (in.at < in.end) {
    const uint8_t first = *in.at;
    struct hpack_string name, value;
    uint64_t index;
    in.scratch = scratch;
    if (first & 0x80) { /* indexed */
      if (!integer(&in, 7, &index) || !look_up(h, index, &name, &value)) return false;
      header(context, name, value);
      continue;
    }
    if ((first & 0xe0) == 0x20) { /* another size of the dynamic table */
      if (!integer(&in, 5, &index) || index > HPACK_TABLE) return false;
      h->limit = (uint32_t)index;
      evict(h, h->limit);
      continue;
    }
    const bool remember = (first & 0x40) != 0;
    if (!integer(&in, remember ? 6 : 4, &index)) return false;
    if (!(index ? look_up(h, index, &name, &value) : string(&in, &name)) || !string(&in, &value)) return false;
    header(context, name, value);
    if (remember) add(h, name, value);
  }
  return true;
}

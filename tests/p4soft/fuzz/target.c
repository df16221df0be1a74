/* The fuzz target: a generated program and the runtime, without threads, ports of the kernel or Python.
 *
 * An input is a list of commands, so that packets meet tables, groups and registers in any state:
 *
 *   0x00..0x7f  a packet: port, length (2 bytes), bytes. Packets in a row are one batch, and run again VARIANTS times with
 *               bytes changed at random, the same way every time.
 *   0x80..      see run(); arguments are taken from the bytes that follow, zeros when there are none left
 *
 * $P4S_FUZZ_SETUP names an input that is run once, before all others: entries that good packets need. Every table gets
 * some random entries as well. What an input inserts is deleted after it. The number of packets is told at exit. */
#include "engine/age.h"
#include "engine/entries.h"
#include "engine/forward.h"
#include "engine/lock.h"
#include "engine/switch.h"
#include "engine/worker.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern const struct p4s_prog p4s_program;

#define CPU_PORT 255
#define MOST_INSERTS 256u
#define MOST_BYTES 4096u /* of a key and its parameters */
#define RANDOM_ENTRIES 24u
#define VARIANTS 15
#define MOST_AHEAD_NS ((UINT64_C(1) << 36) - 1) /* a minute: the wheel looks at every tick in between */

static struct p4s_switch *sw;
static uint64_t packets, ahead_ns;

/* --- the input --- */

struct input {
  const uint8_t *at;
  size_t left;
};

static uint8_t byte(struct input *in) {
  if (in->left == 0) return 0;
  in->left--;
  return *in->at++;
}

static uint32_t number(struct input *in, unsigned bytes) {
  uint32_t n = 0;
  while (bytes--) n = n << 8 | byte(in);
  return n;
}

static void fill(struct input *in, uint8_t *out, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) out[i] = byte(in);
}

/* Leave only the bits that a field has, most of the time: the rest is for the checks. */
static void fit(uint8_t *field, uint32_t bits) {
  if (bits % 8) field[0] &= (uint8_t)((1u << bits % 8) - 1);
}

/* --- tables --- */

static struct {
  uint32_t table, size;
  int32_t priority;
  uint8_t key[MOST_BYTES];
} inserted[MOST_INSERTS];
static uint32_t ninserted;

static void take_key(struct input *in, const struct p4s_table_desc *d, uint8_t *key) {
  for (uint32_t f = 0; f < d->nfields; f++) {
    const uint32_t size = (d->fields[f].bits + 7u) / 8u;
    fill(in, key, size);
    fit(key, d->fields[f].bits);
    key += size;
    if (d->fields[f].kind == P4S_EXACT) continue;
    if (d->fields[f].kind == P4S_LPM) {
      p4s_put_be(key, 2, number(in, 2) % (d->fields[f].bits + 2u));
      key += 2;
      continue;
    }
    fill(in, key, size);
    fit(key, d->fields[f].bits);
    key += size;
  }
}

static void take_params(struct input *in, const struct p4s_table_desc *d, uint32_t action, uint8_t *out) {
  if (action >= d->nactions) return;
  for (uint32_t i = 0; i < d->actions[action].nparams; i++) {
    const uint32_t size = (d->actions[action].params[i].bits + 7u) / 8u;
    fill(in, out, size);
    fit(out, d->actions[action].params[i].bits);
    out += size;
  }
}

static void update(struct input *in, uint32_t kind, bool keep) {
  static uint8_t bytes[MOST_BYTES];
  const uint32_t table = number(in, 1) % p4s_program.ntables;
  const struct p4s_table_desc *d = &p4s_program.tables[table];
  struct p4s_update u = {.kind = kind, .params_at = d->packed_bytes};
  if (d->lists || d->nactions == 0) return;
  memset(bytes, 0, sizeof bytes);
  take_key(in, d, bytes);
  u.priority = (int32_t)(byte(in) & 15);
  u.action = byte(in) % (d->nactions + 1u); /* the last one does not exist */
  take_params(in, d, u.action, bytes + d->packed_bytes);
  u.idle = d->support_timeout ? (uint64_t)byte(in) << 24 : 0;
  const int result = p4s_update(sw, table, &u, bytes);
  if (kind != P4S_INSERT || result != P4S_OK || keep) return;
  if (ninserted == MOST_INSERTS) return;
  inserted[ninserted].table = table;
  inserted[ninserted].priority = u.priority;
  memcpy(inserted[ninserted++].key, bytes, d->packed_bytes);
}

static void forget(void) {
  while (ninserted > 0) {
    const struct p4s_update u = {.kind = P4S_DELETE, .priority = inserted[--ninserted].priority};
    p4s_update(sw, inserted[ninserted].table, &u, inserted[ninserted].key);
  }
}

static void read_table(uint32_t table) {
  static uint8_t out[1 << 16];
  for (uint32_t at = 0; at != P4S_NONE;) p4s_entries(sw, table, &at, out, sizeof out);
}

static void set_default(struct input *in) {
  uint8_t params[MOST_BYTES] = {0};
  const uint32_t table = number(in, 1) % p4s_program.ntables;
  const struct p4s_table_desc *d = &p4s_program.tables[table];
  if (d->lists || d->nactions == 0 || byte(in) == 0) {
    p4s_set_default(sw, table, UINT32_MAX, params);
    return;
  }
  const uint32_t action = byte(in) % d->nactions;
  take_params(in, d, action, params);
  p4s_set_default(sw, table, action, params);
}

/* --- everything else --- */

static void set_meter(struct input *in) {
  const uint64_t config[4] = {number(in, 4), number(in, 2), number(in, 4), number(in, 2)};
  const uint32_t which = byte(in);
  if (p4s_program.nmeters && (which & 1)) {
    const uint32_t array = which / 2 % p4s_program.nmeters;
    if (p4s_program.meters[array].size)
      p4s_write_meter(sw, array, number(in, 2) % p4s_program.meters[array].size, config);
    return;
  }
  uint8_t key[MOST_BYTES] = {0};
  const uint32_t table = which / 2 % p4s_program.ntables;
  if (!p4s_program.tables[table].has_meter) return;
  take_key(in, &p4s_program.tables[table], key);
  p4s_set_direct_meter(sw, table, key, byte(in) & 15, config);
}

static void set_register(struct input *in) {
  if (p4s_program.nregisters == 0) return;
  const uint32_t array = byte(in) % p4s_program.nregisters;
  const struct p4s_array_desc *d = &p4s_program.registers[array];
  uint8_t cell[MOST_BYTES] = {0};
  if (d->size == 0 || d->cell > sizeof cell) return;
  const uint32_t index = number(in, 3) % d->size;
  fill(in, cell, (d->bits + 7) / 8);
  if (d->bits % 8) cell[d->bits / 8] &= (uint8_t)((1u << d->bits % 8) - 1);
  p4s_write_register(sw, array, index, cell);
}

static void set_group(struct input *in, int which) {
  struct p4s_replica replicas[4];
  const uint32_t id = number(in, 2) & 7, n = byte(in) % 5, truncate = number(in, 2);
  for (uint32_t i = 0; i < n; i++) replicas[i] = (struct p4s_replica){byte(in) & 3, number(in, 2)};
  p4s_set_group(sw, which, id, n ? replicas : NULL, n, which ? truncate : 0);
}

static void set_list(struct input *in) {
  uint32_t members[8];
  const uint32_t table = byte(in) % p4s_program.ntables, id = byte(in) & 15, n = byte(in) % 9;
  for (uint32_t i = 0; i < n; i++) members[i] = byte(in) & 15;
  if (p4s_program.tables[table].lists) p4s_set_list(sw, table, id, n ? members : NULL, n);
}

static void drop_events(void) {
  struct p4s_ring *rings[] = {&sw->out, &sw->packets, &sw->digests, &sw->idles};
  for (unsigned i = 0; i < sizeof rings / sizeof *rings; i++)
    while (ring_peek(rings[i])) ring_pop(rings[i]);
}

static uint64_t draw(uint64_t *state) { /* xorshift64* */
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * UINT64_C(0x2545f4914f6cdd1d);
}

/* The frames lie in memory of exactly their size, so that a read beyond one is found. */
static struct p4s_frame frames[P4S_BATCH];
static uint32_t nframes;

static void forward(void) {
  struct p4s_worker *const w = sw->workers[0];
  worker_time(w);
  w->ctx.now += ahead_ns;
  w->ctx.moment = p4s_moment(w->ctx.now);
  forward_frames(w, frames, nframes);
  for (int turn = 0; turn < 8 && forward_backlog(w); turn++) continue;
  w->backlog_count = 0; /* a program may recirculate for ever */
  drop_events();
  packets += nframes;
}

static void vary(uint64_t *state) {
  for (uint32_t i = 0; i < nframes; i++) {
    uint8_t *data = (uint8_t *)(uintptr_t)frames[i].data;
    for (uint64_t n = draw(state) & 3; n > 0 && frames[i].len; n--) {
      const uint64_t r = draw(state);
      data[(r >> 8) % frames[i].len] = (uint8_t)(r >> 56);
    }
  }
}

static void flush(void) {
  if (nframes == 0) return;
  uint64_t state = 88172645463325252u;
  for (uint32_t i = 0; i < nframes; i++)
    for (uint32_t j = 0; j < frames[i].len; j++) state = (state ^ frames[i].data[j]) * UINT64_C(0x100000001b3) | 1;
  forward();
  for (int i = 0; i < VARIANTS; i++) {
    vary(&state);
    forward();
  }
  for (uint32_t i = 0; i < nframes; i++) free((void *)(uintptr_t)frames[i].data);
  nframes = 0;
}

static void packet(struct input *in) {
  static const uint32_t ports[] = {1, 2, 3, CPU_PORT, 0, 510, 511, 1};
  struct p4s_frame *f = &frames[nframes++];
  f->port = ports[byte(in) & 7];
  const uint32_t wanted = number(in, 2);
  f->len = (uint32_t)(wanted < in->left ? wanted : in->left);
  uint8_t *copy = malloc(f->len ? f->len : 1);
  if (!copy) abort();
  memcpy(copy, in->at, f->len);
  f->data = copy;
  in->at += f->len;
  in->left -= f->len;
  if (nframes == P4S_BATCH) flush();
}

static void run(struct input *in, bool keep) {
  while (in->left > 0) {
    const uint8_t op = byte(in);
    if (op < 0x80) {
      packet(in);
      continue;
    }
    flush();
    switch (op & 15) {
    case 0: case 1: case 2: update(in, 0, keep); break;
    case 3: update(in, 1, keep); break;
    case 4: update(in, 2, keep); break;
    case 5: set_default(in); break;
    case 6: set_meter(in); break;
    case 7: case 8: set_register(in); break;
    case 9: set_group(in, 0); break;
    case 10: set_group(in, 1); break;
    case 11: set_list(in); break;
    case 12: read_table(byte(in) % p4s_program.ntables); break;
    case 13: ahead_ns = (ahead_ns + ((uint64_t)number(in, 2) << 20)) & MOST_AHEAD_NS; break;
    default: age_tables(sw->workers[0]); break;
    }
  }
  flush();
}

/* --- set-up --- */

/* Entries whose bytes are often small, all ones, or printable: what packets are likely to contain. */
static void random_entries(void) {
  static const uint8_t likely[] = {0, 0, 0, 1, 1, 2, 3, 4, 6, 8, 10, 17, 80, 0xff, 0x45, 0x86, 0xdd};
  uint64_t state = 88172645463325252u;
  uint8_t bytes[MOST_BYTES];
  for (uint32_t table = 0; table < p4s_program.ntables; table++) {
    if (p4s_program.tables[table].nfields == 0) continue;
    for (uint32_t n = 0; n < RANDOM_ENTRIES; n++) {
      for (uint32_t i = 0; i < sizeof bytes; i++) {
        const uint64_t r = draw(&state);
        bytes[i] = r & 7 ? likely[(r >> 8) % sizeof likely] : (uint8_t)(r >> 32);
      }
      bytes[0] = (uint8_t)table;
      struct input in = {bytes, sizeof bytes};
      if (p4s_program.tables[table].lists) {
        set_list(&in);
      } else if (table < 256) {
        update(&in, 0, true);
      }
    }
  }
}

static void setup(const char *path) {
  static uint8_t data[1 << 20];
  FILE *file = fopen(path, "rb");
  if (!file) {
    perror(path);
    exit(2);
  }
  struct input in = {data, fread(data, 1, sizeof data, file)};
  fclose(file);
  run(&in, true);
}

/* The end of the switch frees what is reached from mapped memory only, where LeakSanitizer does not look. */
static void finish(void) {
  p4s_free(sw);
  fprintf(stderr, "packets: %llu\n", (unsigned long long)packets);
}

static void start(void) {
  sw = switch_make(CPU_PORT, 1, P4S_BY_FLOW);
  if (!sw || p4s_load(sw, &p4s_program) != P4S_OK) abort();
  for (uint32_t port = 1; port <= 3; port++)
    if (p4s_add_memory_port(sw, port) != P4S_OK) abort();
  atexit(finish);
  random_entries();
  const char *path = getenv("P4S_FUZZ_SETUP");
  if (path) setup(path);
  drop_events();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input in = {data, size};
  if (!sw) start();
  run(&in, false);
  forget();
  drop_events();
  return 0;
}

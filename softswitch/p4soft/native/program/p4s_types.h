/* The interface between the fixed runtime and a generated program.
 *
 * Times are nanoseconds of CLOCK_MONOTONIC. Keys are compared as big-endian 64-bit words: the packed key bytes, padded
 * with zeros at the end. */
#ifndef P4S_TYPES_H
#define P4S_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define P4S_ABI 3
#define P4_INLINE static inline __attribute__((always_inline, unused))
#define P4_LIKELY(x) __builtin_expect(!!(x), 1)
#define P4_UNLIKELY(x) __builtin_expect(!!(x), 0)

__extension__ typedef unsigned __int128 p4u128;
__extension__ typedef __int128 p4i128;
#define P4_U128(hi, lo) (((p4u128)(hi) << 64) | (lo))

#define P4S_NO_ACTION 0xffff
#define P4S_SCRATCH 131072
#define P4S_KEY_WORDS 64
#define P4S_DROP_PORT 511
#define P4S_MAX_PORT 511
#define P4S_CLONE_VALID 0x10000u

enum p4s_match { P4S_EXACT, P4S_LPM, P4S_TERNARY, P4S_RANGE, P4S_OPTIONAL };
enum p4s_mode { P4S_INGRESS, P4S_EGRESS, P4S_CLONE };
enum p4s_verdict { P4S_DROP, P4S_OUTPUT, P4S_REPLICATE };
enum p4s_instance {
  P4S_NORMAL = 0,
  P4S_INGRESS_CLONE = 1,
  P4S_EGRESS_CLONE = 2,
  P4S_RECIRC = 4,
  P4S_REPLICATION = 5,
  P4S_RESUBMIT = 6
};

/* --- descriptions: constant data of a generated program --- */

struct p4s_field_desc {
  uint16_t bits;
  uint16_t kind; /* enum p4s_match */
  uint16_t offset; /* bytes, in the lookup key */
};

struct p4s_param_desc {
  uint16_t bits;
  uint16_t size; /* bytes stored: 1, 2, 4, 8 or a multiple of 8, native byte order */
  uint16_t offset; /* from the start of the parameter area */
};

struct p4s_action_desc {
  uint16_t nparams;
  const struct p4s_param_desc *params;
};

struct p4s_const_entry {
  const uint8_t *key, *params;
  uint32_t action;
  int32_t priority;
};

struct p4s_table_desc {
  uint32_t kind; /* enum p4s_match of the table as a whole */
  uint16_t nfields, nactions;
  uint16_t key_bytes, key_words; /* of the lookup key */
  uint16_t packed_bytes; /* of a key as the control plane packs it */
  uint16_t param_bytes;
  uint32_t size;
  uint32_t has_counter, has_meter, meter_bytes, support_timeout;
  const struct p4s_field_desc *fields;
  const struct p4s_action_desc *actions;
  uint32_t default_action; /* P4S_NO_ACTION: none */
  const uint8_t *default_params;
  uint32_t nconst;
  const struct p4s_const_entry *const_entries;
  uint32_t lists; /* the one parameter is a struct p4s_list * that the entry owns */
};

struct p4s_array_desc {
  uint32_t size;
  uint32_t bits; /* registers: of a cell; meters: 1 if it meters bytes */
  uint32_t cell; /* bytes of a cell */
  /* Registers: the one whose memory this one lies in, itself if it has its own; where, and from cell to cell. */
  uint32_t home, offset, stride;
};

/* A lookup whose key is known when the packet is parsed: what it will touch can be fetched ahead. */
struct p4s_hint_desc {
  uint32_t table;
  uint32_t unless; /* bit i: not looked up after a hit of hint i */
  uint32_t nreaches;
  const struct p4s_reach *reaches;
};

/* An action's parameter is the index of a register. */
struct p4s_reach {
  uint32_t action, offset, size, reg;
};

/* --- run-time state --- */

/* An entry: this head, then key words, mask words (ternary and range: low as value, high in the third part), params.
 * Where it can, it fits into a cache line, and a hit touches nothing else of the table but a slot. */
struct p4s_entry {
  uint64_t packets, bytes;
  union {
    struct {
      uint64_t action : 16; /* P4S_NO_ACTION: a free entry */
      uint64_t last_hit : 48; /* see p4s_moment */
    };
    uint64_t mark; /* both, for workers that share the entry (little-endian host) */
  };
};

#define P4S_HIT_SHIFT 10

struct p4s_slot {
  uint32_t hash;
  uint32_t index; /* of the entry plus one; 0 is an empty slot */
};

struct p4s_meter {
  uint64_t cir, cburst, pir, pburst;
  double committed, peak; /* tokens */
  uint64_t last;
  uint32_t configured, held; /* held: a lock, when workers share the meter */
};

struct p4s_cold;

struct p4s_table {
  const struct p4s_table_desc *desc;
  uint8_t *entries;
  struct p4s_slot *slots;
  struct p4s_entry *fallback; /* the default entry */
  struct p4s_meter *meters; /* of each entry; the last one is the default entry's */
  uint32_t *order; /* ternary and range: entry numbers, highest priority first */
  int32_t *priorities; /* ternary and range: of each entry */
  uint64_t seed;
  uint32_t stride, mask, count, high;
  bool as_loaded; /* its entries are those of the program, in its order */
  uint32_t params_at; /* byte offset of the parameters in an entry */
  uint32_t nlengths;
  uint16_t lengths[520]; /* lpm: prefix lengths in use, longest first */
  /* control plane only */
  uint32_t length_use[520];
  struct p4s_cold *cold;
  uint32_t free_head;
  struct p4s_wheel *wheel;
};

/* A group of an action selector: ids of members, each as often as its weight says. */
struct p4s_list {
  uint32_t count;
  uint32_t members[];
};

struct p4s_counter {
  uint64_t packets, bytes;
};

struct p4s_cells {
  uint8_t *data;
  uint32_t size, cell, stride;
};

/* Held by a worker for the time of an action that uses registers. */
struct p4s_lock {
  _Alignas(64) uint32_t held;
};

struct p4s_pkt;

/* The state of one loaded program. */
struct p4s_objects {
  struct p4s_table *tables;
  struct p4s_counter **counters;
  struct p4s_meter **meters;
  struct p4s_cells *registers;
  struct p4s_lock *locks;
};

/* What a worker runs the program with. */
struct p4s_ctx {
  uint64_t now, start;
  uint64_t moment; /* ``now`` as entries keep it */
  struct p4s_objects objects;
  uint64_t random[2];
  uint64_t failed_asserts, runaways;
  void (*digest)(struct p4s_ctx *, uint32_t list, const uint8_t *data, uint32_t len);
  void (*clone_egress)(struct p4s_ctx *, struct p4s_pkt *);
  /* Programs compiled for tracing tell what they do. */
  void (*trace)(struct p4s_ctx *, const struct p4s_pkt *, const char *format, ...);
  uint8_t scratch[P4S_SCRATCH]; /* deparser, hash input */
};

/* A packet on its way. All offsets are from ``base``, where the header storage of the packet lies. */
struct p4s_pkt {
  uint8_t *base;
  void *state; /* the program's own variables between two calls */
  uint32_t off, len;
  uint32_t limit; /* bytes of the buffer at ``base`` */
  uint32_t payload; /* offset of the first byte that no header covers */
  uint32_t id, copy; /* for people: which frame, and which copy of it */
  uint32_t in_port, instance, ingress_len;
  uint32_t preserve; /* field list whose metadata survive in ``state`` */
  uint32_t fresh; /* egress: only those of ``preserve`` do */
  uint32_t length; /* egress: standard_metadata.packet_length */
  uint32_t port, rid, depth;
  /* decisions */
  uint32_t spec, group, clone, clone_list, resubmit, recirculate, truncate;
};

/* A received frame. */
struct p4s_frame {
  const uint8_t *data;
  uint32_t len, port;
};

#define P4S_HINTS 4
#ifndef P4S_FEW
#define P4S_FEW 4096u /* entries that stay in the processor's caches by themselves */
#endif

/* What is known about a frame's lookups ahead of it. */
struct p4s_ahead {
  uint32_t hash[P4S_HINTS];
  uint32_t known; /* bit i: hash[i] is */
};

struct p4s_prog {
  uint32_t abi;
  uint32_t ntables, ncounters, nmeters, nregisters;
  uint32_t own_bytes, headroom, state_bytes;
  uint32_t keep_original; /* the ingress packet is needed again: clone or resubmit */
  uint32_t shared, nlocks; /* shared: compiled for several workers; locks for its registers */
  const struct p4s_table_desc *tables;
  const struct p4s_array_desc *counters, *meters, *registers;
  enum p4s_verdict (*run)(struct p4s_ctx *, struct p4s_pkt *, enum p4s_mode);
  uint32_t nhints;
  const struct p4s_hint_desc *hints;
  void (*look_ahead)(struct p4s_ctx *, const struct p4s_frame *, struct p4s_ahead *); /* changes nothing */
};

#endif

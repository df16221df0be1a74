/* Inside of the runtime. A worker's part is guarded by the worker's lock and written by the worker alone; the switch's is
 * read under any worker's lock and written under all of them. What is otherwise says so. */
#ifndef P4S_CORE_H
#define P4S_CORE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <stdatomic.h>

#include "program/p4s.h"

#define EXPORT __attribute__((visibility("default")))

enum p4s_error {
  P4S_OK = 0,
  P4S_EXISTS = -1,
  P4S_NOT_FOUND = -2,
  P4S_FULL = -3,
  P4S_INVALID = -4,
  P4S_NO_MEMORY = -5,
  P4S_SYSTEM = -6 /* errno tells */
};

#define P4S_BUFFER 71680u /* bytes of a packet buffer: header storage, headroom and the largest frame */
#define P4S_MAX_FRAME 65600u
#define P4S_MAX_PARAMS 1024u
#define P4S_MAX_MATERIAL (4 * P4S_KEY_WORDS + 1)
#define P4S_NONE UINT32_MAX
#define P4S_BATCH 64u /* frames that are received at once */

#define P4S_MAX_WORKERS 64u

/* --- byte rings: one consumer, one producer or several that take turns, records of whole words --- */

struct p4s_record {
  uint32_t size; /* of the record with this head, a multiple of 8 */
  uint32_t kind, aux, len;
};

struct p4s_ring {
  uint8_t *data;
  uint64_t capacity; /* a power of two */
  _Atomic uint64_t head, tail;
  uint64_t dropped;
  bool shared; /* there are several producers */
  pthread_mutex_t put;
};

enum p4s_record_kind { P4S_REC_SKIP, P4S_REC_PACKET, P4S_REC_DIGEST, P4S_REC_IDLE };

int ring_init(struct p4s_ring *r, uint64_t capacity, bool shared);
void ring_free(struct p4s_ring *r);
bool ring_put(struct p4s_ring *r, uint32_t kind, uint32_t aux, const void *data, uint32_t len);
/* The next record, or NULL; it stays until ring_pop. */
const struct p4s_record *ring_peek(struct p4s_ring *r);
void ring_pop(struct p4s_ring *r);
bool ring_empty(struct p4s_ring *r);

/* --- tables --- */

/* What packets do not need of an entry. */
struct p4s_cold {
  uint64_t cookie, idle;
  uint64_t reported; /* when the entry was last reported idle, or inserted */
  uint32_t next; /* in a slot of the wheel, or in the free list */
  uint32_t prev; /* in a slot of the wheel; P4S_FIRST and the slot for the first one; P4S_NONE outside */
};

#define P4S_FIRST 0x80000000u

#define P4S_TICK UINT64_C(4000000) /* nanoseconds */
#define P4S_SLOTS 8192u

struct p4s_wheel {
  uint64_t tick; /* every slot before this tick was looked at */
  uint32_t timed;
  uint32_t heads[P4S_SLOTS];
};

/* One entry as it goes to the control plane. */
struct p4s_entry_image {
  uint64_t cookie, idle, packets, bytes, since;
  int32_t priority;
  uint32_t action, key_len, params_len; /* bytes that follow: key, then params */
};

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
void *p4s_map(size_t size);
void p4s_unmap(void *p, size_t size);
/* Ask for large pages: for memory that is used from its beginning on, or all over. What is in use already gets them
 * when the kernel finds the time. */
void p4s_large_pages(void *p, size_t size);

enum p4s_update_kind { P4S_INSERT, P4S_MODIFY, P4S_DELETE };

struct p4s_update {
  uint32_t kind; /* enum p4s_update_kind */
  uint32_t action;
  int32_t priority;
  uint32_t key_at, params_at; /* into the bytes of the request */
  uint64_t idle, cookie;
};

struct p4s_switch;

#define P4S_AT_ONCE 32u /* updates before packets get their turn */

/* Run one update; returns an enum p4s_error. */
int update_entry(struct p4s_switch *s, uint32_t table, const struct p4s_update *u, const uint8_t *bytes, uint64_t now);

void wheel_arm(struct p4s_table *t, uint32_t index, uint64_t deadline);
void wheel_disarm(struct p4s_table *t, uint32_t index);
/* Nanoseconds until the wheel wants to be run again; UINT64_MAX: never. */
uint64_t wheel_wait(const struct p4s_table *t, uint64_t now);

/* --- ports --- */

enum p4s_port_kind { P4S_PORT_NONE, P4S_PORT_MEMORY, P4S_PORT_PACKET };

struct p4s_stats {
  uint64_t rx_packets, rx_bytes, rx_dropped, tx_packets, tx_bytes, tx_dropped;
  uint64_t rx_large, tx_large; /* super-segments, whose packets are counted one by one as well */
  uint64_t rx_oversize; /* of rx_dropped: larger than the MTU, and not to be cut */
};

/* What an interface's sockets can do about offloads: finish checksums, cut super-segments, send some. */
enum p4s_offload { P4S_FINISHES = 1, P4S_CUTS = 2, P4S_JOINS = 4 };

struct joinable;
struct p4s_packet_port;
struct p4s_pcap;
struct p4s_trace;

struct p4s_port {
  uint32_t number;
  enum p4s_port_kind kind;
  char name[32];
};

/* A worker's own way to a port. */
struct p4s_link {
  struct p4s_stats stats; /* of what this worker received and sent */
  struct p4s_packet_port *packet; /* NULL unless the port is an interface */
};

/* --- workers --- */

#define P4S_BACKLOG 256u
#define P4S_PORTS (P4S_MAX_PORT + 1)

struct p4s_waiting {
  struct p4s_pkt pkt;
  enum p4s_mode mode;
};

/* A packet thread and what is its own. */
struct p4s_worker {
  struct p4s_ctx ctx; /* first: the program's callbacks find the worker by it */
  struct p4s_switch *s;
  uint32_t index;
  struct p4s_link links[P4S_PORTS];

  /* packets between two passes: recirculated, resubmitted, cloned at egress */
  struct p4s_waiting *backlog;
  uint32_t backlog_head, backlog_count;
  uint8_t *buffers; /* P4S_BACKLOG + 3 packet buffers */
  uint8_t *states;

  /* While a packet cut from a super-segment is forwarded from where it lies in the buffer */
  const struct joinable *lent; /* what it was made as */
  uint8_t *lent_at; /* bytes that its headers take from the payload of the one before it, */
  uint32_t lent_bytes;
  uint8_t *kept; /* and what they were */
  uint32_t origin; /* a number for the super-segment, not 0 */
  struct p4s_packet_port *borrowers; /* ports that have not sent what they refer to in there */

  struct p4s_ring in; /* frames of memory ports */
  bool signal; /* something was put into an event ring */
  bool out_signal; /* and into ``out`` */
  uint32_t frames, copies; /* numbers a frame gets in the log, and copies made of the last one */
  uint64_t unknown_port, backlog_dropped, oversize, partial_checksums;

  pthread_t thread;
  bool running;
  pthread_mutex_t lock;
  uint32_t passed_over;
  int wake_fd;
  _Atomic bool sleeping;
  _Atomic uint64_t wake_at; /* when the thread means to wake up if nothing happens; 0: it is awake */
  uint64_t drain_done; /* guarded by the switch's drain_lock */
};

/* --- the switch --- */

enum p4s_spread { P4S_BY_FLOW, P4S_BY_PORT };

struct p4s_switch {
  struct p4s_worker *workers[P4S_MAX_WORKERS];
  uint32_t nworkers;
  enum p4s_spread spread; /* of an interface's frames among workers */
  const struct p4s_prog *prog;
  struct p4s_objects objects; /* every worker has a copy */
  uint32_t state_stride;
  struct p4s_port ports[P4S_PORTS];
  uint16_t active[P4S_PORTS];
  uint32_t nactive;
  int32_t cpu_port;
  struct p4s_group *groups; /* multicast, by id */
  struct p4s_group *clones; /* clone sessions, by id */

  struct p4s_ring out, packets, digests, idles; /* ``out`` belongs to memory ports */
  int event_fd;
  int out_fd; /* -1 until somebody wants to know when ``out`` has something */

  _Atomic bool stop;
  _Atomic uint32_t waiting; /* control threads that want the lock */
  _Atomic uint64_t turns; /* times that one of them got it after waiting */
  pthread_mutex_t drain_lock;
  pthread_cond_t drained;
  _Atomic uint64_t drain_wanted;

  struct p4s_trace *trace; /* NULL: off */
  struct p4s_pcap *pcap; /* NULL while nothing is captured */
  uint64_t pcap_dropped; /* by captures that have ended */
};

struct p4s_replica {
  uint32_t port, instance;
};

struct p4s_group {
  uint32_t id, count, truncate;
  struct p4s_replica *replicas;
  struct p4s_group *next;
};

/* A switch without its packet threads; p4s_free ends it. NULL: out of memory or of descriptors. */
struct p4s_switch *switch_make(int32_t cpu_port, uint32_t workers, enum p4s_spread spread);
/* Stop all workers between two batches. */
void switch_lock(struct p4s_switch *s);
void switch_unlock(struct p4s_switch *s);
void switch_wake(struct p4s_switch *s);
/* Something is due at ``deadline``: wake the worker that sees to it if it would sleep longer. */
void switch_deadline(struct p4s_switch *s, uint64_t deadline);
uint64_t p4s_clock(void);
void relax(void);

/* The worker that receives what comes by a port, unless it is an interface whose flows are spread. */
struct p4s_worker *port_worker(struct p4s_switch *s, uint32_t port);
struct p4s_worker *worker_make(struct p4s_switch *s, uint32_t index);
void worker_free(struct p4s_worker *w);
/* The packet thread. */
void *worker_run(void *worker);
void worker_wake(struct p4s_worker *w);
/* Take the time for the packets that follow. */
void worker_time(struct p4s_worker *w);

const struct p4s_group *group_find(const struct p4s_group *list, uint32_t id);

/* Run one received frame through the program. */
void forward_frame(struct p4s_worker *w, uint32_t port, const uint8_t *data, uint32_t len);
/* The same for several; what their lookups touch is fetched ahead. At most P4S_BATCH. */
void forward_frames(struct p4s_worker *w, const struct p4s_frame *frames, uint32_t n);
/* Where a frame of up to P4S_MAX_FRAME bytes may be put to be forwarded without another copy, and forwarding it. */
uint8_t *forward_place(struct p4s_worker *w);
void forward_placed(struct p4s_worker *w, uint32_t port, uint8_t *data, uint32_t len);
/* The same for a packet of a super-segment that was put there: first its headers' place is lent from the payload before. */
void forward_lend(struct p4s_worker *w, uint8_t *headers, uint32_t len);
void forward_lent(struct p4s_worker *w, uint32_t port, const struct joinable *packet);
/* Give back for a while what was lent, and take it again. */
void forward_swap(struct p4s_worker *w);
void forward_look_ahead(struct p4s_worker *w, const struct p4s_frame *frames, uint32_t n);
/* Run what is waiting between two passes; returns the number of packets. */
uint32_t forward_backlog(struct p4s_worker *w);
void forward_digest(struct p4s_ctx *c, uint32_t list, const uint8_t *data, uint32_t len);
void forward_clone_egress(struct p4s_ctx *c, struct p4s_pkt *p);

/* Report idle entries, which is the first worker's task; returns the number of entries looked at. */
uint32_t age_tables(struct p4s_worker *w);

/* One link of every worker to an interface, in the order of the workers; ``offload``: cut and join super-segments.
 * P4S_SYSTEM: errno tells. */
int packet_open(struct p4s_switch *s, uint32_t port, struct p4s_link *links, const char *interface, bool offload);
uint32_t packet_offload(const struct p4s_link *link); /* enum p4s_offload */
void packet_close(struct p4s_link *link);
uint32_t packet_receive(struct p4s_worker *w, uint32_t port);
void packet_send(struct p4s_worker *w, uint32_t port, const struct joinable *packet);
/* Returns the number of frames that could not leave yet and have to be flushed again. */
uint32_t packet_flush(struct p4s_link *link);
int packet_fd(const struct p4s_link *link); /* -1: this worker receives nothing there */
void packet_lost(struct p4s_link *link);

/* --- the log of single packets --- */

__attribute__((format(printf, 3, 4))) void trace_line(struct p4s_ctx *c, const struct p4s_pkt *p, const char *format, ...);
/* Write out what a worker has told. */
void trace_flush(struct p4s_trace *t, uint32_t worker);
EXPORT int p4s_trace(struct p4s_switch *s, int fd, int each);
#define TRACE(w, ...)                                                                                                  \
  do {                                                                                                                 \
    if (P4_UNLIKELY((w)->s->trace != NULL)) trace_line(&(w)->ctx, __VA_ARGS__);                                        \
  } while (0)

/* --- captures: the packet threads' side --- */

enum p4s_direction { P4S_RECEIVED, P4S_SENT };

void pcap_frame(struct p4s_pcap *p, uint32_t port, enum p4s_direction direction, const uint8_t *data, uint32_t len);
/* Tell the writer that there is something to write. */
void pcap_wake(struct p4s_pcap *p);
uint64_t pcap_dropped(const struct p4s_pcap *p);
EXPORT void p4s_pcap_stop(struct p4s_switch *s);

#endif

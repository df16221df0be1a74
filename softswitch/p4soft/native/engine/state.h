/* What a switch and its packet threads consist of. A worker's part is guarded by the worker's lock and written by the worker
 * alone, or by who runs a frame for it while it sleeps (worker_run_here); the switch's is read under any worker's lock and written under all of them. What is otherwise says so. */
#ifndef P4S_ENGINE_STATE_H
#define P4S_ENGINE_STATE_H

#include "engine/port.h"
#include "engine/ring.h"

struct p4s_pcap;
struct p4s_switch;
struct p4s_trace;

/* --- workers --- */

#define P4S_BACKLOG 256u

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
  uint64_t strangers[P4S_PORTS / 64 + 1]; /* a bit for each port that frames were to leave by though there was none */
  uint64_t unknown_port, backlog_dropped, oversize, partial_checksums;

  pthread_t thread;
  bool running;
  pthread_mutex_t lock;
  uint32_t passed_over;
  int wake_fd;
  _Atomic bool sleeping;
  _Atomic uint64_t wake_at; /* when the thread means to wake up if nothing happens; 0: it is awake */
  uint64_t helped; /* when another thread last ran a frame for it, or would have */
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

struct p4s_group {
  uint32_t id, count, truncate;
  struct p4s_replica *replicas;
  struct p4s_group *next;
};

#endif

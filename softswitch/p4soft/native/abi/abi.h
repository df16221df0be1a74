/* What C and Python both know: the functions that the runtime exports, and what they are given and give. Python reads this
 * file as it is (p4soft/engine/binding.py), so there is nothing in it but comments, numbers, enums, structs and prototypes. */
#ifndef P4S_ABI_H
#define P4S_ABI_H

#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))

#define P4S_MAX_WORKERS 64

struct p4s_front;
struct p4s_prog;
struct p4s_reading;
struct p4s_switch;
struct p4s_writer;

enum p4s_error {
  P4S_OK = 0,
  P4S_EXISTS = -1,
  P4S_NOT_FOUND = -2,
  P4S_FULL = -3,
  P4S_INVALID = -4,
  P4S_NO_MEMORY = -5,
  P4S_SYSTEM = -6 /* errno tells */
};

/* --- what rings hold --- */

enum p4s_record_kind { P4S_REC_SKIP, P4S_REC_PACKET, P4S_REC_DIGEST, P4S_REC_IDLE };

struct p4s_record {
  uint32_t size; /* of the record with this head, a multiple of 8 */
  uint32_t kind, aux, len;
};

/* One entry as it goes to the control plane. */
struct p4s_entry_image {
  uint64_t cookie, idle, packets, bytes, since;
  int32_t priority;
  uint32_t action, key_len, params_len; /* bytes that follow: key, then params */
};

/* --- entries and replicas --- */

enum p4s_update_kind { P4S_INSERT, P4S_MODIFY, P4S_DELETE };

struct p4s_update {
  uint32_t kind; /* enum p4s_update_kind */
  uint32_t action;
  int32_t priority;
  uint32_t key_at, params_at; /* into the bytes of the request */
  uint64_t idle, cookie;
};

struct p4s_replica {
  uint32_t port, instance;
};

/* A meter as it is. */
struct p4s_meter_image {
  uint64_t cir, cburst, pir, pburst, last;
  double committed, peak; /* tokens, at the time ``last`` */
};

/* --- ports --- */

enum p4s_port_kind { P4S_PORT_NONE, P4S_PORT_MEMORY, P4S_PORT_PACKET };

/* What an interface's sockets can do about offloads: finish checksums, cut super-segments, send some. */
enum p4s_offload { P4S_FINISHES = 1, P4S_CUTS = 2, P4S_JOINS = 4 };

struct p4s_stats {
  uint64_t rx_packets, rx_bytes, rx_dropped, tx_packets, tx_bytes, tx_dropped;
  uint64_t rx_large, tx_large; /* super-segments, whose packets are counted one by one as well */
  uint64_t rx_oversize; /* of rx_dropped: larger than the MTU, and not to be cut */
};

struct p4s_port_image {
  uint32_t number, kind, offload; /* offload: enum p4s_offload */
  uint32_t gone; /* its interface has been deleted */
  char name[32];
  struct p4s_stats stats;
};

/* What was lost since the start. */
struct p4s_drops {
  uint64_t unknown_port, backlog;
  uint64_t oversize; /* frames too long */
  uint64_t packet_ins, digests, idle_reports; /* that did not fit into their rings */
  uint64_t failed_asserts;
  uint64_t partial_checksums; /* frames received with unfinished checksums */
  uint64_t runaways; /* endless loops in actions */
  uint64_t pcap; /* frames missing in captures */
};

/* --- Writes and Reads: what the server tells of the program's tables --- */

struct p4s_wire_param {
  uint32_t id, bits;
};

struct p4s_wire_action {
  uint32_t id, index; /* index: the engine's number */
  uint32_t first_param, nparams;
};

struct p4s_wire_field {
  uint32_t id, bits, kind; /* enum p4s_match */
};

enum p4s_wire_flags {
  P4S_WIRE_PRIORITY = 1,
  P4S_WIRE_TIMEOUT = 2,
  P4S_WIRE_MODIFY = 4,
  P4S_WIRE_READ = 8, /* all fields are exact, and every action that entries have is listed */
  P4S_WIRE_COUNTER = 16
};

struct p4s_wire_table {
  uint32_t id, index, flags;
  uint32_t first_field, nfields, first_action, nactions;
};

/* Who may write: a role and the election id of its primary. */
struct p4s_grant {
  uint64_t high, low;
  const char *role;
  uint32_t role_len;
};

/* What became of each update of a request, by its position. */
struct p4s_outcome {
  uint32_t count;
  const int32_t *results; /* enum p4s_error */
  const uint32_t *tables, *ids; /* the engine's numbers and the P4Info ids of their tables */
};

/* What the data plane has added to an entry: time since the last hit, in nanoseconds, and counts. */
struct p4s_hit {
  uint64_t found; /* 0: there is no such entry */
  uint64_t since, packets, bytes;
};

enum p4s_written { P4S_WRITTEN, P4S_SOME_FAILED, P4S_NOT_ORDINARY };

/* --- calls --- */

enum p4s_call_event {
  P4S_CALL_OPENED,
  P4S_CALL_MESSAGE,
  P4S_CALL_FINISHED,
  P4S_CALL_RESET,
  P4S_CALL_DRAINED,
  P4S_CALL_FAILED
};

struct p4s_rpc_event {
  uint64_t stream;
  uint32_t kind; /* enum p4s_call_event */
  uint64_t len;
  const uint8_t *data; /* OPENED: the path; FAILED: results, tables and ids of a struct p4s_outcome, one after the other */
};

/* engine/switch.c */
EXPORT int p4s_load(struct p4s_switch *s, const struct p4s_prog *prog);
EXPORT struct p4s_switch *p4s_new(int32_t cpu_port, uint32_t workers, int by_port);
EXPORT void p4s_free(struct p4s_switch *s);
EXPORT uint64_t p4s_started(struct p4s_switch *s);
EXPORT int p4s_drain(struct p4s_switch *s, uint64_t timeout_ns);

/* engine/entries.c */
EXPORT int p4s_update(struct p4s_switch *s, uint32_t table, const struct p4s_update *u, const uint8_t *bytes);
EXPORT uint32_t p4s_image_size(struct p4s_switch *s, uint32_t table);
EXPORT int p4s_get(struct p4s_switch *s, uint32_t table, const uint8_t *key, int32_t priority, uint8_t *out);
EXPORT uint64_t p4s_entries(struct p4s_switch *s, uint32_t table, uint32_t *at, uint8_t *out, uint64_t room);
EXPORT uint32_t p4s_entry_bytes(struct p4s_switch *s, uint32_t table);
EXPORT uint32_t p4s_table_count(struct p4s_switch *s, uint32_t table);
EXPORT int p4s_set_default(struct p4s_switch *s, uint32_t table, uint32_t action, const uint8_t *params);
EXPORT uint32_t p4s_get_default(struct p4s_switch *s, uint32_t table, uint8_t *params);

/* engine/cells.c */
EXPORT void p4s_default_counter(struct p4s_switch *s, uint32_t table, uint64_t *out);
EXPORT int p4s_set_direct_counter(struct p4s_switch *s, uint32_t table, const uint8_t *key, int32_t priority,
                                  uint64_t packets, uint64_t bytes);
EXPORT int p4s_set_direct_meter(struct p4s_switch *s, uint32_t table, const uint8_t *key, int32_t priority,
                                const uint64_t *config);
EXPORT int p4s_direct_meter(struct p4s_switch *s, uint32_t table, const uint8_t *key, int32_t priority,
                            uint64_t *config);
EXPORT void p4s_write_meter(struct p4s_switch *s, uint32_t array, uint32_t index, const uint64_t *config);
EXPORT int p4s_read_meter(struct p4s_switch *s, uint32_t array, uint32_t index, uint64_t *config);
EXPORT int p4s_show_meter(struct p4s_switch *s, uint32_t array, uint32_t index, struct p4s_meter_image *out);
EXPORT void p4s_read_counters(struct p4s_switch *s, uint32_t array, uint32_t first, uint32_t n, uint64_t *out);
EXPORT void p4s_write_counter(struct p4s_switch *s, uint32_t array, uint32_t index, uint64_t packets, uint64_t bytes);
EXPORT void p4s_read_registers(struct p4s_switch *s, uint32_t array, uint32_t first, uint32_t n, uint8_t *out);
EXPORT void p4s_write_register(struct p4s_switch *s, uint32_t array, uint32_t index, const uint8_t *cell);

/* engine/profile.c */
EXPORT int p4s_set_list(struct p4s_switch *s, uint32_t table, uint32_t id, const uint32_t *members, uint32_t n);

/* engine/groups.c */
EXPORT int p4s_set_group(struct p4s_switch *s, int which, uint32_t id, const struct p4s_replica *replicas, uint32_t n,
                         uint32_t truncate);

/* engine/events.c */
EXPORT int p4s_inject(struct p4s_switch *s, uint32_t port, const uint8_t *data, uint32_t len);
EXPORT int p4s_output_fd(struct p4s_switch *s);
EXPORT uint64_t p4s_collect(struct p4s_switch *s, uint8_t *out, uint64_t room);
EXPORT uint64_t p4s_poll(struct p4s_switch *s, uint8_t *out, uint64_t room, uint32_t limit);
EXPORT int p4s_event_fd(struct p4s_switch *s);
EXPORT void p4s_drops(struct p4s_switch *s, struct p4s_drops *out);

/* engine/trace.c */
EXPORT int p4s_trace(struct p4s_switch *s, int fd, int each);

/* engine/pcap.c */
EXPORT int p4s_pcap_start(struct p4s_switch *s);
EXPORT void p4s_pcap_stop(struct p4s_switch *s);
EXPORT int p4s_pcap_open(struct p4s_switch *s, uint32_t port, const char *received, const char *sent);
EXPORT void p4s_pcap_close(struct p4s_switch *s, uint32_t port);

/* engine/replay.c */
EXPORT uint64_t p4s_replay(struct p4s_switch *s, uint32_t port, const uint8_t *frames, uint32_t length, uint32_t n);

/* edge/ports.c */
EXPORT int p4s_add_memory_port(struct p4s_switch *s, uint32_t number);
EXPORT int p4s_add_interface(struct p4s_switch *s, uint32_t number, const char *interface, int offload);
EXPORT int p4s_reattach(struct p4s_switch *s, uint32_t number, const char *interface, int offload);
EXPORT int p4s_remove_port(struct p4s_switch *s, uint32_t number);
EXPORT uint32_t p4s_missing_ports(struct p4s_switch *s, uint32_t *out, uint32_t room);
EXPORT uint32_t p4s_ports(struct p4s_switch *s, struct p4s_port_image *out, uint32_t room);

/* p4rt/write.c */
EXPORT int p4s_write(struct p4s_writer *w, const uint8_t *data, uint64_t len, struct p4s_outcome *outcome);
EXPORT struct p4s_writer *p4s_writer_new(struct p4s_switch *s, uint64_t device);
EXPORT int p4s_writer_tables(struct p4s_writer *w, const struct p4s_wire_table *tables, uint32_t ntables,
                             const struct p4s_wire_field *fields, uint32_t nfields,
                             const struct p4s_wire_action *actions, uint32_t nactions,
                             const struct p4s_wire_param *params, uint32_t nparams);
EXPORT int p4s_writer_grants(struct p4s_writer *w, const struct p4s_grant *grants, uint32_t n);
EXPORT void p4s_writer_free(struct p4s_writer *w);

/* p4rt/read.c */
EXPORT struct p4s_reading *p4s_read(struct p4s_writer *w, const uint8_t *data, uint64_t len);
EXPORT int64_t p4s_read_next(struct p4s_reading *r, uint32_t limit, uint8_t *data, uint64_t room);
EXPORT int64_t p4s_read_hits(const struct p4s_reading *r, struct p4s_hit *hits, uint32_t room);
EXPORT void p4s_read_free(struct p4s_reading *r);

/* p4rt/front.c */
EXPORT int p4s_front_adopt(struct p4s_front *f, int fd);
EXPORT struct p4s_front *p4s_front_new(struct p4s_writer *writer);
EXPORT int p4s_front_listen(struct p4s_front *f, int fd);
EXPORT int p4s_front_fd(struct p4s_front *f);
EXPORT uint32_t p4s_front_run(struct p4s_front *f);
EXPORT int64_t p4s_front_send(struct p4s_front *f, uint64_t stream, const uint8_t *data, uint64_t len, uint32_t limit);
EXPORT void p4s_front_finish(struct p4s_front *f, uint64_t stream, uint32_t status, const char *message,
                             uint64_t message_len, const char *details, uint64_t details_len);
EXPORT void p4s_front_flush(struct p4s_front *f);
EXPORT uint32_t p4s_front_tick(struct p4s_front *f);
EXPORT void p4s_front_free(struct p4s_front *f);

/* p4rt/calls.c */
EXPORT int p4s_front_next(struct p4s_front *f, struct p4s_rpc_event *out);

#endif

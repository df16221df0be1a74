/* Inside of the gRPC server's transport: the sockets (front.c) and the calls on them (calls.c). */
#ifndef P4S_CALLS_H
#define P4S_CALLS_H

#include "http2/h2_conn.h"
#include "p4rt/write.h"

#define P4S_GATHER 64u /* Writes that get to the tables together, at most, */
#define P4S_GATHER_UPDATES 1024u /* unless they have so many updates before */
#define CALL_PREFIX 5u /* bytes before a message: whether it is compressed, and its length */

struct event {
  struct event *next;
  struct p4s_rpc_event seen;
  uint8_t data[];
};

/* A Write of the connection that is being read. */
struct gathered {
  struct h2_conn *conn;
  uint32_t stream, updates;
};

struct p4s_front {
  struct h2_user user; /* first */
  int epoll, timer; /* timer: for connections whose requests gather, */
  uint64_t timer_at; /* set to this, or 0 */
  int listener, spare; /* spare: a descriptor given up to turn a connection away when there are no more */
  struct h2_conn *conns;
  uint32_t numbers;
  struct event *first, **last, *taken;
  uint32_t events;
  struct p4s_writer *writer;
  struct gathered writes[P4S_GATHER]; /* decoded, and not applied yet */
  uint32_t nwrites, nupdates;
};

void calls_init(struct p4s_front *f);
/* End a call. The message is percent-encoded, the details are base64. */
void call_finish(struct h2_conn *c, struct h2_stream *st, uint32_t status, const char *message,
                 size_t message_len, const char *details, size_t details_len);
/* Apply and answer the Writes that were gathered. */
void calls_settle(struct p4s_front *f);
/* A stream is gone with its connection. */
void call_lost(struct p4s_front *f, struct h2_conn *c, struct h2_stream *st);

#endif

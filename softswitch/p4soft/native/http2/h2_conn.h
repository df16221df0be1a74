/* A server's side of HTTP/2 (RFC 9113) as gRPC uses it: connections, streams, frames, flow control. */
#ifndef P4S_H2_CONN_H
#define P4S_H2_CONN_H

#include "http2/hpack.h"
#include "http2/pace.h"

#define H2_FRAME 16384u /* the largest frame body received or sent */
#define H2_IN (4 * (H2_FRAME + 16)) /* read at once */
#define H2_OUT (1u << 20) /* bytes waiting for the peer to read before streams have to wait */
#define H2_BLOCK 65536u /* largest header block */
#define H2_STREAM_WINDOW (1u << 20) /* bytes the peer may send on a stream before it hears from us */
#define H2_WINDOW (16u << 20)
#define H2_STREAMS 1024u /* at once on one connection */

enum h2_error {
  H2_NO_ERROR,
  H2_PROTOCOL_ERROR,
  H2_INTERNAL_ERROR,
  H2_FLOW_CONTROL_ERROR,
  H2_STREAM_CLOSED = 5,
  H2_FRAME_SIZE_ERROR,
  H2_REFUSED_STREAM,
  H2_CANCEL,
  H2_COMPRESSION_ERROR,
  H2_ENHANCE_YOUR_CALM = 11
};

struct h2_bytes {
  uint8_t *data;
  size_t used, room;
};

/* What is to be sent on a stream. */
struct h2_message {
  struct h2_message *next;
  size_t len, sent;
  uint8_t data[];
};

struct h2_stream {
  struct h2_stream *next;
  uint32_t id;
  bool remote_closed; /* the peer has sent everything */
  bool answered; /* response headers are out */
  bool ending; /* ``trailers`` follow the last message */
  bool behind; /* messages have been waiting since somebody asked */
  int64_t window; /* bytes we may send */
  uint32_t unreported; /* bytes received since the last WINDOW_UPDATE */
  struct h2_message *first, **last;
  uint32_t queued; /* messages */
  struct h2_bytes trailers;
  /* the user's */
  struct h2_bytes in;
  uint32_t method;
};

struct h2_conn {
  struct h2_conn *next;
  int fd;
  uint32_t number;
  uint64_t heard; /* when something last came; when it was asked whether it is still there, or 0 */
  uint64_t pinged;
  bool greeted, closing, writing; /* writing: what is in ``out`` waits for the socket */
  struct h2_stream *streams;
  uint32_t nstreams, last_id;
  int64_t window; /* bytes we may send on all streams */
  uint32_t unreported;
  uint32_t peer_window, peer_frame, peer_headers; /* its settings */
  uint32_t block_stream; /* whose header block is being received, or 0 */
  uint8_t block_flags;
  struct h2_bytes block, out;
  /* the user's */
  struct pace pace;
  uint32_t served; /* requests answered while the connection was last read */
  size_t in_used;
  uint8_t in[H2_IN];
  struct hpack headers;
};

/* What the user of a connection is told. A stream that was reset or refused is gone when the call returns. */
struct h2_user {
  void (*header)(void *context, struct hpack_string name, struct hpack_string value); /* context: the h2_stream */
  void (*opened)(void *user, struct h2_conn *c, struct h2_stream *st);
  void (*received)(void *user, struct h2_conn *c, struct h2_stream *st, const uint8_t *data, size_t len);
  void (*finished)(void *user, struct h2_conn *c, struct h2_stream *st); /* the peer has sent everything */
  void (*reset)(void *user, struct h2_conn *c, struct h2_stream *st);
  void (*drained)(void *user, struct h2_conn *c, struct h2_stream *st); /* a stream that was behind is not any more */
  void *user;
  uint8_t scratch[HPACK_SCRATCH];
};

#endif

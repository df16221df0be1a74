/* The sending side of HTTP/2, and the frames that both sides know. */
#ifndef P4S_H2_SEND_H
#define P4S_H2_SEND_H

#include "http2/h2_conn.h"

enum frame_type { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION };
enum frame_flag { ACK = 0x1, END_STREAM = 0x1, END_HEADERS = 0x4, PADDED = 0x8, WITH_PRIORITY = 0x20 };

#define HEAD 9u
#define MAX_WINDOW INT64_C(0x7fffffff)
#define DEFAULT_WINDOW 65535u

void h2_frame(struct h2_conn *c, enum frame_type type, uint8_t flags, uint32_t id, const void *body, size_t len);
/* A frame whose body is one number. */
void h2_frame32(struct h2_conn *c, enum frame_type type, uint32_t id, uint32_t value);
void h2_forget(struct h2_conn *c, struct h2_stream *st);


bool h2_append(struct h2_bytes *b, const void *data, size_t len);
void h2_free(struct h2_conn *c);
/* Move messages into ``c->out`` as far as the windows allow. */
void h2_pump(struct h2_conn *c, struct h2_user *u);
struct h2_stream *h2_find(struct h2_conn *c, uint32_t id);
/* Send a message that begins with ``head``, on a stream that is not ending; false: out of memory. */
bool h2_send(struct h2_conn *c, struct h2_stream *st, const void *head, size_t head_len, const void *data, size_t len);
/* End a stream with these trailers, given as a header block, once its messages are out. It may be gone afterwards. */
void h2_end(struct h2_conn *c, struct h2_stream *st, const struct h2_bytes *trailers);
void h2_ping(struct h2_conn *c);
void h2_goaway(struct h2_conn *c, enum h2_error error);
/* Append a header that neither side remembers to a block. */
bool h2_literal(struct h2_bytes *block, const char *name, const void *value, size_t len);


#endif

/* Inside of h2: what its receiving and its sending side share. */
#ifndef P4S_H2_FRAMES_H
#define P4S_H2_FRAMES_H

#include "http2/h2.h"

enum frame_type { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION };
enum frame_flag { ACK = 0x1, END_STREAM = 0x1, END_HEADERS = 0x4, PADDED = 0x8, WITH_PRIORITY = 0x20 };

#define HEAD 9u
#define MAX_WINDOW INT64_C(0x7fffffff)
#define DEFAULT_WINDOW 65535u

void h2_frame(struct h2_conn *c, enum frame_type type, uint8_t flags, uint32_t id, const void *body, size_t len);
/* A frame whose body is one number. */
void h2_frame32(struct h2_conn *c, enum frame_type type, uint32_t id, uint32_t value);
void h2_forget(struct h2_conn *c, struct h2_stream *st);

#endif

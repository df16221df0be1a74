/* The receiving side of HTTP/2. */
#ifndef P4S_H2_H
#define P4S_H2_H

#include "http2/h2_conn.h"

void h2_init(struct h2_conn *c, int fd, uint32_t number, uint64_t now);
/* Handle what is in ``c->in``; false: the connection is at its end. */
bool h2_receive(struct h2_conn *c, struct h2_user *u);

#endif

/* PROXY protocol, version 2, of datagrams. */
#ifndef HEADER_H
#define HEADER_H

#include "toa.h"

/* A longer one, with its TLVs, is none. */
#define HEADER_MAX 1024

enum header {
    HEADER_NONE,      /* or a damaged one, or one of a stream: all of it is payload */
    HEADER_OF_NOBODY, /* LOCAL, or of unspecified family: the real peer is the client */
    HEADER_OF_CLIENT,
};

/* What the first `length` bytes of a datagram begin with, all of it among them; its size, TLVs included, unless there is none. */
enum header header_parse(const unsigned char *data, size_t length, size_t *size, struct toa_client *client);

#endif

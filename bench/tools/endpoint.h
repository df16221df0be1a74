/* An address of either family with a port, as sockets have it. */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

union endpoint {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Bytes of the longest that endpoint_format writes, the final zero included. */
#define ENDPOINT_TEXT 64

/* False for text that is no address. */
bool endpoint_set(union endpoint *endpoint, const char *address, unsigned port);
/* From its bytes, 4 or 16, and the port, all in network byte order. */
void endpoint_from_bytes(union endpoint *endpoint, const void *address, size_t bytes, uint16_t port);
socklen_t endpoint_size(const union endpoint *endpoint);
/* In network byte order. */
uint16_t endpoint_port(const union endpoint *endpoint);
/* The last four bytes of the address, in network byte order. */
uint32_t endpoint_tail(const union endpoint *endpoint);
bool endpoint_equal(const union endpoint *one, const union endpoint *other);
/* "192.0.2.1:80" or "[2001:db8::1]:80". */
void endpoint_format(const union endpoint *endpoint, char out[ENDPOINT_TEXT]);

#endif

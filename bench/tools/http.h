/* The little HTTP that echo_server answers. */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_request {
    char path[128];
    bool keep_alive;
};

/* Parse a request head of `length` bytes. 1: complete; 0: more is needed; -1: not HTTP that we answer. */
int http_parse(const char *head, size_t length, struct http_request *request);

/* Format a status line and header fields; returns their length. */
size_t http_head(char *out, size_t size, const char *status, const char *type, uint64_t body, bool keep_alive);

#endif

/* What conn_load and echo_server say to each other. Both run on one machine: host byte order.
 *
 * The client sends an exchange_request and request_bytes of the pattern of `seed`; the server answers an
 * exchange_answer and answer_bytes of the pattern of `seed + 1`. Any number of exchanges per connection. */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include <stdint.h>

#include "endpoint.h"

#define EXCHANGE_MAGIC 0x464e4c31u

struct exchange_request {
    uint32_t magic;
    uint32_t server_closes; /* 1: the server closes after its answer */
    uint64_t seed;
    uint64_t request_bytes;
    uint64_t answer_bytes;
};

struct exchange_answer {
    uint32_t magic;
    uint32_t corrupted;      /* 1: the request's bytes were not the pattern */
    union endpoint toa_client; /* as in the option */
    uint32_t toa_options;    /* how many TOA options the SYN carried; 0: toa_client says nothing */
};

#endif

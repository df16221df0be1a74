/* conn_load's command line. */
#ifndef CONN_OPTIONS_H
#define CONN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "endpoint.h"

enum close_mode { CLOSE_FIN, CLOSE_HALF, CLOSE_SERVER, CLOSE_RST };

struct config {
    union endpoint to;
    size_t total, concurrency;
    double rate, timeout;
    uint64_t request_bytes, answer_bytes, throttle, seed;
    enum close_mode close;
    bool toa, progress, hold;
};

extern struct config config;

/* Fill it in; ends the program when the command line is wrong. */
void config_read(int argc, char **argv);

#endif

#include "conn_options.h"

#include <getopt.h>

#include "common.h"

struct config config = {.total = 1, .concurrency = 1, .timeout = 30, .answer_bytes = 100, .seed = 1};

static void parse_target(const char *text)
{
    char address[64];
    unsigned port;
    if ((sscanf(text, "[%63[0-9a-fA-F:.]]:%u", address, &port) != 2 && sscanf(text, "%63[0-9.]:%u", address, &port) != 2) ||
        port == 0 || !endpoint_set(&config.to, address, port))
        fail("--to takes ADDRESS:PORT or [ADDRESS]:PORT, not %s", text);
}

static enum close_mode parse_close(const char *text)
{
    static const char *const names[] = {"fin", "half", "server", "rst"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(text, names[i]) == 0)
            return (enum close_mode)i;
    }
    fail("--close takes fin, half, server or rst, not %s", text);
}

void config_read(int argc, char **argv)
{
    static const struct option options[] = {
        {"to", required_argument, NULL, 't'},       {"rate", required_argument, NULL, 'r'},
        {"request", required_argument, NULL, 'q'},  {"answer", required_argument, NULL, 'a'},
        {"close", required_argument, NULL, 'x'},    {"throttle", required_argument, NULL, 'h'},
        {"timeout", required_argument, NULL, 'o'},  {"seed", required_argument, NULL, 's'},
        {"toa", no_argument, NULL, 'T'},            {"progress", no_argument, NULL, 'P'},
        {"hold", no_argument, NULL, 'H'},           {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "n:c:", options, NULL)) != -1) {
        switch (option) {
        case 't': parse_target(optarg); break;
        case 'n': config.total = strtoul(optarg, NULL, 10); break;
        case 'c': config.concurrency = strtoul(optarg, NULL, 10); break;
        case 'r': config.rate = strtod(optarg, NULL); break;
        case 'q': config.request_bytes = strtoull(optarg, NULL, 10); break;
        case 'a': config.answer_bytes = strtoull(optarg, NULL, 10); break;
        case 'x': config.close = parse_close(optarg); break;
        case 'h': config.throttle = strtoull(optarg, NULL, 10); break;
        case 'o': config.timeout = strtod(optarg, NULL); break;
        case 's': config.seed = strtoull(optarg, NULL, 10); break;
        case 'T': config.toa = true; break;
        case 'P': config.progress = true; break;
        case 'H': config.hold = true; break;
        default: fail("usage: conn_load --to ADDRESS:PORT [-n TOTAL] [-c CONCURRENCY] [options of the source's head]");
        }
    }
    if (config.to.any.sa_family == AF_UNSPEC || config.total == 0 || config.concurrency == 0)
        fail("conn_load: --to, -n and -c must be given and not zero");
}

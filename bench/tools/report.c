#include "report.h"

#include <errno.h>
#include <inttypes.h>

#include "common.h"

#define CAUSES 32
/* A SYN that nobody answers is repeated after a second. */
#define UNANSWERED_US 900000

static uint32_t *connect_us, *total_us, silence_us;
static uint64_t first_unanswered, last_unanswered;
static size_t ok, failed, causes, unanswered;
static struct {
    int cause;
    size_t count;
} failures[CAUSES];

void report_init(size_t capacity)
{
    connect_us = calloc(capacity, sizeof *connect_us);
    total_us = calloc(capacity, sizeof *total_us);
    if (connect_us == NULL || total_us == NULL)
        fail("out of memory");
}

void report_ok(uint64_t started_ns, uint32_t connected, uint32_t total)
{
    connect_us[ok] = connected;
    total_us[ok++] = total;
    if (connected < UNANSWERED_US)
        return;
    if (unanswered == 0 || started_ns < first_unanswered)
        first_unanswered = started_ns;
    if (unanswered == 0 || started_ns > last_unanswered)
        last_unanswered = started_ns;
    unanswered++;
}

void report_silence(uint32_t us)
{
    silence_us = us > silence_us ? us : silence_us;
}

void report_failure(int cause)
{
    size_t i = 0;
    failed++;
    while (i < causes && failures[i].cause != cause)
        i++;
    if (i == CAUSES)
        return;
    failures[i].cause = cause;
    failures[i].count++;
    if (i == causes)
        causes++;
}

size_t report_count(void)
{
    return ok + failed;
}

size_t report_failures(void)
{
    return failed;
}

static const char *cause_name(int cause)
{
    switch (cause) {
    case FAIL_CORRUPT: return "corrupted bytes";
    case FAIL_SHORT: return "closed early";
    case FAIL_TOA: return "wrong or no TOA";
    case FAIL_TIMEOUT: return "timeout";
    case FAIL_UNEXPECTED: return "bytes after the answer";
    default: return strerror(cause);
    }
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void print_latency(const char *name, uint32_t *values)
{
    static const double shares[] = {0.5, 0.9, 0.99, 0.999};
    static const char *const names[] = {"p50", "p90", "p99", "p999"};
    qsort(values, ok, sizeof *values, compare);
    printf(", \"%s\": {", name);
    for (size_t i = 0; i < 4; i++)
        printf("\"%s\": %" PRIu32 ", ", names[i], ok ? values[(size_t)(shares[i] * (double)(ok - 1))] : 0);
    printf("\"max\": %" PRIu32 "}", ok ? values[ok - 1] : 0);
}

void report_print(uint64_t elapsed_ns, uint64_t sent, uint64_t received)
{
    double seconds = (double)elapsed_ns / NS_PER_SECOND;
    printf("{\"event\": \"report\", \"ok\": %zu, \"failed\": %zu, \"failures\": {", ok, failed);
    for (size_t i = 0; i < causes; i++)
        printf("%s\"%s\": %zu", i ? ", " : "", cause_name(failures[i].cause), failures[i].count);
    printf("}, \"seconds\": %.6f, \"per_second\": %.1f, \"sent\": %" PRIu64 ", \"received\": %" PRIu64, seconds,
           seconds > 0 ? (double)ok / seconds : 0, sent, received);
    print_latency("connect_us", connect_us);
    print_latency("total_us", total_us);
    printf(", \"silence_us\": %" PRIu32 ", \"unanswered\": {\"connections\": %zu, \"us\": %" PRIu64 "}", silence_us, unanswered,
           (last_unanswered - first_unanswered) / 1000);
    printf("}\n");
}

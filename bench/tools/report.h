/* conn_load's account of failures and latencies, printed as one JSON object. */
#ifndef REPORT_H
#define REPORT_H

#include <stddef.h>
#include <stdint.h>

/* Failures that are not an errno. */
enum { FAIL_CORRUPT = 100000, FAIL_SHORT, FAIL_TOA, FAIL_TIMEOUT, FAIL_UNEXPECTED };

/* Room for the latencies, in microseconds, of `capacity` connections. */
void report_init(size_t capacity);
/* `started_ns`: when it began, since the start of all. */
void report_ok(uint64_t started_ns, uint32_t connect_us, uint32_t total_us);
/* A connection that was to be told something was told nothing for so long. */
void report_silence(uint32_t us);
void report_failure(int cause);
size_t report_count(void);
size_t report_failures(void);

/* `elapsed_ns` from the first connect to the last close. */
void report_print(uint64_t elapsed_ns, uint64_t sent, uint64_t received);

#endif

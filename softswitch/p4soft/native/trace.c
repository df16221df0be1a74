/* Lines about single packets, in the form of BMv2's log. They are written by the packet thread itself, so none is lost and
 * the order is that of the packets; whoever reads them slowly holds up the traffic. */
#include "core.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ROOM 65536u
#define LONGEST 2048u

struct p4s_trace {
  int fd;
  bool each; /* write every line at once */
  uint32_t used;
  char text[ROOM];
};

void trace_flush(struct p4s_trace *t) {
  for (uint32_t at = 0; at < t->used;) {
    const ssize_t n = write(t->fd, t->text + at, t->used - at);
    if (n < 0 && errno != EINTR) break; /* disk full, or nobody reads any more: traffic goes on without its log */
    if (n > 0) at += (uint32_t)n;
  }
  t->used = 0;
}

__attribute__((format(printf, 3, 4))) void trace_line(struct p4s_ctx *c, const struct p4s_pkt *p, const char *format, ...) {
  struct p4s_switch *s = (struct p4s_switch *)(void *)c;
  struct p4s_trace *t = s->trace;
  struct timespec now;
  struct tm parts;
  va_list arguments;
  if (!t) return;
  if (t->used + LONGEST > ROOM) trace_flush(t);
  clock_gettime(CLOCK_REALTIME, &now);
  localtime_r(&now.tv_sec, &parts);
  char *const begin = t->text + t->used;
  int n = snprintf(begin, LONGEST, "[%02d:%02d:%02d.%03ld] [p4soft] [trace] [%u.%u] [cxt 0] ", parts.tm_hour, parts.tm_min,
                   parts.tm_sec, now.tv_nsec / 1000000, p->id, p->copy);
  va_start(arguments, format);
  const int more = vsnprintf(begin + n, LONGEST - (uint32_t)n - 1, format, arguments);
  va_end(arguments);
  n += more < 0 ? 0 : more;
  if (n > (int)LONGEST - 2) n = (int)LONGEST - 2; /* it was cut */
  begin[n] = '\n';
  t->used += (uint32_t)n + 1;
  if (t->each) trace_flush(t);
}

/* Write lines to ``fd`` from now on, which stays the caller's; -1: no longer. */
EXPORT int p4s_trace(struct p4s_switch *s, int fd, int each) {
  struct p4s_trace *made = NULL;
  if (fd >= 0) {
    made = malloc(sizeof *made);
    if (!made) return P4S_NO_MEMORY;
    made->fd = fd;
    made->each = each != 0;
    made->used = 0;
  }
  switch_lock(s);
  struct p4s_trace *old = s->trace;
  if (old) trace_flush(old);
  s->trace = made;
  switch_unlock(s);
  free(old);
  return P4S_OK;
}

/* Lines about single packets, in the form of BMv2's log. They are written by the packet threads themselves, so none is lost
 * and the order is that of the packets, batch by batch of each worker; whoever reads them slowly holds up the traffic. */
#include "engine/trace.h"
#include "engine/lock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ROOM 65536u
#define LONGEST 2048u

struct text {
  uint32_t used;
  char text[ROOM];
};

struct p4s_trace {
  int fd;
  bool each; /* write every line at once */
  pthread_mutex_t writing;
  struct text of[]; /* each worker's */
};

void trace_flush(struct p4s_trace *t, uint32_t worker) {
  struct text *x = &t->of[worker];
  if (x->used == 0) return;
  pthread_mutex_lock(&t->writing);
  for (uint32_t at = 0; at < x->used;) {
    const ssize_t n = write(t->fd, x->text + at, x->used - at);
    if (n < 0 && errno != EINTR) break; /* disk full, or nobody reads any more: traffic goes on without its log */
    if (n > 0) at += (uint32_t)n;
  }
  pthread_mutex_unlock(&t->writing);
  x->used = 0;
}

__attribute__((format(printf, 3, 4))) void trace_line(struct p4s_ctx *c, const struct p4s_pkt *p, const char *format, ...) {
  const struct p4s_worker *w = (const struct p4s_worker *)(const void *)c;
  struct p4s_trace *t = w->s->trace;
  struct timespec now;
  struct tm parts;
  va_list arguments;
  if (!t) return;
  struct text *x = &t->of[w->index];
  if (x->used + LONGEST > ROOM) trace_flush(t, w->index);
  clock_gettime(CLOCK_REALTIME, &now);
  localtime_r(&now.tv_sec, &parts);
  char *const begin = x->text + x->used;
  int n = snprintf(begin, LONGEST, "[%02d:%02d:%02d.%03ld] [p4soft] [trace] [%u.%u] [cxt 0] ", parts.tm_hour, parts.tm_min,
                   parts.tm_sec, now.tv_nsec / 1000000, p->id, p->copy);
  va_start(arguments, format);
  const int more = vsnprintf(begin + n, LONGEST - (uint32_t)n - 1, format, arguments);
  va_end(arguments);
  n += more < 0 ? 0 : more;
  if (n > (int)LONGEST - 2) n = (int)LONGEST - 2; /* it was cut */
  begin[n] = '\n';
  x->used += (uint32_t)n + 1;
  if (t->each) trace_flush(t, w->index);
}

/* Write lines to ``fd`` from now on, which stays the caller's; -1: no longer. */
EXPORT int p4s_trace(struct p4s_switch *s, int fd, int each) {
  struct p4s_trace *made = NULL;
  if (fd >= 0) {
    made = malloc(sizeof *made + s->nworkers * sizeof *made->of);
    if (!made) return P4S_NO_MEMORY;
    made->fd = fd;
    made->each = each != 0;
    pthread_mutex_init(&made->writing, NULL);
    for (uint32_t i = 0; i < s->nworkers; i++) made->of[i].used = 0;
  }
  switch_lock(s);
  struct p4s_trace *old = s->trace;
  for (uint32_t i = 0; old && i < s->nworkers; i++) trace_flush(old, i);
  s->trace = made;
  switch_unlock(s);
  if (old) pthread_mutex_destroy(&old->writing);
  free(old);
  return P4S_OK;
}

/* Moderation. To wake up for a request costs several times what an ordinary one takes, and as much again of the client,
 * which is woken by the answer. So a connection that keeps sending without waiting for answers is read less often: when
 * the bytes of several requests have come (SO_RCVLOWAT), or after five milliseconds.
 *
 * A client that waits for each answer is never kept waiting: only several requests found at once show that this one does
 * not. One that has a number of requests on their way, and sends the next ones as soon as it is answered, is not kept
 * waiting for more than were found at once. Where the guess is wrong time and again, it is given up, for longer every
 * time. */
#include "http2/pace.h"

#include <sys/socket.h>

#define WAIT_NS UINT64_C(5000000)
#define WINDOW_NS UINT64_C(10000000) /* over which the pace of requests is measured */
#define QUICK_NS UINT64_C(50000) /* a client whose requests follow at this pace sends as fast as it is answered */
#define GROW_NS UINT64_C(100000000) /* no more are waited for than before, so long after a miss */
#define SOON_NS UINT64_C(20000000) /* two waits in vain within this are too many, */
#define OFF_NS UINT64_C(50000000) /* and this is what follows at first, */
#define OFF_MOST_NS UINT64_C(1600000000) /* and in the end */
#define GOOD 64u /* waits that halve it again */
#define MOST 32768u /* bytes; less than flow control lets a peer send */

static void measure(struct pace *p, uint32_t requests, uint64_t now) {
  p->counted += requests;
  if (now - p->since < WINDOW_NS) return;
  p->gap = (now - p->since) / (p->counted + 1);
  p->since = now;
  p->counted = 0;
}

/* How the last wait ended. */
static void judge(struct pace *p, uint32_t requests, uint64_t now) {
  if (p->due == 0) return;
  if (now < p->due) {
    if (++p->good % GOOD == 0) p->off /= 2;
    return;
  }
  p->grow_at = now + GROW_NS;
  if (p->gap > QUICK_NS && requests >= p->wanted / 2) return;
  if (now - p->missed < SOON_NS) {
    p->off = p->off >= OFF_NS ? 2 * p->off : OFF_NS;
    if (p->off > OFF_MOST_NS) p->off = OFF_MOST_NS;
    p->off_until = now + p->off;
  }
  p->missed = now;
}

/* Requests that are worth waiting for; fewer than two: none. */
static uint32_t worthwhile(const struct pace *p, uint32_t found, uint64_t now) {
  if (found < 2 || now < p->off_until) return 0;
  const uint64_t in_time = WAIT_NS / 2 / (p->gap + 1), more = found + (p->gap > QUICK_NS && now >= p->grow_at);
  return (uint32_t)(in_time < more ? in_time : more);
}

void pace_after(struct pace *p, int fd, uint32_t requests, size_t bytes, uint64_t now) {
  measure(p, requests, now);
  judge(p, requests, now);
  const uint32_t n = p->wanted = worthwhile(p, requests, now);
  const size_t one = requests ? bytes / requests : 0, enough = one * n - one / 2; /* sizes differ a little */
  const uint32_t least = n < 2 ? 1 : enough < MOST ? (uint32_t)enough : MOST;
  p->due = n < 2 ? 0 : now + WAIT_NS;
  if (least == p->least || (least == 1 && p->least == 0)) return;
  const int value = (int)least;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof value) == 0)
    p->least = least;
  else
    p->due = 0;
}

/* Replication: multicast groups and clone sessions, each call atomic for packets. */
#include "engine/groups.h"
#include "engine/lock.h"

#include <stdlib.h>

const struct p4s_group *group_find(const struct p4s_group *list, uint32_t id) {
  while (list && list->id != id) list = list->next;
  return list;
}

/* n 0 and replicas NULL: remove. which: 0 multicast group, 1 clone session. */
EXPORT int p4s_set_group(struct p4s_switch *s, int which, uint32_t id, const struct p4s_replica *replicas, uint32_t n,
                         uint32_t truncate) {
  struct p4s_group *made = NULL, *gone = NULL;
  if (replicas) {
    made = calloc(1, sizeof *made);
    if (!made || !(made->replicas = calloc(n + 1u, sizeof *replicas))) {
      free(made);
      return P4S_NO_MEMORY;
    }
    memcpy(made->replicas, replicas, n * sizeof *replicas);
    made->id = id;
    made->count = n;
    made->truncate = truncate;
  }
  switch_lock(s);
  struct p4s_group **at = which ? &s->clones : &s->groups;
  while (*at && (*at)->id != id) at = &(*at)->next;
  gone = *at;
  if (made) {
    made->next = gone ? gone->next : NULL;
    *at = made;
  } else if (gone) {
    *at = gone->next;
  }
  switch_unlock(s);
  if (gone) free(gone->replicas);
  free(gone);
  return made || gone ? P4S_OK : P4S_NOT_FOUND;
}

/* Groups of action selectors: entries of a table of their own, each with a list of members. */
#include "engine/lock.h"
#include "engine/table.h"

#include <stdlib.h>

/* members NULL: remove the group. */
EXPORT int p4s_set_list(struct p4s_switch *s, uint32_t table, uint32_t id, const uint32_t *members, uint32_t n) {
  uint8_t key[4];
  const uint8_t none[8] = {0};
  struct p4s_list *made = NULL, *gone = NULL;
  int rc;
  if (members) {
    made = malloc(sizeof *made + n * sizeof *members);
    if (!made) return P4S_NO_MEMORY;
    made->count = n;
    memcpy(made->members, members, n * sizeof *members);
  }
  p4s_put_be(key, sizeof key, id);
  switch_lock(s);
  struct p4s_table *t = &s->objects.tables[table];
  uint32_t at = table_find(t, key, 0, &rc);
  if (at == P4S_NONE && made) {
    rc = table_insert(t, key, 0, none, 0, 0, 0, 0);
    if (rc == P4S_OK) at = table_find(t, key, 0, &rc);
  }
  if (at != P4S_NONE) {
    struct p4s_list **const list = p4s_list_at(t, p4s_entry_at(t, at));
    gone = *list;
    *list = made;
    if (!made) rc = table_delete(t, key, 0);
  }
  switch_unlock(s);
  free(rc == P4S_OK ? gone : made);
  return rc;
}

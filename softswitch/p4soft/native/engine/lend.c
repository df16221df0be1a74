/* Lending a packet of a super-segment the place of its headers. */
#include "engine/lend.h"

void forward_lend(struct p4s_worker *w, uint8_t *headers, uint32_t len) {
  const uint32_t headroom = w->s->prog ? w->s->prog->headroom : 0;
  w->lent_at = headers - headroom;
  w->lent_bytes = headroom + len;
  memcpy(w->kept, w->lent_at, w->lent_bytes);
}

void forward_unlend(struct p4s_worker *w) { memcpy(w->lent_at, w->kept, w->lent_bytes); }

void forward_swap(struct p4s_worker *w) {
  for (uint32_t i = 0; i < w->lent_bytes; i++) {
    const uint8_t byte = w->lent_at[i];
    w->lent_at[i] = w->kept[i];
    w->kept[i] = byte;
  }
}

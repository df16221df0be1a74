/* Mapped memory. */
#include "engine/memory.h"

#include <sys/mman.h>

void *p4s_map(size_t size) {
  void *p = mmap(NULL, size ? size : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? NULL : p;
}

/* Below this size there is little to gain. */
#define LARGE ((size_t)4 << 20)

void p4s_large_pages(void *p, size_t size) {
  if (size >= LARGE) (void)madvise(p, size, MADV_HUGEPAGE); /* a kernel without them goes on with small ones */
}

void p4s_unmap(void *p, size_t size) {
  if (p) munmap(p, size ? size : 1);
}

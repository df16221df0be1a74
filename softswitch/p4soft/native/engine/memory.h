/* Memory that is mapped: pages come into being when they are used. */
#ifndef P4S_ENGINE_MEMORY_H
#define P4S_ENGINE_MEMORY_H

#include "engine/base.h"

void *p4s_map(size_t size);
void p4s_unmap(void *p, size_t size);
/* Ask for large pages: for memory that is used from its beginning on, or all over. What is in use already gets them
 * when the kernel finds the time. */
void p4s_large_pages(void *p, size_t size);

#endif

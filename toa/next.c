/* Finds the replaced functions with dlsym(RTLD_NEXT), so that other preloaded libraries stay in the chain. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

#include "next.h"

#define FIND(type, name, parameters, arguments)                                                                        \
    typedef type name##_function parameters;                                                                           \
    static _Atomic(name##_function *) found_##name;
NEXT_FUNCTIONS(FIND)

#define RESOLVE(type, name, parameters, arguments)                                                                     \
    atomic_store_explicit(&found_##name, (name##_function *)dlsym(RTLD_NEXT, #name), memory_order_relaxed);

void next_resolve(void)
{
    NEXT_FUNCTIONS(RESOLVE)
}

/* Another library's constructor may call before ours ran, hence the second chance. */
#define CALL(type, name, parameters, arguments)                                                                        \
    type next_##name parameters                                                                                        \
    {                                                                                                                  \
        if (atomic_load_explicit(&found_##name, memory_order_relaxed) == NULL)                                         \
            next_resolve();                                                                                            \
        if (atomic_load_explicit(&found_##name, memory_order_relaxed) == NULL) {                                       \
            errno = ENOSYS;                                                                                            \
            return -1;                                                                                                 \
        }                                                                                                              \
        return atomic_load_explicit(&found_##name, memory_order_relaxed) arguments;                                    \
    }
NEXT_FUNCTIONS(CALL)

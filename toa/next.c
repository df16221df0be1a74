/* Finds the replaced functions with dlsym(RTLD_NEXT), so that other preloaded libraries stay in the chain. */
#define _GNU_SOURCE
#include "next.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

typedef int listen_function(int, int);
typedef int accept_function(int, struct sockaddr *, socklen_t *);
typedef int accept4_function(int, struct sockaddr *, socklen_t *, int);

static _Atomic(listen_function *) found_listen;
static _Atomic(accept_function *) found_accept, found_getpeername;
static _Atomic(accept4_function *) found_accept4;

/* Another library's constructor may call before ours ran, hence the second chance in every function below. */
#define NEXT(found, arguments)                                                                                         \
    do {                                                                                                               \
        if (atomic_load_explicit(&(found), memory_order_relaxed) == NULL)                                              \
            next_resolve();                                                                                            \
        if (atomic_load_explicit(&(found), memory_order_relaxed) == NULL) {                                            \
            errno = ENOSYS;                                                                                            \
            return -1;                                                                                                 \
        }                                                                                                              \
        return atomic_load_explicit(&(found), memory_order_relaxed) arguments;                                         \
    } while (0)

void next_resolve(void)
{
    atomic_store_explicit(&found_listen, (listen_function *)dlsym(RTLD_NEXT, "listen"), memory_order_relaxed);
    atomic_store_explicit(&found_accept, (accept_function *)dlsym(RTLD_NEXT, "accept"), memory_order_relaxed);
    atomic_store_explicit(&found_accept4, (accept4_function *)dlsym(RTLD_NEXT, "accept4"), memory_order_relaxed);
    atomic_store_explicit(&found_getpeername, (accept_function *)dlsym(RTLD_NEXT, "getpeername"), memory_order_relaxed);
}

int next_listen(int fd, int backlog)
{
    NEXT(found_listen, (fd, backlog));
}

int next_accept(int fd, struct sockaddr *address, socklen_t *length)
{
    NEXT(found_accept, (fd, address, length));
}

int next_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    NEXT(found_accept4, (fd, address, length, flags));
}

int next_getpeername(int fd, struct sockaddr *address, socklen_t *length)
{
    NEXT(found_getpeername, (fd, address, length));
}

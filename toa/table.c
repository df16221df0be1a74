/* The client behind each file descriptor: one entry a descriptor, in memory that is mapped once and touched as it is used.
 *
 * An entry is written by the thread that accepted the connection and read by any other. `version` is a sequence lock: odd while
 * it is written. Nobody waits: a reader that meets a writer has the descriptor of a closed connection, and finds nothing. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "toa.h"

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

#define MAX_ENTRIES (1u << 20)
#define HINTS (1u << 16)
#define COUNT_BITS 24
#define COUNT_MASK ((1u << COUNT_BITS) - 1)

struct entry {
    _Atomic uint32_t version; /* generation of the process, then a count */
    _Atomic uint16_t port;
    _Atomic unsigned char armed;
    _Atomic uint64_t cookie, high, low;
};

static struct entry *entries;
static size_t entry_count;

/* The descriptor that a cookie was stored under, for look-ups by a duplicate (dup, dup2, F_DUPFD). */
static _Atomic int hints[HINTS];

/* Counts forks, so that an entry that another thread was writing at the time of the fork does not stay locked in the child. */
static _Atomic uint32_t generation;

static void in_child(void)
{
    atomic_fetch_add_explicit(&generation, 1u << COUNT_BITS, memory_order_relaxed);
}

bool toa_table_init(void)
{
    struct rlimit limit;
    size_t count = MAX_ENTRIES;
    /* The hard limit: programs raise their own up to it. */
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < count)
        count = (size_t)limit.rlim_max;
    void *memory = mmap(NULL, count * sizeof *entries, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    entries = memory;
    entry_count = count;
    pthread_atfork(NULL, NULL, in_child);
    return true;
}

size_t toa_table_size(void)
{
    return entry_count;
}

bool toa_socket_cookie(int fd, uint64_t *cookie)
{
    socklen_t size = sizeof *cookie;
    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, cookie, &size) == 0;
}

static struct entry *find(int fd)
{
    return fd >= 0 && (size_t)fd < entry_count ? &entries[fd] : NULL;
}

void toa_table_put(int fd, uint64_t cookie, const struct toa_client *client)
{
    struct entry *e = find(fd);
    if (e == NULL)
        return;
    uint32_t era = atomic_load_explicit(&generation, memory_order_relaxed);
    uint32_t version = atomic_load_explicit(&e->version, memory_order_relaxed);
    /* Two writers at once: a program that closed a descriptor that it did not own yet. Neither is kept. */
    if (version & 1 && (version & ~COUNT_MASK) == era)
        return;
    uint32_t writing = era | ((version | 1) & COUNT_MASK);
    if (!atomic_compare_exchange_strong_explicit(&e->version, &version, writing, memory_order_acquire,
                                                 memory_order_relaxed))
        return;
    atomic_thread_fence(memory_order_release);
    uint64_t words[2];
    memcpy(words, client->address, sizeof words);
    atomic_store_explicit(&e->cookie, cookie, memory_order_relaxed);
    atomic_store_explicit(&e->high, words[0], memory_order_relaxed);
    atomic_store_explicit(&e->low, words[1], memory_order_relaxed);
    atomic_store_explicit(&e->port, client->port, memory_order_relaxed);
    atomic_store_explicit(&e->version, era | ((writing + 1) & COUNT_MASK), memory_order_release);
    atomic_store_explicit(&hints[cookie % HINTS], fd, memory_order_relaxed);
}

static bool get(int fd, uint64_t cookie, struct toa_client *client)
{
    struct entry *e = find(fd);
    if (e == NULL)
        return false;
    uint32_t before = atomic_load_explicit(&e->version, memory_order_acquire);
    uint64_t stored = atomic_load_explicit(&e->cookie, memory_order_relaxed);
    uint64_t words[2] = {atomic_load_explicit(&e->high, memory_order_relaxed),
                         atomic_load_explicit(&e->low, memory_order_relaxed)};
    client->port = atomic_load_explicit(&e->port, memory_order_relaxed);
    atomic_thread_fence(memory_order_acquire);
    if (before & 1 || before != atomic_load_explicit(&e->version, memory_order_relaxed))
        return false;
    memcpy(client->address, words, sizeof words);
    return stored == cookie;
}

bool toa_table_get(int fd, uint64_t cookie, struct toa_client *client)
{
    /* The kernel's cookies begin at 1: an entry never written fits none. */
    return get(fd, cookie, client) ||
           get(atomic_load_explicit(&hints[cookie % HINTS], memory_order_relaxed), cookie, client);
}

bool toa_table_armed(int fd)
{
    const struct entry *e = find(fd);
    return e != NULL && atomic_load_explicit(&e->armed, memory_order_relaxed) != 0;
}

void toa_table_arm(int fd)
{
    struct entry *e = find(fd);
    if (e != NULL)
        atomic_store_explicit(&e->armed, 1, memory_order_relaxed);
}

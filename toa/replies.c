/* Client told -> real peer, by socket: a table of sets of WAYS entries, each behind a sequence lock like those of table.c.
 * Nobody waits: a writer that meets another one takes the next entry, and a reader goes on. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "replies.h"

#define SETS 8192u
#define WAYS 8u
#define COUNT_BITS 24
#define COUNT_MASK ((1u << COUNT_BITS) - 1)

struct entry {
    _Atomic uint32_t version; /* generation of the process, then a count; odd while it is written */
    _Atomic uint32_t stamp;   /* when it was used last; 0 = never */
    _Atomic uint64_t cookie, told[2], real[2];
    _Atomic uint16_t told_port, real_port;
};

static struct entry *entries;
static _Atomic uint32_t now;
static _Atomic uint32_t generation;

#define LOAD(from) atomic_load_explicit(&(from), memory_order_relaxed)
#define STORE(to, value) atomic_store_explicit(&(to), (value), memory_order_relaxed)

static void in_child(void)
{
    atomic_fetch_add_explicit(&generation, 1u << COUNT_BITS, memory_order_relaxed);
}

bool replies_init(void)
{
    void *memory = mmap(NULL, SETS * WAYS * sizeof *entries, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    entries = memory;
    pthread_atfork(NULL, NULL, in_child);
    return true;
}

/* Of the client alone, for look-ups from any socket. Whoever fills one set on purpose has only himself forgotten. */
static struct entry *set_of(const struct toa_client *told)
{
    uint64_t words[2];
    memcpy(words, told->address, sizeof words);
    uint64_t sum = (words[0] ^ words[1] * 0x9E3779B97F4A7C15u ^ told->port) * 0xFF51AFD7ED558CCDu;
    sum = (sum ^ sum >> 32) * 0xC4CEB9FE1A85EC53u;
    return &entries[(sum >> 32) % SETS * WAYS];
}

struct seen {
    uint32_t stamp;
    uint64_t cookie;
    struct toa_client told, real;
};

/* What an entry has; false while it is written. */
static bool look(struct entry *e, struct seen *seen)
{
    uint32_t before = atomic_load_explicit(&e->version, memory_order_acquire);
    uint64_t told[2] = {LOAD(e->told[0]), LOAD(e->told[1])}, real[2] = {LOAD(e->real[0]), LOAD(e->real[1])};
    seen->stamp = LOAD(e->stamp);
    seen->cookie = LOAD(e->cookie);
    seen->told.port = LOAD(e->told_port);
    seen->real.port = LOAD(e->real_port);
    atomic_thread_fence(memory_order_acquire);
    memcpy(seen->told.address, told, sizeof told);
    memcpy(seen->real.address, real, sizeof real);
    return (before & 1) == 0 && before == LOAD(e->version) && seen->stamp != 0;
}

static bool same(const struct toa_client *one, const struct toa_client *other)
{
    return one->port == other->port && memcmp(one->address, other->address, sizeof one->address) == 0;
}

static bool write_entry(struct entry *e, uint64_t cookie, const struct toa_client *told, const struct toa_client *real,
                        uint32_t stamp)
{
    uint32_t era = LOAD(generation), version = LOAD(e->version);
    if (version & 1 && (version & ~COUNT_MASK) == era)
        return false;
    uint32_t writing = era | ((version | 1) & COUNT_MASK);
    if (!atomic_compare_exchange_strong_explicit(&e->version, &version, writing, memory_order_acquire,
                                                 memory_order_relaxed))
        return false;
    atomic_thread_fence(memory_order_release);
    uint64_t words[2];
    memcpy(words, told->address, sizeof words);
    STORE(e->told[0], words[0]);
    STORE(e->told[1], words[1]);
    memcpy(words, real->address, sizeof words);
    STORE(e->real[0], words[0]);
    STORE(e->real[1], words[1]);
    STORE(e->told_port, told->port);
    STORE(e->real_port, real->port);
    STORE(e->cookie, cookie);
    STORE(e->stamp, stamp);
    atomic_store_explicit(&e->version, era | ((writing + 1) & COUNT_MASK), memory_order_release);
    return true;
}

void replies_put(uint64_t cookie, const struct toa_client *told, const struct toa_client *real)
{
    if (entries == NULL)
        return;
    uint32_t stamp = atomic_fetch_add_explicit(&now, 1, memory_order_relaxed) | 1u;
    struct entry *set = set_of(told);
    struct seen seen;
    size_t best = 0;
    uint32_t best_age = 0;
    for (size_t way = 0; way < WAYS; way++) {
        uint32_t age = UINT32_MAX;
        if (look(&set[way], &seen)) {
            if (seen.cookie == cookie && same(&seen.told, told)) {
                best = way;
                break;
            }
            age = stamp - seen.stamp;
        }
        if (age > best_age) {
            best = way;
            best_age = age;
        }
    }
    for (size_t tried = 0; tried < WAYS; tried++) {
        if (write_entry(&set[(best + tried) % WAYS], cookie, told, real, stamp))
            return;
    }
}

bool replies_may_know(const struct toa_client *told)
{
    struct toa_client real;
    return replies_get(0, told, &real);
}

bool replies_get(uint64_t cookie, const struct toa_client *told, struct toa_client *real)
{
    if (entries == NULL)
        return false;
    struct entry *set = set_of(told);
    struct seen seen;
    bool found = false;
    uint32_t age = UINT32_MAX, latest = LOAD(now);
    for (size_t way = 0; way < WAYS; way++) {
        if (look(&set[way], &seen) && (cookie == 0 || seen.cookie == cookie) && same(&seen.told, told) &&
            latest - seen.stamp + 1 <= age) {
            age = latest - seen.stamp + 1;
            *real = seen.real;
            found = true;
        }
    }
    return found;
}

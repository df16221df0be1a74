/* The table of replies under fire: few clients, ever new ways to them, from several sockets. A way that is found must be one that
 * belongs to the client and the socket asked for. Exit status 0: nothing wrong was told, and readers found something. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "replies.h"

enum { CLIENTS = 3, SOCKETS = 4, WRITERS = 4, READERS = 2, ROUNDS = 50000 };

static _Atomic unsigned long found, wrong;
static _Atomic int writing = WRITERS;

/* Of a way: whose it is, and a number, in every part of it. */
static struct toa_client way(uint64_t client, uint64_t cookie, uint64_t number)
{
    uint64_t words[2] = {client << 56 | cookie << 48 | number, ~(client << 56 | cookie << 48 | number)};
    struct toa_client made = {.port = (uint16_t)number};
    memcpy(made.address, words, sizeof words);
    return made;
}

static void *writer(void *argument)
{
    uint64_t cookie = (uint64_t)(intptr_t)argument % SOCKETS + 1;
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        struct toa_client told = way(i % CLIENTS, 0, 0), real = way(i % CLIENTS, cookie, i);
        replies_put(cookie, &told, &real);
    }
    atomic_fetch_sub(&writing, 1);
    return NULL;
}

static void *reader(void *argument)
{
    (void)argument;
    for (uint64_t i = 0; atomic_load(&writing) > 0; i++) {
        uint64_t cookie = i % (SOCKETS + 1), words[2];
        struct toa_client told = way(i % CLIENTS, 0, 0), real;
        if (!replies_get(cookie, &told, &real))
            continue;
        atomic_fetch_add(&found, 1);
        memcpy(words, real.address, sizeof words);
        bool right = words[0] == ~words[1] && words[0] >> 56 == i % CLIENTS && real.port == (uint16_t)words[0] &&
                     (cookie == 0 || (words[0] >> 48 & 255) == cookie);
        if (!right)
            atomic_fetch_add(&wrong, 1);
    }
    return NULL;
}

int main(void)
{
    if (!replies_init())
        return 2;
    pthread_t threads[WRITERS + READERS];
    for (int i = 0; i < WRITERS + READERS; i++)
        pthread_create(&threads[i], NULL, i < WRITERS ? writer : reader, (void *)(intptr_t)i);
    for (int i = 0; i < WRITERS + READERS; i++)
        pthread_join(threads[i], NULL);
    printf("found %lu, wrong %lu\n", found, wrong);
    return wrong != 0 || found == 0;
}

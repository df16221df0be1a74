/* The table under fire: writers put clients of ever new cookies under few descriptors, readers ask for current, old and
 * unknown cookies. Every address found must be the one that belongs to the cookie asked for; built with -fsanitize=thread
 * where that is to be had. Exit status 0: nothing wrong was told, and readers found something. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "toa.h"

enum { DESCRIPTORS = 4, WRITERS = 4, READERS = 2, ROUNDS = 200000 };

static _Atomic uint64_t current[DESCRIPTORS];
static _Atomic uint64_t next_cookie = 1;
static _Atomic unsigned long found, wrong;
static _Atomic int writing = WRITERS;

static struct toa_client client_of(uint64_t cookie)
{
    struct toa_client client = {.port = (uint16_t)cookie};
    memcpy(client.address, &cookie, 8);
    cookie = ~cookie;
    memcpy(client.address + 8, &cookie, 8);
    return client;
}

/* Two writers share each pair of descriptors, as in a program that closes descriptors which are not its own. */
static void *writer(void *argument)
{
    int number = (int)(intptr_t)argument;
    for (int i = 0; i < ROUNDS; i++) {
        int fd = (number + i) % DESCRIPTORS;
        uint64_t cookie = atomic_fetch_add(&next_cookie, 1);
        struct toa_client client = client_of(cookie);
        toa_table_put(fd, cookie, &client);
        atomic_store(&current[fd], cookie);
    }
    atomic_fetch_sub(&writing, 1);
    return NULL;
}

static void ask(int fd, uint64_t cookie)
{
    struct toa_client client, right = client_of(cookie);
    if (!toa_table_get(fd, cookie, &client))
        return;
    atomic_fetch_add(&found, 1);
    if (memcmp(client.address, right.address, sizeof right.address) != 0 || client.port != right.port)
        atomic_fetch_add(&wrong, 1);
}

static void *reader(void *argument)
{
    (void)argument;
    for (unsigned i = 0; atomic_load(&writing) > 0; i++) {
        int fd = (int)(i % DESCRIPTORS);
        uint64_t cookie = atomic_load(&current[fd]);
        ask(fd, cookie);
        ask((fd + 1) % DESCRIPTORS, cookie); /* as of a duplicate */
        ask(fd, cookie - cookie / 2);
        ask(fd, UINT64_MAX - i);
        ask(-1, cookie);
    }
    return NULL;
}

int main(void)
{
    if (!toa_table_init())
        return 2;
    struct toa_client client;
    if (toa_table_get(0, 1, &client) || toa_table_armed(5) || toa_table_armed(-1))
        return 3;
    toa_table_arm(5);
    if (!toa_table_armed(5))
        return 3;
    pthread_t threads[WRITERS + READERS];
    for (int i = 0; i < WRITERS + READERS; i++)
        pthread_create(&threads[i], NULL, i < WRITERS ? writer : reader, (void *)(intptr_t)i);
    for (int i = 0; i < WRITERS + READERS; i++)
        pthread_join(threads[i], NULL);
    /* Unused beyond the last descriptor that there is. */
    client = client_of(7);
    toa_table_put((int)toa_table_size(), 7, &client);
    if (toa_table_get((int)toa_table_size(), 7, &client))
        return 3;
    /* A child has what its parent had, and its own from then on. */
    client = client_of(UINT64_MAX / 2);
    toa_table_put(1, UINT64_MAX / 2, &client);
    pid_t child = fork();
    if (child == 0) {
        if (!toa_table_get(1, UINT64_MAX / 2, &client))
            _exit(4);
        client = client_of(9);
        toa_table_put(1, UINT64_MAX / 3, &client);
        _exit(toa_table_get(1, UINT64_MAX / 3, &client) && !toa_table_get(1, UINT64_MAX / 2, &client) ? 0 : 5);
    }
    int status;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || !toa_table_get(1, UINT64_MAX / 2, &client))
        return 6;
    printf("found %lu, wrong %lu\n", found, wrong);
    return wrong != 0 || found == 0;
}

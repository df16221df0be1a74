/* libtoa_preload.so: accept, accept4 and getpeername tell the client's address instead of the balancer's local address; udp.c is for
 * datagrams.
 *
 * FULLNAT hides the client behind a local address of the balancer and puts the client's address into a TCP option of the
 * SYN, TOA. listen() asks the kernel to keep the SYNs of new connections (TCP_SAVE_SYN); accept() reads the SYN back
 * (TCP_SAVED_SYN, once for each connection) and remembers the client for getpeername(). README.md is the guide.
 *
 * Only connections from addresses in TOA_TRUSTED are looked at; for all others the kernel's answer stands, and so it does
 * where the client is missing, unless TOA_MISSING wants something else. Beyond that no call behaves otherwise than the one it
 * replaces: errno, truncation of the address and cancellation are those of the C library. */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "next.h"
#include "replies.h"
#include "settings.h"
#include "udp.h"

#ifndef TCP_SAVE_SYN
#define TCP_SAVE_SYN 27
#define TCP_SAVED_SYN 28
#endif

#define SYN_BYTES 512 /* IPv4: at most 120; IPv6: 100 and extension headers */

/* Without _GNU_SOURCE glibc declares the others with plain pointers, and this one not at all. */
EXPORT int accept4(int listener, struct sockaddr *address, socklen_t *length, int flags);

/* --------------------------------------------------------------------------------------------- the kernel's side */

/* Have the kernel keep the SYNs that come to `listener`. Sockets that are not TCP refuse, which is as good. */
static void arm(int listener)
{
    int one = 1, saved = errno;
    next_setsockopt(listener, IPPROTO_TCP, TCP_SAVE_SYN, &one, sizeof one);
    toa_table_arm(listener);
    errno = saved;
}

/* Listening sockets, and those of UDP, that the process was started with, as systemd or an older nginx hands over. */
static void arm_inherited(void)
{
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        int fd = atoi(entry->d_name), listening = 0;
        socklen_t size = sizeof listening;
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening)
            arm(fd);
        else if (udp_is_ours(fd))
            toa_table_arm(fd);
    }
    closedir(directory);
}

/* The connection `fd` was accepted: replace its peer by the client and remember that, if there is reason to. False: the
 * connection is refused. */
static bool resolve(int listener, int fd, struct sockaddr_storage *peer)
{
    struct toa_client client;
    unsigned char syn[SYN_BYTES];
    socklen_t length = sizeof syn;
    uint64_t cookie;
    if (!settings_trust(peer)) {
        note(NOTE_UNTRUSTED);
        return true;
    }
    if (getsockopt(fd, IPPROTO_TCP, TCP_SAVED_SYN, syn, &length) != 0 || length == 0) {
        /* The listening socket may have taken the place of the one that was armed. */
        arm(listener);
        note(NOTE_NO_SYN);
    } else if (!toa_parse(syn, length, &client)) {
        note(NOTE_NO_TOA);
    } else if (!toa_to_sockaddr(&client, settings_nat64(), peer)) {
        note(NOTE_NAT64);
    } else {
        if (toa_socket_cookie(fd, &cookie))
            toa_table_put(fd, cookie, &client);
        return true;
    }
    if (settings_missing() == MISSING_UNSPECIFIED)
        toa_to_sockaddr(NULL, NULL, peer);
    return settings_missing() != MISSING_REFUSE;
}

/* As the kernel ends a connection that nobody accepts: by RST. */
static void refuse(int fd)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    next_setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

/* --------------------------------------------------------------------------------------------- what is replaced */

/* Arguments that the kernel refuses, and programs without TOA_TRUSTED, are none of our business. */
static bool ours(const struct sockaddr *address, const socklen_t *length)
{
    return settings_trust_anybody() && (address == NULL || (length != NULL && *length <= INT32_MAX));
}

EXPORT int listen(int fd, int backlog)
{
    if (settings_trust_anybody())
        arm(fd);
    return next_listen(fd, backlog);
}

static int finish_accept(int listener, int fd, struct sockaddr_storage *peer, socklen_t size, struct sockaddr *address,
                         socklen_t *length)
{
    int saved = errno;
    if (fd >= 0) {
        if (size >= sizeof(struct sockaddr_in) && !resolve(listener, fd, peer)) {
            refuse(fd);
            errno = ECONNABORTED;
            return -1;
        }
        if (address != NULL)
            toa_copy_out(peer, size, address, length);
        errno = saved;
    }
    return fd;
}

EXPORT int accept4(int listener, struct sockaddr *address, socklen_t *length, int flags)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    if (!ours(address, length))
        return next_accept4(listener, address, length, flags);
    if (!toa_table_armed(listener))
        arm(listener);
    int fd = next_accept4(listener, (struct sockaddr *)&peer, &size, flags);
    return finish_accept(listener, fd, &peer, size, address, length);
}

EXPORT int accept(int listener, struct sockaddr *address, socklen_t *length)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    if (!ours(address, length))
        return next_accept(listener, address, length);
    if (!toa_table_armed(listener))
        arm(listener);
    int fd = next_accept(listener, (struct sockaddr *)&peer, &size);
    return finish_accept(listener, fd, &peer, size, address, length);
}

EXPORT int getpeername(int fd, struct sockaddr *address, socklen_t *length)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    if (address == NULL || !ours(address, length))
        return next_getpeername(fd, address, length);
    int result = next_getpeername(fd, (struct sockaddr *)&peer, &size);
    if (result != 0)
        return result;
    int saved = errno;
    struct toa_client client;
    uint64_t cookie;
    if (size >= sizeof(struct sockaddr_in) && settings_trust(&peer)) {
        bool known = toa_socket_cookie(fd, &cookie) && toa_table_get(fd, cookie, &client) &&
                     toa_to_sockaddr(&client, settings_nat64(), &peer);
        if (!known && settings_missing() != MISSING_PEER)
            toa_to_sockaddr(NULL, NULL, &peer);
    }
    toa_copy_out(&peer, size, address, length);
    errno = saved;
    return 0;
}

__attribute__((constructor)) static void start(void)
{
    int saved = errno;
    next_resolve();
    settings_read();
    if (settings_trust_anybody()) {
        if (!toa_table_init())
            settings_no_memory("the table of connections: getpeername tells real peers");
        if (settings_datagrams() && !replies_init())
            settings_no_memory("the table of clients: answers do not leave");
        arm_inherited();
    }
    settings_tell();
    errno = saved;
}

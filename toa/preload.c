/* libtoa_preload.so: accept, accept4 and getpeername tell the client's address instead of the balancer's local address.
 *
 * FULLNAT hides the client behind a local address of the balancer and puts the client's address into a TCP option of the
 * SYN, TOA. listen() asks the kernel to keep the SYNs of new connections (TCP_SAVE_SYN); accept() reads the SYN back
 * (TCP_SAVED_SYN, once for each connection) and remembers the client for getpeername(). README.md is the guide.
 *
 * Only connections from addresses in TOA_TRUSTED are looked at; for all others the kernel's answer stands, and so it does
 * where the client is missing, unless TOA_MISSING wants something else. Beyond that no call behaves otherwise than the one it replaces: errno, truncation of the address and
 * cancellation are those of the C library. */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "next.h"
#include "toa.h"

#ifndef TCP_SAVE_SYN
#define TCP_SAVE_SYN 27
#define TCP_SAVED_SYN 28
#endif
#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

#define EXPORT __attribute__((visibility("default")))
#define MAX_TRUSTED 256
#define SYN_BYTES 512 /* IPv4: at most 120; IPv6: 100 and extension headers */

/* Without _GNU_SOURCE glibc declares the others with plain pointers, and this one not at all. */
EXPORT int accept4(int listener, struct sockaddr *address, socklen_t *length, int flags);

static struct toa_prefix trusted[MAX_TRUSTED];
static size_t trusted_count;
static struct toa_prefix nat64;
static bool have_nat64, debug;

/* What is told of a connection from a trusted address whose client is not known. */
static enum missing { MISSING_PEER, MISSING_UNSPECIFIED, MISSING_REFUSE } missing;

enum note { NOTE_NO_SYN, NOTE_NO_TOA, NOTE_NAT64, NOTE_UNTRUSTED, NOTES };

static const char *const note_texts[NOTES] = {
    [NOTE_NO_SYN] = "no saved SYN on a connection from a trusted address (SYN cookie, or it came before listen() was called)",
    [NOTE_NO_TOA] = "no TOA in the SYN of a connection from a trusted address",
    [NOTE_NAT64] = "an IPv6 client came to an IPv4 socket: listen on [::], or set TOA_NAT64",
    [NOTE_UNTRUSTED] = "a connection from an address that is not in TOA_TRUSTED",
};
static _Atomic bool noted[NOTES];

static void say(const char *text)
{
    fprintf(stderr, "libtoa_preload[%ld]: %s\n", (long)getpid(), text);
}

/* Why a real peer was told; with TOA_DEBUG, once in a process. */
static void note(enum note which)
{
    if (debug && !atomic_exchange_explicit(&noted[which], true, memory_order_relaxed))
        say(note_texts[which]);
}

/* --------------------------------------------------------------------------------------------- configuration */

/* TOA_TRUSTED: prefixes separated by commas or blanks. With a mistake in it nobody is trusted. */
static void read_trusted(const char *text)
{
    static const char separators[] = ", \t\n";
    for (text += strspn(text, separators); *text != '\0'; text += strspn(text, separators)) {
        size_t length = strcspn(text, separators);
        if (trusted_count == MAX_TRUSTED || !toa_prefix_parse(text, length, &trusted[trusted_count])) {
            char message[160];
            snprintf(message, sizeof message, "TOA_TRUSTED: %s \"%.*s\"; nobody is trusted",
                     trusted_count == MAX_TRUSTED ? "more than 256 prefixes at" : "not an address or prefix:",
                     (int)(length < 60 ? length : 60), text);
            say(message);
            trusted_count = 0;
            return;
        }
        trusted_count++;
        text += length;
    }
}

static void read_nat64(const char *text)
{
    have_nat64 = toa_prefix_parse(text, strlen(text), &nat64) && toa_is_ipv4(nat64.address) && nat64.bits >= 96;
    if (!have_nat64)
        say("TOA_NAT64 is not an IPv4 prefix such as 240.0.0.0/4 and is ignored");
}

static void read_missing(const char *text)
{
    if (strcmp(text, "unspecified") == 0) {
        missing = MISSING_UNSPECIFIED;
    } else if (strcmp(text, "refuse") == 0) {
        missing = MISSING_REFUSE;
    } else if (strcmp(text, "peer") != 0) {
        /* Whoever sets it does not want the balancer's address. */
        missing = MISSING_UNSPECIFIED;
        say("TOA_MISSING is none of peer, unspecified and refuse, and is taken for unspecified");
    }
}

static bool is_trusted(const struct sockaddr_storage *peer)
{
    struct toa_client real;
    if (!toa_from_sockaddr(peer, &real))
        return false;
    for (size_t i = 0; i < trusted_count; i++) {
        if (toa_prefix_has(&trusted[i], real.address))
            return true;
    }
    return false;
}

/* --------------------------------------------------------------------------------------------- the kernel's side */

/* Have the kernel keep the SYNs that come to `listener`. Sockets that are not TCP refuse, which is as good. */
static void arm(int listener)
{
    int one = 1, saved = errno;
    setsockopt(listener, IPPROTO_TCP, TCP_SAVE_SYN, &one, sizeof one);
    toa_table_arm(listener);
    errno = saved;
}

/* Listening sockets that the process was started with, as systemd or an older nginx hands over. */
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
    }
    closedir(directory);
}

static bool socket_cookie(int fd, uint64_t *cookie)
{
    socklen_t size = sizeof *cookie;
    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, cookie, &size) == 0;
}

/* The connection `fd` was accepted: replace its peer by the client and remember that, if there is reason to. False: the
 * connection is refused. */
static bool resolve(int listener, int fd, struct sockaddr_storage *peer)
{
    struct toa_client client;
    unsigned char syn[SYN_BYTES];
    socklen_t length = sizeof syn;
    uint64_t cookie;
    if (!is_trusted(peer)) {
        note(NOTE_UNTRUSTED);
        return true;
    }
    if (getsockopt(fd, IPPROTO_TCP, TCP_SAVED_SYN, syn, &length) != 0 || length == 0) {
        /* The listening socket may have taken the place of the one that was armed. */
        arm(listener);
        note(NOTE_NO_SYN);
    } else if (!toa_parse(syn, length, &client)) {
        note(NOTE_NO_TOA);
    } else if (!toa_to_sockaddr(&client, have_nat64 ? &nat64 : NULL, peer)) {
        note(NOTE_NAT64);
    } else {
        if (socket_cookie(fd, &cookie))
            toa_table_put(fd, cookie, &client);
        return true;
    }
    if (missing == MISSING_UNSPECIFIED)
        toa_to_sockaddr(NULL, NULL, peer);
    return missing != MISSING_REFUSE;
}

/* As the kernel ends a connection that nobody accepts: by RST. */
static void refuse(int fd)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

/* As the kernel does: as much as fits, and the whole length. */
static void copy_out(const struct sockaddr_storage *from, socklen_t size, struct sockaddr *address, socklen_t *length)
{
    memcpy(address, from, *length < size ? *length : size);
    *length = size;
}

/* --------------------------------------------------------------------------------------------- what is replaced */

/* Arguments that the kernel refuses, and programs without TOA_TRUSTED, are none of our business. */
static bool ours(const struct sockaddr *address, const socklen_t *length)
{
    return trusted_count > 0 && (address == NULL || (length != NULL && *length <= INT32_MAX));
}

EXPORT int listen(int fd, int backlog)
{
    if (trusted_count > 0)
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
            copy_out(peer, size, address, length);
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
    if (size >= sizeof(struct sockaddr_in) && is_trusted(&peer)) {
        bool known = socket_cookie(fd, &cookie) && toa_table_get(fd, cookie, &client) &&
                     toa_to_sockaddr(&client, have_nat64 ? &nat64 : NULL, &peer);
        if (!known && missing != MISSING_PEER)
            toa_to_sockaddr(NULL, NULL, &peer);
    }
    copy_out(&peer, size, address, length);
    errno = saved;
    return 0;
}

__attribute__((constructor)) static void start(void)
{
    int saved = errno;
    const char *text = getenv("TOA_DEBUG");
    debug = text != NULL && *text != '\0' && strcmp(text, "0") != 0;
    next_resolve();
    if ((text = getenv("TOA_NAT64")) != NULL && *text != '\0')
        read_nat64(text);
    if ((text = getenv("TOA_MISSING")) != NULL && *text != '\0')
        read_missing(text);
    if ((text = getenv("TOA_TRUSTED")) != NULL)
        read_trusted(text);
    if (trusted_count > 0) {
        if (!toa_table_init())
            say("no memory for the table of connections: getpeername tells real peers");
        arm_inherited();
    }
    if (debug) {
        char message[160];
        snprintf(message, sizeof message, "%zu trusted prefixes, room for %zu descriptors%s", trusted_count,
                 toa_table_size(), trusted_count > 0 ? "" : "; TOA_TRUSTED is empty: every real peer is told as it is");
        say(message);
    }
    errno = saved;
}

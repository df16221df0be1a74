/* Datagrams that begin with a header of PROXY protocol: a program that does not know it gets the payload, from the client that the
 * header names, and what it sends to that client goes to where the datagram came from.
 *
 * The header is received with the payload, and what follows it moves to the front; so behind the program's own buffers there is one
 * more, which takes what the header has taken of their room. Everything else the kernel does: it is asked once for each datagram. */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/uio.h>

#include "header.h"
#include "next.h"
#include "replies.h"
#include "settings.h"
#include "udp.h"

#ifndef UDP_CORK
#define UDP_CORK 1
#endif
#define MAX_VECTOR 1024 /* UIO_MAXIOV of the kernel */

bool udp_is_ours(int fd)
{
    int corked, saved = errno;
    socklen_t size = sizeof corked;
    if (!settings_datagrams())
        return false;
    /* An option that no other socket has; one system call. */
    bool found = getsockopt(fd, IPPROTO_UDP, UDP_CORK, &corked, &size) == 0;
    errno = saved;
    return found;
}

/* --------------------------------------------------------------------------------------------- vectors */

static size_t total_of(const struct iovec *vector, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += vector[i].iov_len;
    return total;
}

/* The first bytes of what is in `vector`. */
static void gather(const struct iovec *vector, size_t count, unsigned char *to, size_t length)
{
    for (size_t i = 0; i < count && length > 0; i++) {
        size_t part = vector[i].iov_len < length ? vector[i].iov_len : length;
        if (part > 0)
            memcpy(to, vector[i].iov_base, part);
        to += part;
        length -= part;
    }
}

/* Move `length` bytes that begin at `from` of all that is in `vector` to its start. */
static void move_to_front(const struct iovec *vector, size_t from, size_t length)
{
    const struct iovec *source = vector, *target = vector;
    size_t read = from, written = 0;
    while (length > 0) {
        for (; read >= source->iov_len; source++)
            read -= source->iov_len;
        for (; written >= target->iov_len; target++)
            written -= target->iov_len;
        size_t part = length;
        if (part > source->iov_len - read)
            part = source->iov_len - read;
        if (part > target->iov_len - written)
            part = target->iov_len - written;
        memmove((char *)target->iov_base + written, (char *)source->iov_base + read, part);
        read += part;
        written += part;
        length -= part;
    }
}

/* --------------------------------------------------------------------------------------------- receiving */

/* The client named by a header takes the place of `peer`, and is remembered. False: nobody can be told. */
static bool tell(int fd, const struct toa_client *client, struct sockaddr_storage *peer)
{
    struct toa_client real, told;
    uint64_t cookie;
    toa_from_sockaddr(peer, &real);
    if (!toa_to_sockaddr(client, settings_nat64(), peer)) {
        note(NOTE_NAT64);
        return false;
    }
    if (toa_from_sockaddr(peer, &told) && toa_socket_cookie(fd, &cookie))
        replies_put(cookie, &told, &real);
    return true;
}

/* The datagram from `peer` that begins with `start`: the size of its header, and `peer` as it is told. False: it is refused. */
static bool judge(int fd, const unsigned char *start, size_t length, struct sockaddr_storage *peer, size_t *size)
{
    struct toa_client client;
    enum header found = header_parse(start, length, size, &client);
    if (found == HEADER_NONE)
        *size = 0;
    if (!settings_trust(peer)) {
        note(found == HEADER_NONE ? NOTE_UNTRUSTED : NOTE_UNTRUSTED_HEADER);
        *size = 0;
        return true;
    }
    if (found == HEADER_OF_NOBODY || (found == HEADER_OF_CLIENT && tell(fd, &client, peer)))
        return true;
    if (found == HEADER_NONE)
        note(NOTE_NO_HEADER);
    if (settings_missing() == MISSING_UNSPECIFIED)
        toa_to_sockaddr(NULL, NULL, peer);
    return settings_missing() != MISSING_REFUSE;
}

/* Of a datagram that only was looked at. */
static void discard(int fd)
{
    char byte;
    next_recv(fd, &byte, sizeof byte, MSG_DONTWAIT);
}

ssize_t udp_receive(int fd, struct msghdr *message, int flags)
{
    size_t count = (size_t)message->msg_iovlen;
    if (count >= MAX_VECTOR || flags & (MSG_ERRQUEUE | MSG_OOB) || (message->msg_name && message->msg_namelen > INT_MAX))
        return next_recvmsg(fd, message, flags);
    unsigned char behind[HEADER_MAX], start[HEADER_MAX];
    struct iovec vector[count + 1];
    if (count > 0)
        memcpy(vector, message->msg_iov, count * sizeof *vector);
    vector[count] = (struct iovec){behind, sizeof behind};
    size_t room = total_of(vector, count), size, length;
    struct sockaddr_storage peer;
    struct msghdr inner;
    ssize_t got;
    for (;;) {
        inner = *message;
        inner.msg_name = &peer;
        inner.msg_namelen = sizeof peer;
        inner.msg_iov = vector;
        inner.msg_iovlen = count + 1;
        got = next_recvmsg(fd, &inner, flags);
        if (got < 0)
            return got;
        length = (size_t)got < room + sizeof behind ? (size_t)got : room + sizeof behind;
        size_t first = length < sizeof start ? length : sizeof start;
        gather(vector, count + 1, start, first);
        int saved = errno;
        size = 0;
        bool taken = inner.msg_namelen < sizeof(struct sockaddr_in) || judge(fd, start, first, &peer, &size);
        if (!taken && flags & MSG_PEEK)
            discard(fd);
        errno = saved;
        if (taken)
            break;
    }
    size_t left = length - size;
    move_to_front(vector, size, size > 0 ? (left < room ? left : room) : 0);
    if (left > room)
        inner.msg_flags |= MSG_TRUNC;
    if (message->msg_name != NULL)
        toa_copy_out(&peer, inner.msg_namelen, message->msg_name, &message->msg_namelen);
    message->msg_controllen = inner.msg_controllen;
    message->msg_flags = inner.msg_flags;
    if (flags & MSG_TRUNC)
        return got - (ssize_t)size;
    return (ssize_t)(left < room ? left : room);
}

/* --------------------------------------------------------------------------------------------- what is replaced */

static ssize_t receive_into(int fd, struct iovec *vector, size_t count, int flags, struct sockaddr *address, socklen_t *length)
{
    struct msghdr message = {.msg_iov = vector, .msg_iovlen = count};
    if (address != NULL) {
        message.msg_name = address;
        message.msg_namelen = *length;
    }
    ssize_t got = udp_receive(fd, &message, flags);
    if (got >= 0 && address != NULL)
        *length = message.msg_namelen;
    return got;
}

EXPORT ssize_t recvfrom(int fd, void *data, size_t size, int flags, struct sockaddr *address, socklen_t *length)
{
    struct iovec vector = {data, size};
    if ((address != NULL && length == NULL) || !udp_is_ours(fd))
        return next_recvfrom(fd, data, size, flags, address, length);
    return receive_into(fd, &vector, 1, flags, address, length);
}

EXPORT ssize_t recv(int fd, void *data, size_t size, int flags)
{
    struct iovec vector = {data, size};
    return udp_is_ours(fd) ? receive_into(fd, &vector, 1, flags, NULL, NULL) : next_recv(fd, data, size, flags);
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    return message != NULL && udp_is_ours(fd) ? udp_receive(fd, message, flags) : next_recvmsg(fd, message, flags);
}

/* Files are read more often than datagrams: which descriptors to ask about was noted when they were bound. */
EXPORT ssize_t read(int fd, void *data, size_t size)
{
    struct iovec vector = {data, size};
    if (!settings_datagrams() || !toa_table_armed(fd) || !udp_is_ours(fd))
        return next_read(fd, data, size);
    /* read() of no bytes takes no datagram. */
    return size == 0 ? 0 : receive_into(fd, &vector, 1, 0, NULL, NULL);
}

EXPORT ssize_t readv(int fd, const struct iovec *vector, int count)
{
    if (count <= 0 || !settings_datagrams() || !toa_table_armed(fd) || !udp_is_ours(fd))
        return next_readv(fd, vector, count);
    return receive_into(fd, (struct iovec *)vector, (size_t)count, 0, NULL, NULL);
}

const struct sockaddr *udp_way(int fd, const struct sockaddr *address, socklen_t length, struct sockaddr_storage *real)
{
    struct toa_client told, found;
    uint64_t cookie;
    if (address == NULL || !settings_datagrams() || length < sizeof(struct sockaddr_in) || length > sizeof *real)
        return address;
    int saved = errno;
    memset(real, 0, sizeof *real);
    memcpy(real, address, length);
    bool known = (real->ss_family != AF_INET6 || length >= sizeof(struct sockaddr_in6)) &&
                 toa_from_sockaddr(real, &told) && replies_may_know(&told) && udp_is_ours(fd) &&
                 toa_socket_cookie(fd, &cookie) && replies_get(cookie, &told, &found) &&
                 toa_to_sockaddr(&found, NULL, real);
    errno = saved;
    return known ? (const struct sockaddr *)real : address;
}

EXPORT ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *address, socklen_t length)
{
    struct sockaddr_storage real;
    return next_sendto(fd, data, size, flags, udp_way(fd, address, length, &real), length);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct sockaddr_storage real;
    if (message == NULL || message->msg_name == NULL)
        return next_sendmsg(fd, message, flags);
    struct msghdr inner = *message;
    inner.msg_name = (void *)udp_way(fd, message->msg_name, message->msg_namelen, &real);
    return next_sendmsg(fd, &inner, flags);
}

EXPORT int bind(int fd, const struct sockaddr *address, socklen_t length)
{
    if (udp_is_ours(fd))
        toa_table_arm(fd);
    return next_bind(fd, address, length);
}

/* A socket of its own for a client: the client is the one that any socket was told of last. */
EXPORT int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    struct toa_client told, real;
    struct sockaddr_storage way;
    uint64_t cookie;
    int saved = errno;
    if (!settings_datagrams() || address == NULL || length < sizeof(struct sockaddr_in) || length > sizeof way)
        return next_connect(fd, address, length);
    memset(&way, 0, sizeof way);
    memcpy(&way, address, length);
    bool known = toa_from_sockaddr(&way, &told) && replies_get(0, &told, &real) && udp_is_ours(fd) &&
                 toa_socket_cookie(fd, &cookie) && toa_to_sockaddr(&real, NULL, &way);
    errno = saved;
    if (!known)
        return next_connect(fd, address, length);
    toa_table_arm(fd);
    toa_table_put(fd, cookie, &told);
    replies_put(cookie, &told, &real);
    return next_connect(fd, (const struct sockaddr *)&way, length);
}

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* Several datagrams in one buffer, each with its header: a program that asks for that gets on without. */
EXPORT int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
    if (level == IPPROTO_UDP && name == UDP_GRO && settings_datagrams()) {
        errno = ENOPROTOOPT;
        return -1;
    }
    return next_setsockopt(fd, level, name, value, length);
}

/* recvmmsg and sendmmsg, and what programs compiled with _FORTIFY_SOURCE call. */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "next.h"
#include "udp.h"

#define AT_ONCE 32u

static bool is_over(const struct timespec *end)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > end->tv_sec || (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}

static struct timespec end_of(const struct timespec *timeout)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += timeout->tv_sec;
    end.tv_nsec += timeout->tv_nsec;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    return end;
}

/* One after the other, as the kernel does (do_recvmmsg): time is looked at behind each of them. */
EXPORT int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout)
{
    if (messages == NULL || count == 0 || !udp_is_ours(fd))
        return next_recvmmsg(fd, messages, count, flags, timeout);
    if (timeout != NULL && (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec >= 1000000000)) {
        errno = EINVAL;
        return -1;
    }
    struct timespec end = timeout != NULL ? end_of(timeout) : (struct timespec){0, 0};
    unsigned done = 0;
    int how = flags & ~MSG_WAITFORONE;
    while (done < count) {
        ssize_t got = udp_receive(fd, &messages[done].msg_hdr, how);
        if (got < 0)
            return done > 0 ? (int)done : -1;
        messages[done++].msg_len = (unsigned)got;
        if (flags & MSG_WAITFORONE)
            how |= MSG_DONTWAIT;
        if (timeout != NULL && is_over(&end))
            break;
    }
    return (int)done;
}

EXPORT int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    if (messages == NULL || count == 0 || !udp_is_ours(fd))
        return next_sendmmsg(fd, messages, count, flags);
    unsigned done = 0;
    while (done < count) {
        struct mmsghdr some[AT_ONCE];
        struct sockaddr_storage ways[AT_ONCE];
        unsigned size = count - done < AT_ONCE ? count - done : AT_ONCE;
        for (unsigned i = 0; i < size; i++) {
            some[i] = messages[done + i];
            struct msghdr *one = &some[i].msg_hdr;
            one->msg_name = (void *)udp_way(fd, one->msg_name, one->msg_namelen, &ways[i]);
        }
        int sent = next_sendmmsg(fd, some, size, flags);
        for (int i = 0; i < sent; i++)
            messages[done + (unsigned)i].msg_len = some[i].msg_len;
        if (sent < 0)
            return done > 0 ? (int)done : -1;
        done += (unsigned)sent;
        if ((unsigned)sent < size)
            break;
    }
    return (int)done;
}

/* _FORTIFY_SOURCE: glibc's own go around what is preloaded. The size that the compiler knew is checked as they do. */
extern void __chk_fail(void) __attribute__((noreturn, weak));

EXPORT ssize_t __recv_chk(int fd, void *data, size_t size, size_t room, int flags);
EXPORT ssize_t __recvfrom_chk(int fd, void *data, size_t size, size_t room, int flags, struct sockaddr *address, socklen_t *length);
EXPORT ssize_t __read_chk(int fd, void *data, size_t size, size_t room);

static void check(size_t size, size_t room)
{
    if (size <= room)
        return;
    if (__chk_fail)
        __chk_fail();
    __builtin_trap();
}

ssize_t __recv_chk(int fd, void *data, size_t size, size_t room, int flags)
{
    check(size, room);
    return recv(fd, data, size, flags);
}

ssize_t __recvfrom_chk(int fd, void *data, size_t size, size_t room, int flags, struct sockaddr *address, socklen_t *length)
{
    check(size, room);
    return recvfrom(fd, data, size, flags, address, length);
}

ssize_t __read_chk(int fd, void *data, size_t size, size_t room)
{
    check(size, room);
    return read(fd, data, size);
}

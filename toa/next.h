/* The functions that ours replace: those of the next library, normally libc. */
#ifndef NEXT_H
#define NEXT_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

struct mmsghdr;

/* Type of what is returned, name, parameters, arguments. */
#define NEXT_FUNCTIONS(X)                                                                                              \
    X(int, listen, (int fd, int backlog), (fd, backlog))                                                               \
    X(int, accept, (int fd, struct sockaddr *address, socklen_t *length), (fd, address, length))                       \
    X(int, accept4, (int fd, struct sockaddr *address, socklen_t *length, int flags), (fd, address, length, flags))    \
    X(int, getpeername, (int fd, struct sockaddr *address, socklen_t *length), (fd, address, length))                  \
    X(int, bind, (int fd, const struct sockaddr *address, socklen_t length), (fd, address, length))                    \
    X(int, connect, (int fd, const struct sockaddr *address, socklen_t length), (fd, address, length))                 \
    X(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t length),                             \
      (fd, level, name, value, length))                                                                                \
    X(ssize_t, read, (int fd, void *data, size_t size), (fd, data, size))                                              \
    X(ssize_t, readv, (int fd, const struct iovec *vector, int count), (fd, vector, count))                            \
    X(ssize_t, recv, (int fd, void *data, size_t size, int flags), (fd, data, size, flags))                            \
    X(ssize_t, recvfrom,                                                                                               \
      (int fd, void *data, size_t size, int flags, struct sockaddr *address, socklen_t *length),                       \
      (fd, data, size, flags, address, length))                                                                        \
    X(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))                             \
    X(ssize_t, sendto,                                                                                                 \
      (int fd, const void *data, size_t size, int flags, const struct sockaddr *address, socklen_t length),            \
      (fd, data, size, flags, address, length))                                                                        \
    X(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))                       \
    X(int, recvmmsg, (int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout),          \
      (fd, messages, count, flags, timeout))                                                                           \
    X(int, sendmmsg, (int fd, struct mmsghdr *messages, unsigned count, int flags), (fd, messages, count, flags))

/* Before the first call; calling it again is harmless. */
void next_resolve(void);

#define DECLARE(type, name, parameters, arguments) type next_##name parameters;
NEXT_FUNCTIONS(DECLARE)
#undef DECLARE

#endif

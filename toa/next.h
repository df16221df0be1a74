/* The functions that ours replace: those of the next library, normally libc. */
#ifndef NEXT_H
#define NEXT_H

#include <sys/socket.h>

/* Before the first call; calling it again is harmless. */
void next_resolve(void);

int next_listen(int fd, int backlog);
int next_accept(int fd, struct sockaddr *address, socklen_t *length);
int next_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
int next_getpeername(int fd, struct sockaddr *address, socklen_t *length);

#endif

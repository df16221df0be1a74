/* What is done to datagrams, for all the functions that receive and send them. */
#ifndef UDP_H
#define UDP_H

#include "toa.h"

/* Whether datagrams of `fd` are looked at. Keeps errno. */
bool udp_is_ours(int fd);

/* recvmsg() of a socket that is ours: without header, from the client. */
ssize_t udp_receive(int fd, struct msghdr *message, int flags);

/* Where what is sent to `address` goes: to itself, or to `*real`, which is filled in. */
const struct sockaddr *udp_way(int fd, const struct sockaddr *address, socklen_t length, struct sockaddr_storage *real);

#endif

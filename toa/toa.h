/* What the parts of libtoa_preload share: a client's address, how it is read from a SYN, who is believed, where it is kept.
 *
 * None of it allocates or locks after toa_table_init(), so all of it may run in any thread and after fork. */
#ifndef TOA_H
#define TOA_H

#define EXPORT __attribute__((visibility("default")))

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* An IPv4 address is kept in its mapped form, ::ffff:a.b.c.d. The port is in network order. */
struct toa_client {
    unsigned char address[16];
    uint16_t port;
};

bool toa_is_ipv4(const unsigned char address[16]);
void toa_map_ipv4(unsigned char address[16], const void *ipv4);

/* option.c: the client named by the first TOA option of a SYN as TCP_SAVED_SYN returns it: IP header, TCP header, no link
 * layer. False when there is none or the headers are damaged. */
bool toa_parse(const unsigned char *syn, size_t length, struct toa_client *client);

/* prefix.c: an address prefix; `bits` counts from the start of the mapped form. */
struct toa_prefix {
    unsigned char address[16];
    unsigned bits;
};

/* One "address" or "address/length", of either family; bits beyond the length are cleared. False when it is neither. */
bool toa_prefix_parse(const char *text, size_t length, struct toa_prefix *prefix);
bool toa_prefix_has(const struct toa_prefix *prefix, const unsigned char address[16]);

/* address.c: between struct sockaddr and struct toa_client. */

/* False when it is not an IP address. */
bool toa_from_sockaddr(const struct sockaddr_storage *from, struct toa_client *client);

/* Write the client over `to`, keeping its family, which is the socket's. An IPv6 client on an IPv4 socket becomes an address of
 * `nat64` that depends on the client's address only; without `nat64` it cannot be told: false, and `to` is unchanged. No client
 * (NULL): the unspecified address, port 0. */
bool toa_to_sockaddr(const struct toa_client *client, const struct toa_prefix *nat64, struct sockaddr_storage *to);

/* As the kernel writes an address: as much as fits, and the whole length. */
void toa_copy_out(const struct sockaddr_storage *from, socklen_t size, struct sockaddr *address, socklen_t *length);

/* table.c: which client is behind a file descriptor. A socket is known by its cookie (SO_COOKIE), which the kernel never gives
 * twice, so what was stored for a descriptor's last user is never returned for its next. */

bool toa_socket_cookie(int fd, uint64_t *cookie);

/* Room for the descriptors that the process may ever have; once, before any other call. False: nothing will be kept. */
bool toa_table_init(void);
size_t toa_table_size(void);
void toa_table_put(int fd, uint64_t cookie, const struct toa_client *client);
bool toa_table_get(int fd, uint64_t cookie, struct toa_client *client);

/* Whether TCP_SAVE_SYN was set on the listening socket `fd`, or it was a socket of UDP when it was bound: a hint, for a
 * descriptor may be used again. */
bool toa_table_armed(int fd);
void toa_table_arm(int fd);

#endif

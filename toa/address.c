/* A client's address as a struct sockaddr of the family that the socket has. */
#include <netinet/in.h>
#include <string.h>

#include "toa.h"

static const unsigned char mapped[12] = {[10] = 0xFF, [11] = 0xFF};

bool toa_is_ipv4(const unsigned char address[16])
{
    return memcmp(address, mapped, sizeof mapped) == 0;
}

void toa_map_ipv4(unsigned char address[16], const void *ipv4)
{
    memcpy(address, mapped, sizeof mapped);
    memcpy(address + sizeof mapped, ipv4, 4);
}

bool toa_from_sockaddr(const struct sockaddr_storage *from, struct toa_client *client)
{
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)from;
        toa_map_ipv4(client->address, &in->sin_addr);
        client->port = in->sin_port;
        return true;
    }
    if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
        memcpy(client->address, &in6->sin6_addr, sizeof client->address);
        client->port = in6->sin6_port;
        return true;
    }
    return false;
}

/* FNV-1a: equal on every server, so that the logs of several agree. */
static uint32_t hash(const unsigned char address[16])
{
    uint64_t sum = 0xCBF29CE484222325u;
    for (int i = 0; i < 16; i++)
        sum = (sum ^ address[i]) * 0x100000001B3u;
    return (uint32_t)(sum ^ sum >> 32);
}

bool toa_to_sockaddr(const struct toa_client *client, const struct toa_prefix *nat64, struct sockaddr_storage *to)
{
    if (client == NULL) {
        sa_family_t family = to->ss_family;
        memset(to, 0, sizeof *to);
        to->ss_family = family;
        return true;
    }
    if (to->ss_family == AF_INET6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)to;
        memcpy(&in6->sin6_addr, client->address, sizeof client->address);
        in6->sin6_port = client->port;
        in6->sin6_flowinfo = 0;
        in6->sin6_scope_id = 0;
        return true;
    }
    struct sockaddr_in *in = (struct sockaddr_in *)to;
    if (toa_is_ipv4(client->address)) {
        memcpy(&in->sin_addr, client->address + sizeof mapped, sizeof in->sin_addr);
    } else {
        if (nat64 == NULL)
            return false;
        uint32_t network;
        memcpy(&network, nat64->address + sizeof mapped, sizeof network);
        uint32_t hosts = nat64->bits < 128 ? UINT32_MAX >> (nat64->bits - 96) : 0;
        in->sin_addr.s_addr = network | htonl(hash(client->address) & hosts);
    }
    in->sin_port = client->port;
    return true;
}

void toa_copy_out(const struct sockaddr_storage *from, socklen_t size, struct sockaddr *address, socklen_t *length)
{
    memcpy(address, from, *length < size ? *length : size);
    *length = size;
}

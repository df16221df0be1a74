#include "endpoint.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

bool endpoint_set(union endpoint *endpoint, const char *address, unsigned port)
{
    unsigned char bytes[16];
    bool is_v6 = strchr(address, ':') != NULL;
    if (inet_pton(is_v6 ? AF_INET6 : AF_INET, address, bytes) != 1)
        return false;
    endpoint_from_bytes(endpoint, bytes, is_v6 ? 16 : 4, htons((uint16_t)port));
    return true;
}

void endpoint_from_bytes(union endpoint *endpoint, const void *address, size_t bytes, uint16_t port)
{
    memset(endpoint, 0, sizeof *endpoint);
    if (bytes == 16) {
        endpoint->v6.sin6_family = AF_INET6;
        endpoint->v6.sin6_port = port;
        memcpy(&endpoint->v6.sin6_addr, address, 16);
    } else {
        endpoint->v4.sin_family = AF_INET;
        endpoint->v4.sin_port = port;
        memcpy(&endpoint->v4.sin_addr, address, 4);
    }
}

socklen_t endpoint_size(const union endpoint *endpoint)
{
    return endpoint->any.sa_family == AF_INET6 ? sizeof endpoint->v6 : sizeof endpoint->v4;
}

uint16_t endpoint_port(const union endpoint *endpoint)
{
    return endpoint->any.sa_family == AF_INET6 ? endpoint->v6.sin6_port : endpoint->v4.sin_port;
}

uint32_t endpoint_tail(const union endpoint *endpoint)
{
    uint32_t tail = endpoint->v4.sin_addr.s_addr;
    if (endpoint->any.sa_family == AF_INET6)
        memcpy(&tail, &endpoint->v6.sin6_addr.s6_addr[12], 4);
    return tail;
}

bool endpoint_equal(const union endpoint *one, const union endpoint *other)
{
    if (one->any.sa_family != other->any.sa_family || endpoint_port(one) != endpoint_port(other))
        return false;
    if (one->any.sa_family == AF_INET6)
        return memcmp(&one->v6.sin6_addr, &other->v6.sin6_addr, 16) == 0;
    return one->v4.sin_addr.s_addr == other->v4.sin_addr.s_addr;
}

void endpoint_format(const union endpoint *endpoint, char out[ENDPOINT_TEXT])
{
    char address[INET6_ADDRSTRLEN];
    bool is_v6 = endpoint->any.sa_family == AF_INET6;
    const void *bytes = is_v6 ? (const void *)&endpoint->v6.sin6_addr : (const void *)&endpoint->v4.sin_addr;
    inet_ntop(endpoint->any.sa_family, bytes, address, sizeof address);
    snprintf(out, ENDPOINT_TEXT, is_v6 ? "[%s]:%u" : "%s:%u", address, ntohs(endpoint_port(endpoint)));
}

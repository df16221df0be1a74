/* The header of PROXY protocol, version 2, in front of a datagram's payload (haproxy's proxy-protocol.txt, 2.2). */
#include <string.h>

#include "header.h"

static const unsigned char signature[12] = "\r\n\r\n\0\r\nQUIT\n";

enum {
    FIXED = 16,
    VERSION_LOCAL = 0x20,
    VERSION_PROXY = 0x21,
    DATAGRAM = 2,
    UNSPECIFIED = 0,
    OVER_IPV4 = 1,
    OVER_IPV6 = 2,
    ENDS_IPV4 = 12,
    ENDS_IPV6 = 36,
};

enum header header_parse(const unsigned char *data, size_t length, size_t *size, struct toa_client *client)
{
    if (length < FIXED || memcmp(data, signature, sizeof signature) != 0)
        return HEADER_NONE;
    unsigned family = data[13] >> 4, transport = data[13] & 15u;
    size_t ends = (size_t)data[14] << 8 | data[15];
    *size = FIXED + ends;
    if (*size > length || (data[12] != VERSION_LOCAL && data[12] != VERSION_PROXY))
        return HEADER_NONE;
    if (data[12] == VERSION_LOCAL || (family == UNSPECIFIED && transport == UNSPECIFIED))
        return HEADER_OF_NOBODY;
    if (transport != DATAGRAM)
        return HEADER_NONE;
    if (family == OVER_IPV4 && ends >= ENDS_IPV4) {
        toa_map_ipv4(client->address, data + FIXED);
        memcpy(&client->port, data + FIXED + 8, sizeof client->port);
        return HEADER_OF_CLIENT;
    }
    if (family == OVER_IPV6 && ends >= ENDS_IPV6) {
        memcpy(client->address, data + FIXED, sizeof client->address);
        memcpy(&client->port, data + FIXED + 32, sizeof client->port);
        return HEADER_OF_CLIENT;
    }
    return HEADER_NONE;
}

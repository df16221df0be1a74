/* Address prefixes, both families in one form. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "toa.h"

#define MAPPED_BITS 96

bool toa_prefix_parse(const char *text, size_t length, struct toa_prefix *prefix)
{
    char copy[INET6_ADDRSTRLEN + sizeof "/128"];
    if (length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    unsigned bits = 128;
    char *slash = strchr(copy, '/');
    if (slash != NULL) {
        char *end;
        if (slash[1] < '0' || slash[1] > '9')
            return false;
        unsigned long given = strtoul(slash + 1, &end, 10);
        if (*end != '\0' || given > 128)
            return false;
        bits = (unsigned)given;
        *slash = '\0';
    }
    unsigned char ipv4[4];
    if (inet_pton(AF_INET, copy, ipv4) == 1) {
        toa_map_ipv4(prefix->address, ipv4);
        if (slash != NULL && bits > 32)
            return false;
        prefix->bits = slash != NULL ? MAPPED_BITS + bits : 128;
    } else if (inet_pton(AF_INET6, copy, prefix->address) == 1) {
        prefix->bits = bits;
    } else {
        return false;
    }
    for (unsigned bit = prefix->bits; bit < 128; bit++)
        prefix->address[bit / 8] &= (unsigned char)~(0x80u >> bit % 8);
    return true;
}

bool toa_prefix_has(const struct toa_prefix *prefix, const unsigned char address[16])
{
    /* A short IPv6 prefix, ::/0 among them, means IPv6: it must not take in the mapped form of IPv4. */
    if (toa_is_ipv4(address) && prefix->bits < MAPPED_BITS)
        return false;
    unsigned whole = prefix->bits / 8, rest = prefix->bits % 8;
    if (memcmp(prefix->address, address, whole) != 0)
        return false;
    return rest == 0 || (prefix->address[whole] ^ address[whole]) >> (8 - rest) == 0;
}

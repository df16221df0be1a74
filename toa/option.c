/* Find the TOA option in a saved SYN. Formats: 254/8 is an IPv4 client, 254/20 (DPVS) and 253/20 (LVS) an IPv6 client; each is
 * kind, length, port, address. */
#include <string.h>

#include "toa.h"

enum {
    KIND_END = 0,
    KIND_NOP = 1,
    KIND_TOA_LVS_IPV6 = 253,
    KIND_TOA = 254,
    LENGTH_IPV4 = 8,
    LENGTH_IPV6 = 20,
    PROTO_HOP_BY_HOP = 0,
    PROTO_TCP = 6,
    PROTO_ROUTING = 43,
    PROTO_AUTHENTICATION = 51,
    PROTO_DESTINATION = 60,
    IPV4_HEADER = 20,
    IPV6_HEADER = 40,
    TCP_HEADER = 20,
};

/* Where the TCP header begins; `length` when there is none. */
static size_t tcp_offset(const unsigned char *syn, size_t length)
{
    if (length >= IPV4_HEADER && syn[0] >> 4 == 4)
        return syn[9] == PROTO_TCP ? (syn[0] & 15u) * 4u : length;
    if (length < IPV6_HEADER || syn[0] >> 4 != 6)
        return length;
    unsigned next = syn[6];
    size_t at = IPV6_HEADER;
    while (next != PROTO_TCP && at + 8 <= length) {
        size_t size;
        if (next == PROTO_HOP_BY_HOP || next == PROTO_ROUTING || next == PROTO_DESTINATION)
            size = (syn[at + 1] + 1u) * 8u;
        else if (next == PROTO_AUTHENTICATION)
            size = (syn[at + 1] + 2u) * 4u;
        else
            return length;
        next = syn[at];
        at += size;
    }
    return next == PROTO_TCP ? at : length;
}

static bool take(const unsigned char *option, struct toa_client *client)
{
    unsigned kind = option[0], size = option[1];
    if (kind == KIND_TOA && size == LENGTH_IPV4)
        toa_map_ipv4(client->address, option + 4);
    else if ((kind == KIND_TOA || kind == KIND_TOA_LVS_IPV6) && size == LENGTH_IPV6)
        memcpy(client->address, option + 4, 16);
    else
        return false;
    memcpy(&client->port, option + 2, 2);
    return true;
}

bool toa_parse(const unsigned char *syn, size_t length, struct toa_client *client)
{
    size_t tcp = tcp_offset(syn, length);
    if (tcp + TCP_HEADER > length)
        return false;
    size_t end = tcp + (syn[tcp + 12] >> 4) * 4u;
    if (end > length)
        return false;
    for (size_t at = tcp + TCP_HEADER; at < end && syn[at] != KIND_END;) {
        if (syn[at] == KIND_NOP) {
            at++;
            continue;
        }
        if (at + 1 >= end || syn[at + 1] < 2 || at + syn[at + 1] > end)
            return false;
        if (take(syn + at, client))
            return true;
        at += syn[at + 1];
    }
    return false;
}

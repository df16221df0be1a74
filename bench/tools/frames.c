#include "frames.h"

#include <arpa/inet.h>
#include <string.h>

enum { ETHERNET = 14, IPV4 = 20, IPV6 = 40, TCP = 20, ARP = 28, ND = 24, ND_OPTION = 8, SHORTEST = 60 };
enum { NEXT_TCP = 6, NEXT_ICMPV6 = 58, SOLICITATION = 135, ADVERTISEMENT = 136 };

static void put16(unsigned char *out, unsigned value)
{
    out[0] = (unsigned char)(value >> 8);
    out[1] = (unsigned char)value;
}

static void put32(unsigned char *out, uint32_t value)
{
    put16(out, value >> 16);
    put16(out + 2, value & 0xffff);
}

static unsigned get16(const unsigned char *in)
{
    return (unsigned)in[0] << 8 | in[1];
}

static uint32_t get32(const unsigned char *in)
{
    return (uint32_t)get16(in) << 16 | get16(in + 2);
}

static uint32_t sum(const unsigned char *in, size_t length, uint32_t total)
{
    for (; length > 1; in += 2, length -= 2)
        total += get16(in);
    return length ? total + ((uint32_t)in[0] << 8) : total;
}

static unsigned fold(uint32_t total)
{
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    return total;
}

/* Over what follows the IP header, and the pseudo header. */
static unsigned transport_sum(const unsigned char *ip, unsigned protocol, size_t length)
{
    bool v6 = ip[0] >> 4 == 6;
    const unsigned char *addresses = ip + (v6 ? 8 : 12);
    return fold(sum(addresses, v6 ? 32 : 8, sum(ip + (v6 ? IPV6 : IPV4), length, protocol + (uint32_t)length)));
}

static void put_ipv4(unsigned char *ip, const struct segment *s, unsigned length)
{
    ip[0] = 0x45;
    put16(ip + 2, IPV4 + length);
    put16(ip + 6, 0x4000);
    ip[8] = 64;
    ip[9] = NEXT_TCP;
    memcpy(ip + 12, &s->source, 4);
    memcpy(ip + 16, &s->target, 4);
    put16(ip + 10, ~fold(sum(ip, IPV4, 0)) & 0xffff);
}

static void put_ipv6(unsigned char *ip, unsigned next, unsigned hop_limit, unsigned length)
{
    ip[0] = 0x60;
    put16(ip + 4, length);
    ip[6] = (unsigned char)next;
    ip[7] = (unsigned char)hop_limit;
}

size_t frame_build(unsigned char *out, const struct segment *s)
{
    bool v6 = s->source_prefix != NULL;
    unsigned data = s->data, headers = ETHERNET + (v6 ? IPV6 : IPV4) + TCP;
    if (s->least_bytes > SHORTEST && headers + data < s->least_bytes)
        data = s->least_bytes - headers;
    size_t length = headers + data;
    unsigned char *ip = out + ETHERNET, *tcp = ip + (v6 ? IPV6 : IPV4);
    memset(out, 0, length < SHORTEST ? SHORTEST : length);
    memcpy(out, s->target_mac, 6);
    memcpy(out + 6, s->source_mac, 6);
    put16(out + 12, v6 ? 0x86dd : 0x0800);
    if (v6) {
        put_ipv6(ip, NEXT_TCP, 64, TCP + data);
        memcpy(ip + 8, s->source_prefix, PREFIX);
        memcpy(ip + 8 + PREFIX, &s->source, 4);
        memcpy(ip + 24, s->target_prefix, PREFIX);
        memcpy(ip + 24 + PREFIX, &s->target, 4);
    } else {
        put_ipv4(ip, s, TCP + data);
    }
    put16(tcp, s->source_port);
    put16(tcp + 2, s->target_port);
    put32(tcp + 4, s->seq);
    put32(tcp + 8, s->ack);
    tcp[12] = 0x50;
    tcp[13] = s->flags;
    put16(tcp + 14, 65535);
    put16(tcp + 16, ~transport_sum(ip, NEXT_TCP, TCP + data) & 0xffff);
    return length < SHORTEST ? SHORTEST : length;
}

/* A checksum after `from` became `to` (RFC 1624). */
static void update(unsigned char *checksum, uint32_t from, uint32_t to)
{
    put16(checksum, ~fold((~get16(checksum) & 0xffff) + (~from & 0xffff) + to) & 0xffff);
}

void frame_set_source(unsigned char *frame, uint32_t source, uint16_t port)
{
    bool v6 = get16(frame + 12) == 0x86dd;
    unsigned char *ip = frame + ETHERNET, *tcp = ip + (v6 ? IPV6 : IPV4), *place = ip + (v6 ? 8 + PREFIX : 12), address[4];
    memcpy(address, &source, 4);
    for (unsigned i = 0; i < 4; i += 2) {
        if (!v6)
            update(ip + 10, get16(place + i), get16(address + i));
        update(tcp + 16, get16(place + i), get16(address + i));
    }
    update(tcp + 16, get16(tcp), port);
    memcpy(place, address, 4);
    put16(tcp, port);
}

bool frame_parse(const unsigned char *frame, size_t length, struct segment *s)
{
    bool v6 = length > ETHERNET && get16(frame + 12) == 0x86dd;
    unsigned network = v6 ? IPV6 : IPV4;
    const unsigned char *ip = frame + ETHERNET, *tcp = ip + network;
    if (length < ETHERNET + network + TCP || (!v6 && get16(frame + 12) != 0x0800))
        return false;
    if (v6 ? ip[6] != NEXT_TCP : ip[0] != 0x45 || ip[9] != NEXT_TCP)
        return false;
    unsigned total = v6 ? IPV6 + get16(ip + 4) : get16(ip + 2), header = (tcp[12] >> 4) * 4u;
    if (total > length - ETHERNET || header < TCP || network + header > total)
        return false;
    memset(s, 0, sizeof *s);
    s->source_mac = frame + 6;
    s->target_mac = frame;
    if (v6) {
        s->source_prefix = ip + 8;
        s->target_prefix = ip + 24;
    }
    memcpy(&s->source, ip + (v6 ? 8 + PREFIX : 12), 4);
    memcpy(&s->target, ip + (v6 ? 24 + PREFIX : 16), 4);
    s->source_port = (uint16_t)get16(tcp);
    s->target_port = (uint16_t)get16(tcp + 2);
    s->seq = get32(tcp + 4);
    s->ack = get32(tcp + 8);
    s->flags = tcp[13];
    s->data = total - network - header;
    s->checksums_good = (v6 || fold(sum(ip, IPV4, 0)) == 0xffff) && transport_sum(ip, NEXT_TCP, total - network) == 0xffff;
    return true;
}

static bool is_solicitation(const unsigned char *frame, size_t length)
{
    const unsigned char *ip = frame + ETHERNET, *source = ip + 8;
    static const unsigned char unspecified[16];
    return length >= ETHERNET + IPV6 + ND && get16(frame + 12) == 0x86dd && ip[6] == NEXT_ICMPV6 &&
           ip[IPV6] == SOLICITATION && memcmp(source, unspecified, 16) != 0;
}

bool frame_is_question(const unsigned char *frame, size_t length)
{
    if (length >= ETHERNET + ARP && get16(frame + 12) == 0x0806)
        return get16(frame + ETHERNET + 6) == 1;
    return is_solicitation(frame, length);
}

/* The answer to a neighbor solicitation (RFC 4861 4.4). */
static size_t advertisement(unsigned char *out, const unsigned char *question, const unsigned char *mac)
{
    const unsigned char *asker = question + ETHERNET + 8, *target = question + ETHERNET + IPV6 + 8;
    unsigned char *ip = out + ETHERNET, *nd = ip + IPV6;
    memset(out, 0, ETHERNET + IPV6 + ND + ND_OPTION);
    memcpy(out, question + 6, 6);
    memcpy(out + 6, mac, 6);
    put16(out + 12, 0x86dd);
    put_ipv6(ip, NEXT_ICMPV6, 255, ND + ND_OPTION);
    memcpy(ip + 8, target, 16);
    memcpy(ip + 24, asker, 16);
    nd[0] = ADVERTISEMENT;
    nd[4] = 0x60;
    memcpy(nd + 8, target, 16);
    nd[ND] = 2;
    nd[ND + 1] = 1;
    memcpy(nd + ND + 2, mac, 6);
    put16(nd + 2, ~transport_sum(ip, NEXT_ICMPV6, ND + ND_OPTION) & 0xffff);
    return ETHERNET + IPV6 + ND + ND_OPTION;
}

size_t frame_answer(unsigned char *out, const unsigned char *request, const unsigned char *mac)
{
    static const unsigned char kind[8] = {0, 1, 8, 0, 6, 4, 0, 2};
    const unsigned char *asked = request + ETHERNET;
    if (get16(request + 12) != 0x0806)
        return advertisement(out, request, mac);
    memset(out, 0, SHORTEST);
    memcpy(out, request + 6, 6);
    memcpy(out + 6, mac, 6);
    put16(out + 12, 0x0806);
    memcpy(out + ETHERNET, kind, 8);
    memcpy(out + ETHERNET + 8, mac, 6);
    memcpy(out + ETHERNET + 14, asked + 24, 4);
    memcpy(out + ETHERNET + 18, asked + 8, 10);
    return SHORTEST;
}

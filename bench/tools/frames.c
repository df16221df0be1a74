#include "frames.h"

#include <arpa/inet.h>
#include <string.h>

enum { ETHERNET = 14, IPV4 = 20, TCP = 20, ARP = 28, SHORTEST = 60 };

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

static unsigned tcp_sum(const unsigned char *ip, size_t tcp_length)
{
    return fold(sum(ip + 12, 8, sum(ip + IPV4, tcp_length, 6 + (uint32_t)tcp_length)));
}

size_t frame_build(unsigned char *out, const struct segment *s)
{
    unsigned data = s->data;
    if (s->least_bytes > SHORTEST && ETHERNET + IPV4 + TCP + data < s->least_bytes)
        data = s->least_bytes - ETHERNET - IPV4 - TCP;
    size_t length = ETHERNET + IPV4 + TCP + data;
    unsigned char *ip = out + ETHERNET, *tcp = ip + IPV4;
    memset(out, 0, length < SHORTEST ? SHORTEST : length);
    memcpy(out, s->target_mac, 6);
    memcpy(out + 6, s->source_mac, 6);
    put16(out + 12, 0x0800);
    ip[0] = 0x45;
    put16(ip + 2, IPV4 + TCP + data);
    put16(ip + 6, 0x4000);
    ip[8] = 64;
    ip[9] = 6;
    memcpy(ip + 12, &s->source, 4);
    memcpy(ip + 16, &s->target, 4);
    put16(ip + 10, ~fold(sum(ip, IPV4, 0)) & 0xffff);
    put16(tcp, s->source_port);
    put16(tcp + 2, s->target_port);
    put32(tcp + 4, s->seq);
    put32(tcp + 8, s->ack);
    tcp[12] = 0x50;
    tcp[13] = s->flags;
    put16(tcp + 14, 65535);
    put16(tcp + 16, ~tcp_sum(ip, TCP + data) & 0xffff);
    return length < SHORTEST ? SHORTEST : length;
}

/* A checksum after `from` became `to` (RFC 1624). */
static void update(unsigned char *checksum, uint32_t from, uint32_t to)
{
    put16(checksum, ~fold((~get16(checksum) & 0xffff) + (~from & 0xffff) + to) & 0xffff);
}

void frame_set_source(unsigned char *frame, uint32_t source, uint16_t port)
{
    unsigned char *ip = frame + ETHERNET, *tcp = ip + IPV4, address[4];
    memcpy(address, &source, 4);
    for (unsigned i = 0; i < 4; i += 2) {
        update(ip + 10, get16(ip + 12 + i), get16(address + i));
        update(tcp + 16, get16(ip + 12 + i), get16(address + i));
    }
    update(tcp + 16, get16(tcp), port);
    memcpy(ip + 12, address, 4);
    put16(tcp, port);
}

bool frame_parse(const unsigned char *frame, size_t length, struct segment *s)
{
    const unsigned char *ip = frame + ETHERNET, *tcp = ip + IPV4;
    if (length < ETHERNET + IPV4 + TCP || get16(frame + 12) != 0x0800 || ip[0] != 0x45 || ip[9] != 6)
        return false;
    unsigned total = get16(ip + 2), header = (tcp[12] >> 4) * 4u;
    if (total > length - ETHERNET || header < TCP || IPV4 + header > total)
        return false;
    memset(s, 0, sizeof *s);
    s->source_mac = frame + 6;
    s->target_mac = frame;
    memcpy(&s->source, ip + 12, 4);
    memcpy(&s->target, ip + 16, 4);
    s->source_port = (uint16_t)get16(tcp);
    s->target_port = (uint16_t)get16(tcp + 2);
    s->seq = get32(tcp + 4);
    s->ack = get32(tcp + 8);
    s->flags = tcp[13];
    s->data = total - IPV4 - header;
    s->checksums_good = fold(sum(ip, IPV4, 0)) == 0xffff && tcp_sum(ip, total - IPV4) == 0xffff;
    return true;
}

bool frame_is_arp_request(const unsigned char *frame, size_t length)
{
    return length >= ETHERNET + ARP && get16(frame + 12) == 0x0806 && get16(frame + ETHERNET + 6) == 1;
}

size_t frame_arp_reply(unsigned char *out, const unsigned char *request, const unsigned char *mac)
{
    static const unsigned char kind[8] = {0, 1, 8, 0, 6, 4, 0, 2};
    const unsigned char *asked = request + ETHERNET;
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

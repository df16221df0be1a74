/* v1model: the headers of PROXY protocol, version 2 (haproxy's proxy-protocol.txt 2.2), in front of what the client sends. */
#ifndef _PROXY_HEADERS_P4_
#define _PROXY_HEADERS_P4_

#include "../../../include/headers.p4"

#define PROXY_SIGNATURE 96w0x0d0a0d0a000d0a515549540a
#define PROXY_VERSION_2 8w0x21  /* and the command PROXY */
#define PROXY_OVER_IPV4 4w1
#define PROXY_OVER_IPV6 4w2
#define PROXY_STREAM 4w1
#define PROXY_DATAGRAM 4w2
const bit<16> PROXY_FIXED_BYTES = 16;  /* in front of what length counts */

header proxy_v4_t {
    bit<96>     signature;
    bit<8>      version_command;
    bit<4>      family;
    bit<4>      transport;
    bit<16>     length;
    ipv4_addr_t src;
    ipv4_addr_t dst;
    l4_port_t   src_port;
    l4_port_t   dst_port;
}

header proxy_v6_t {
    bit<96>     signature;
    bit<8>      version_command;
    bit<4>      family;
    bit<4>      transport;
    bit<16>     length;
    ipv6_addr_t src;
    ipv6_addr_t dst;
    l4_port_t   src_port;
    l4_port_t   dst_port;
}

/* In headers_t, behind the options. */
#define PROXY_HEADERS \
    proxy_v4_t proxy_v4; \
    proxy_v6_t proxy_v6;
#define EMIT_PROXY(PACKET) PACKET.emit(hdr.proxy_v4); PACKET.emit(hdr.proxy_v6);

#endif

/* v1model: what the controller is told of some who get a cookie, a digest. */
#ifndef _V1MODEL_COOKIE_ASKED_P4_
#define _V1MODEL_COOKIE_ASKED_P4_

struct asked_event_t {
    @id(1) ipv6_addr_t source;  /* an address of IPv4 as one of IPv6 (RFC 4291 2.5.5.2) */
    @id(2) bit<16>     of;      /* SYNs that this one stands for */
}

#endif

/* TNA: what the tables of tables.p4 match, with IPV6_ROOM; nothing without. */
#ifndef _TNA_IPV6_ROOM_HEADERS_P4_
#define _TNA_IPV6_ROOM_HEADERS_P4_

#ifdef IPV6_ROOM

#define ETHERTYPE_IPV6 0x86dd

typedef bit<128> ipv6_addr_t;

header ipv6_t {
    bit<4>      version;
    bit<8>      traffic_class;
    bit<20>     flow_label;
    bit<16>     payload_len;
    bit<8>      next_header;
    bit<8>      hop_limit;
    ipv6_addr_t src;
    ipv6_addr_t dst;
}

struct ipv6_metadata_t {
    ipv6_addr_t src;     /* after the rewrite */
    ipv6_addr_t dst;
    bool          connected;  /* the route says that dst is the next hop */
    next_hop_id_t host;       /* the next hop that dst is, if it is one */
}

#define IPV6_HEADERS ipv6_t ipv6;
#define IPV6_METADATA ipv6_metadata_t ipv6;
#define IPV6_ETHERTYPE ETHERTYPE_IPV6: parse_ipv6;
#define IPV6_STATES \
    state parse_ipv6 { \
        packet.extract(hdr.ipv6); \
        m.target.ipv6.dst = hdr.ipv6.dst; \
        transition select(hdr.ipv6.next_header) { \
            PROTO_TCP: parse_tcp; \
            default: accept; \
        } \
    }
#define EMIT_IPV6(PACKET) PACKET.emit(hdr.ipv6);
#define IPV6_LOOK_UP \
    Ipv6Addressee() ipv6_addressee; \
    Ipv6Session() ipv6_session;
#define IPV6_DECIDE \
    Ipv6Server() ipv6_server; \
    Ipv6Route() ipv6_route;
#define IPV6_FORWARD Ipv6NextHop() ipv6_next_hop;
#define IPV6_ELSE(CONTROL) if (hdr.ipv6.isValid()) { CONTROL.apply(hdr, m); } else
#define IPV6_ALSO(CONTROL) CONTROL.apply(hdr, m);
#define ROUTED (hdr.ipv4.isValid() || hdr.ipv6.isValid())

#else

#define IPV6_HEADERS
#define IPV6_METADATA
#define EMIT_IPV6(PACKET)

#endif

#endif

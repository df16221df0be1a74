/* v1model: the packet that an ICMP error quotes. Its ports are in hdr.ports, so that lookups need not know of it. */
#ifndef _ICMP_ERROR_HEADERS_P4_
#define _ICMP_ERROR_HEADERS_P4_

const bit<8> ICMP_FRAGMENTATION_NEEDED = 4;  /* code of ICMP_UNREACHABLE */

const bit<16> IPV4_BYTES = 20;  /* without options */

/* Ports and what follows them, of the quoted packet: less tells of no flow. */
#define QUOTED_LEAST 8
/* The TCP header up to its checksum. */
#define QUOTED_TCP_LEAST 18

/* Behind icmp_t in an error (RFC 792, RFC 4443). */
header icmp_error_t {
    bit<16> unused;
    bit<16> mtu;       /* of type 3, code 4 (RFC 1191), or the lower half of ICMPv6's */
}

/* The same in an echo request or reply (RFC 792, RFC 4443): the identifier stands for ports. */
header icmp_echo_t {
    bit<16> identifier;
    bit<16> sequence;
}

/* An echo request or reply that is quoted. */
header quoted_echo_t {
    bit<8>  type;
    bit<8>  code;
    bit<16> checksum;
    bit<16> identifier;
    bit<16> sequence;
}

/* What follows the ports of a quoted segment, and is there in all errors. */
header quoted_seq_t {
    bit<32> seq;
}

/* What follows that, and need not be there (RFC 1812 4.3.2.3). */
header quoted_tcp_t {
    bit<32> ack;
    bit<11> before_ack;  /* data offset and flags up to ACK */
    bit<1>  ack_flag;
    bit<4>  behind_ack;
    bit<16> window;
    bit<16> checksum;
}

#define QUOTED_HEADERS \
    icmp_echo_t    icmp_echo; \
    icmp_error_t   icmp_error; \
    ipv4_t         quoted; \
    ipv4_options_t quoted_options; \
    ipv6_t         quoted6; \
    quoted_echo_t  quoted_echo;
#define QUOTED_L4_HEADERS \
    quoted_seq_t   quoted_seq; \
    quoted_tcp_t   quoted_tcp; \
    udp_t          quoted_udp;
#define EMIT_QUOTED(PACKET) \
        PACKET.emit(hdr.icmp_echo); \
        PACKET.emit(hdr.icmp_error); \
        PACKET.emit(hdr.quoted); \
        PACKET.emit(hdr.quoted_options); \
        PACKET.emit(hdr.quoted6); \
        PACKET.emit(hdr.quoted_echo);
#define EMIT_QUOTED_L4(PACKET) \
        PACKET.emit(hdr.quoted_seq); \
        PACKET.emit(hdr.quoted_tcp); \
        PACKET.emit(hdr.quoted_udp);

#endif

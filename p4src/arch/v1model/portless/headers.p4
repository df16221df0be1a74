/* v1model: what belongs to a flow and shows no ports. */
#ifndef _PORTLESS_HEADERS_P4_
#define _PORTLESS_HEADERS_P4_

const bit<8> PROTO_ESP = 50;
const bit<8> PROTO_AH  = 51;
const bit<16> PORT_IKE = 500;

/* A first fragment of at least so many bytes has all of its header: the longest of IPv4 and that of UDP, or the longest of TCP. */
#define FIRST_UDP_LEAST 68
#define FIRST_TCP_LEAST 120

#define MORE_L4 \
            (1, 0, PROTO_TCP): parse_first_tcp; \
            (1, 0, PROTO_UDP): parse_first_udp; \
            (_, 0, PROTO_ESP): parse_ipsec; \
            (_, 0, PROTO_AH): parse_ipsec; \
            (_, 0, _): accept; \
            (_, _, PROTO_TCP): parse_fragment; \
            (_, _, PROTO_UDP): parse_fragment; \
            (_, _, PROTO_ESP): parse_ipsec; \
            (_, _, PROTO_AH): parse_ipsec;

/* In target_metadata_t. */
#define PORTLESS_METADATA \
    bool        first_fragment; /* of several, and its ports are in hdr.ports */ \
    bool        later_fragment; /* one behind the first */ \
    bool        follows;        /* a later fragment whose first one was seen: its ports are in m.flow */ \
    bool        echo;           /* an echo request or reply, or an error about one: its identifier is in m.flow, as its sender's port */ \
    bool        ipsec;          /* AH or ESP: of the flow of IKE between the same addresses (RFC 7296 2) */

#define IS_ECHO hdr.icmp_echo.isValid()
#define HAS_FLOW (hdr.ports.isValid() || m.target.follows || m.target.ipsec || m.target.echo)
#define GOES_BY_FLOW (hdr.ports.isValid() || (IN_SESSION && (m.target.follows || m.target.ipsec || m.target.echo)))
#define PORTLESS (m.target.follows || m.target.ipsec)

/* ESP is of no use to whom another address than the peer's shows as its sender, as its answers would go there; AH covers both. */
#define ADMIT_WITHOUT_PORTS \
        else if (m.target.ipsec && ( \
                (m.session.src != m.flow.src && (hdr.ipv4.protocol == PROTO_AH || m.session.direction == (bit<8>)Direction.IN)) \
                || (m.session.dst != m.flow.dst && (hdr.ipv4.protocol == PROTO_AH || m.session.direction == (bit<8>)Direction.OUT)))) { \
            m.verdict.drop = (bit<8>)DropReason.IPSEC; \
        }

#endif

/* ASIC: what core/ asks the registers, straight from what those told, which saves a stage; and the news that they make. */
#ifndef _ASIC_PRIMS_P4_
#define _ASIC_PRIMS_P4_

/* The segment acknowledges no data of the server. */
#define BEFORE_DATA (hdr.decision.answered == 1 && m.target.acks_first == 1)
/* The server has sent its SYN-ACK. */
#define SERVER_ANSWERED (m.target.seen & (bit<8>)SessionEvent.SYN_ACK != 0)

/* An outer header would take PHV, and room in the decision, that there is not. */
#define TUNNEL(SOURCE) m.session.src = SOURCE; m.route.drop = (bit<8>)DropReason.TUNNEL;
#define TUNNEL6(SOURCE) m.session.src6 = SOURCE; m.route.drop = (bit<8>)DropReason.TUNNEL;
#define GUE(SOURCE) TUNNEL(SOURCE)
#define GUE6(SOURCE) TUNNEL6(SOURCE)
#define TUNNELLED false

/* Nor is there for the headers of both families. */
#define CHANGE_FAMILY(TO_IPV6)

/* Neither its parser nor the decision has room for a packet within a packet: the controller translates ICMP errors, as it edits option
 * lists. What ends here by TTL or MTU is known behind the meter of punts. */
#define BEHIND_ICMP accept
#define BEHIND_ICMPV6 accept
/* Fragments and what IPsec protects to an address of ours are dropped by name. */
#define MORE_L4
#define HAS_FLOW hdr.ports.isValid()
#define GOES_BY_FLOW hdr.ports.isValid()
#define ADMIT_WITHOUT_PORTS
/* Nor do echo requests have sessions. */
#define IS_ECHO false
/* Bytes in front of a payload would shift what its parser and checksums do not see; a configuration that asks for them is refused. */
#define TELL_BY_PROXY
#define STRAY_ICMP_ERROR punt(PuntReason.ICMP_ERROR)
#define TELL_SENDER

/* In target_metadata_t, SessionEvent bits of a session's segment. */
#define ASIC_NEWS \
    bit<8> set_events;  /* of this one */ \
    bit<8> unjudged;    /* beside them, UNJUDGED if the session may end */ \
    bit<8> seen;        /* of those before, which the register answers */ \
    bit<8> new_events;  /* what the controller is told */

#endif

/* What a target provides: all of it, and here only. A program includes the target's types and macros, then this file, then the
 * target's controls, and then the composite controls of core/.
 *
 * Types
 *   headers_t              the headers, by the names that core/ uses, in the order they are emitted
 *   target_metadata_t      what only the target's own files know, as m.target
 *
 * Parser states, beside those of core/parse/states.p4
 *   start, parse_ipv4_options, parse_options
 *
 * Facts, told by the parser and by what comes first in ingress; 0 or false where a target cannot know
 *   m.ingress_port, m.length.ip_header, m.length.tcp_header, m.parser_error, m.checksum_error, m.ip_fault, m.bad_options,
 *   m.odd_options
 *
 * Controls, with the composite that applies them
 *   Decide    SessionState(hdr, m)            what the session's registers learn of its segment, and tell of it
 *             AnswerSolicitation(hdr, m)      the answer to a neighbor's solicitation, or its way to the controller
 *             JudgeFamilies(hdr, m)           of a session between families, what is not translated, as m.route.drop
 *   Forward   PuntLimit(m)                    the meter of packets to the controller: m.verdict.drop where there are too many
 *   Rewrite   ToaInPlace(hdr, m, toa_result)  TOA in the place of options that are removed, where the header has no room
 *             TcpOptions(hdr, m)              carries out m.edit
 *
 * Macros: those below. */
#ifndef _CORE_TARGET_P4_
#define _CORE_TARGET_P4_

/* Parser. */
#ifndef CHECK_IPV4
#error "the target must define CHECK_IPV4: statements on the checksum of hdr.ipv4, just extracted, for m.checksum_error; nothing if a control does"
#endif
#ifndef PASS_TAG
#error "the target must define PASS_TAG: statements that make hdr.ethernet.type what hdr.vlan.type says; nothing if a control does"
#endif
#ifndef BEHIND_TAG
#error "the target must define BEHIND_TAG: what follows transition behind a tag: parse_tagged; or a select that has accept for what it shall drop"
#endif
#ifndef MORE_L4
#error "the target must define MORE_L4: rows of parse_l4 for fragments, AH and ESP; nothing if it follows none"
#endif
#ifndef BEHIND_ICMP
#error "the target must define BEHIND_ICMP: the state behind hdr.icmp: accept, or that of what an ICMP error quotes, with hdr.ports and its flow reversed"
#endif
#ifndef BEHIND_ICMPV6
#error "the target must define BEHIND_ICMPV6: the state behind hdr.icmpv6 if it is no neighbor discovery: likewise"
#endif
#ifndef PACKET_IN_SEQ
#error "the target must define PACKET_IN_SEQ: the field of packet_in with the client's sequence numbers; nothing if they are not known"
#endif

/* Tables. */
#ifndef IDLE_TIMEOUT
#error "the target must define IDLE_TIMEOUT: the property of a table whose idle entries are reported"
#endif
#ifndef DIRECT_COUNTER
#error "the target must define DIRECT_COUNTER: (ID, GLOBAL_NAME, NAME), the declaration of a direct counter"
#endif
#ifndef DIRECT_COUNTERS
#error "the target must define DIRECT_COUNTERS: (NAME), the property of a table that has this direct counter"
#endif
#ifndef DIRECT_COUNT
#error "the target must define DIRECT_COUNT: (NAME), the statement of an action that counts"
#endif
#ifndef APPLY_EITHER
#error "the target must define APPLY_EITHER: (FIRST, SECOND), statements that apply two tables of which one may hit"
#endif

#ifndef AHEAD
#error "the target must define AHEAD: true where what may be needed is found out before it is known whether it is; false where lookups and conditions take time"
#endif
/* In front of a lookup that is only used under this condition. */
#define WHERE_NEEDED(CONDITION) if (AHEAD || (CONDITION))

/* VLANs. */
#ifndef WITHOUT_PRIORITY
#error "the target must define WITHOUT_PRIORITY: (PORT), a port_num_t of the controller's without the priority of a frame"
#endif
#ifndef KEEP_PRIORITY
#error "the target must define KEEP_PRIORITY: (PORT), statements that have m.priority be that of such a port_num_t; or nothing"
#endif
#ifndef OF_NO_INTERFACE
#error "the target must define OF_NO_INTERFACE: statements on a frame that came in by no interface: m.verdict.drop if it is a VLAN that is wrong; or nothing"
#endif

/* Outer headers. */
#ifndef TUNNEL
#error "the target must define TUNNEL: (SOURCE), statements that have the packet leave with an outer header from there to the next hop, or dropped as TUNNEL"
#endif
#ifndef TUNNEL6
#error "the target must define TUNNEL6: (SOURCE), the same with an outer header of IPv6"
#endif
#ifndef GUE
#error "the target must define GUE: (SOURCE), the same as TUNNEL with UDP between the headers"
#endif
#ifndef GUE6
#error "the target must define GUE6: (SOURCE), the same as TUNNEL6 with UDP between the headers"
#endif
#ifndef TUNNELLED
#error "the target must define TUNNELLED: the packet leaves with an outer header, which m.length.last counts in"
#endif

/* Sessions between families. */
#ifndef CHANGE_FAMILY
#error "the target must define CHANGE_FAMILY: (TO_IPV6), statements that have the packet leave in the other family; nothing if it is dropped as FAMILY"
#endif

/* What belongs to a flow and shows no ports. */
#ifndef HAS_FLOW
#error "the target must define HAS_FLOW: m.flow has ports, and sessions are looked up by them"
#endif
#ifndef GOES_BY_FLOW
#error "the target must define GOES_BY_FLOW: the packet is judged by its session, or for want of it: hdr.ports is valid, or HAS_FLOW and IN_SESSION"
#endif
#ifndef ADMIT_WITHOUT_PORTS
#error "the target must define ADMIT_WITHOUT_PORTS: an else branch that drops, of a session, what translation would break; or nothing"
#endif

/* PROXY protocol. */
#ifndef TELL_BY_PROXY
#error "the target must define TELL_BY_PROXY: statements that find whether a packet of a session gets such a header, and move its numbers; or nothing"
#endif

/* Of what is dropped: ICMP errors and SYN cookies. */
#ifndef TELL_SENDER
#error "the target must define TELL_SENDER: statements that send what ends by TTL or MTU to the controller, which tells its sender, with punt_limit, and answer a SYN with a cookie; or nothing"
#endif
#ifndef STRAY_ICMP_ERROR
#error "the target must define STRAY_ICMP_ERROR: the action for an ICMP error to an address of ours without hdr.ports: drop(DropReason.ICMP_ERROR), or punt(PuntReason.ICMP_ERROR) if the controller translates it"
#endif

/* In a table's key: what a service does, such as telling who sends without session that there is none. */
#define SERVICE_FLAG(NAME) (bit<8>)ServiceFlag.NAME &&& (bit<8>)ServiceFlag.NAME
#define RESETS_ON_MISS SERVICE_FLAG(RESET_ON_MISS)

/* A target that defines SERVICE_MATCH has services of all ports and by match, and SNAT; one that defines POLICIES says who may use
 * services (its program applies Access behind LookUp). */
#ifndef IS_ECHO
#error "the target must define IS_ECHO: the packet is an echo request or reply whose identifier is in m.flow"
#endif

/* A target that defines IPV6 has it. Without, the compiler leaves out all that these conditions guard. */
#ifdef IPV6
#define IS_IPV6 hdr.ipv6.isValid()
#define IS_DISCOVERY hdr.nd.isValid()
#define VIA_IPV6 m.via6
#define FAMILY_DIFFERS (m.session.crosses || m.session.ipv6 != hdr.ipv6.isValid())
#else
#define IS_IPV6 false
#define IS_DISCOVERY false
#define VIA_IPV6 false
#define FAMILY_DIFFERS false
#endif
#define ROUTED (hdr.ipv4.isValid() || IS_IPV6)

/* A target that defines STATELESS_SERVICES has services without sessions. TRANSLATED is what is of a session. */
#ifdef STATELESS_SERVICES
#ifndef FLOW_HASH
#error "the target must define FLOW_HASH: (RESULT, SOURCE, DESTINATION), statements that make RESULT a hash of protocol, addresses and ports of m.flow"
#endif
#define IS_STATELESS (m.own.stateless && !IN_SESSION && !m.reset)
#define TRANSLATED (IN_SESSION && m.session.direction != (bit<8>)Direction.STATELESS)
#else
#define IS_STATELESS false
#define TRANSLATED IN_SESSION
#endif

/* A target that defines SYN_COOKIES answers SYNs with cookies, and has sessions that they begin. */
#ifndef SYN_COOKIES
#define SPLICE_SEQ
#define OPEN_WINDOW
#else
#ifndef AWAIT_SERVER
#error "the target must define AWAIT_SERVER: (SPLICE), statements of an action that have the session wait for its real server while SPLICE is 0"
#endif
#ifndef NARROW_WINDOW
#error "the target must define NARROW_WINDOW: (BITS), statements of an action that have windows of the client's shift by so many bits less"
#endif
#endif
#ifndef SPLICE_SEQ
#error "the target must define SPLICE_SEQ: statements that raise the seq of what a server sends by m.session.splice"
#endif
#ifndef OPEN_WINDOW
#error "the target must define OPEN_WINDOW: a branch else if (m.session.spliced) that makes an ACK of a SYN-ACK"
#endif

/* Answers of the session's registers. */
#ifndef BEFORE_DATA
#error "the target must define BEFORE_DATA: the client's segment acknowledges no data of the server"
#endif
#ifndef SERVER_ANSWERED
#error "the target must define SERVER_ANSWERED: the server has sent its SYN-ACK"
#endif

#include "../include/sizes.p4"
#include "../include/ids.p4"
#include "../include/constants.p4"
#include "../include/metadata.p4"

#endif

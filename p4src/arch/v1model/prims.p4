/* v1model: what core/ calls by another name on each target (core/target.p4). */
#ifndef _V1MODEL_PRIMS_P4_
#define _V1MODEL_PRIMS_P4_

/* With SESSION_SYN, the end of what the session's client has sent, in the server's numbers; 0 = not known. */
#define PACKET_IN_SEQ @id(5) bit<32> seq;

#define IPV6
#define STATELESS_SERVICES
#define FLOW_HASH(RESULT, SOURCE, DESTINATION) \
        hash(RESULT, HashAlgorithm.crc32, 32w0, { m.flow.protocol, SOURCE, DESTINATION, m.flow.src_port, m.flow.dst_port }, 33w0x100000000);
#define SERVICE_MATCH
#define POLICIES
#define SYN_COOKIES

/* A control verifies it. */
#define CHECK_IPV4
#define PASS_TAG \
        hdr.ethernet.type = hdr.vlan.type; \
        m.target.tag_bytes = VLAN_BYTES; \
        m.ingress_port = 4w0 ++ hdr.vlan.vid ++ 16w0; \
        m.priority = hdr.vlan.priority ++ hdr.vlan.drop_eligible ++ 28w0;
#define BEHIND_TAG parse_tagged;
#define WITHOUT_PRIORITY(PORT) ((PORT) & 0x0fffffff)
#define KEEP_PRIORITY(PORT) m.priority = (PORT) & 0xf0000000;
#define OF_NO_INTERFACE \
        m.verdict.drop = m.ingress_port[27:16] != 0 && !m.reset ? (bit<8>)DropReason.VLAN : m.verdict.drop;

/* Of two tables, whichever hits. */
#define APPLY_EITHER(FIRST, SECOND) if (!FIRST.apply().hit) { SECOND.apply(); }
/* A packet waits for each of its lookups. */
#define AHEAD false
#define IDLE_TIMEOUT support_timeout = true;
#define DIRECT_COUNTER(ID, GLOBAL_NAME, NAME) @id(ID) @name(GLOBAL_NAME) direct_counter(CounterType.packets_and_bytes) NAME;
#define DIRECT_COUNTERS(NAME) counters = NAME;
#define DIRECT_COUNT(NAME) NAME.count()

#endif

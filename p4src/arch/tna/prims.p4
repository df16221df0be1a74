/* TNA: what core/ calls by another name on each target (core/target.p4). */
#ifndef _TNA_PRIMS_P4_
#define _TNA_PRIMS_P4_

/* The registers of sequence numbers are in egress, and the packets to the controller do without it. */
#define PACKET_IN_SEQ

#define CHECK_IPV4 ipv4_checksum.add(hdr.ipv4); m.checksum_error = ipv4_checksum.verify();
/* Received takes it off: a parser writes no field twice. */
#define PASS_TAG
/* A VLAN more in every port number would be, beside the sessions, too much for its containers. */
#define BEHIND_TAG select(hdr.vlan.vid) { 0: parse_tagged; default: accept; }
#define WITHOUT_PRIORITY(PORT) (PORT)
#define KEEP_PRIORITY(PORT)
#define OF_NO_INTERFACE

/* A condition takes a stage, where a lookup takes none. */
#define WHERE_NEEDED(CONDITION)
#define IDLE_TIMEOUT idle_timeout = true;
#define DIRECT_COUNTERS(NAME) counters = NAME;
#define DIRECT_COUNT(NAME) NAME.count()
#define DIRECT_COUNTER(ID, GLOBAL_NAME, NAME) @id(ID) @name(GLOBAL_NAME) DirectCounter<bit<32>>(COUNTED) NAME;

#if __TARGET_TOFINO__ == 1
#define COUNTED CounterType_t.PACKETS_AND_BYTES
/* Of two tables, whichever hits: with no branch between them, other tables find room beside their parts. */
#define APPLY_EITHER(FIRST, SECOND) FIRST.apply(); SECOND.apply();
#else
/* Bytes as well would take a stage more than there are. */
#define COUNTED CounterType_t.PACKETS
/* Of two tables, whichever hits: with a branch between them, both fit one stage. */
#define APPLY_EITHER(FIRST, SECOND) if (!FIRST.apply().hit) { SECOND.apply(); }
#endif

#endif

/* Table and register sizes: the only file a target's capacity is set in.
 *
 * PLACE_... is where an ASIC's compiler shall put what is large, by stage and entries there: left to itself it begins with
 * what is small, and never finds room. docs/tofino.md has the arithmetic. */
#ifndef _SIZES_P4_
#define _SIZES_P4_

#if __TARGET_TOFINO__ == 1
#define SESSION_ID_BITS 16
#define STATE_BANK_BITS 16
#define SERVER_ID_BITS 16
#define SERVER_TABLE_SIZE 4096
#define SERVICE_TABLE_SIZE 4096
#define OWN_ADDRESS_TABLE_SIZE 4096
#define ROUTE_TABLE_SIZE 12288
#define IPV4_HOST_TABLE_SIZE 8192
#define NEXT_HOP_TABLE_SIZE 8192
#define PLACE_SESSION_IN @stage(0, 32768) @stage(1, 32768)
#define PLACE_SESSION_OUT @stage(2, 32768) @stage(3, 32768)
#define PLACE_SESSION_IN6
#define PLACE_SESSION_OUT6
#define PLACE_PORT
#define PLACE_ADDRESSEE @stage(5)
#define PLACE_FIRST_DATA_SEQ
#define PLACE_SERVER_END_SEQ
#define PLACE_SERVER_ACK_SEQ
#elif __TARGET_TOFINO__ == 2
#define SESSION_ID_BITS 18
#define STATE_BANK_BITS 16
#define SERVER_ID_BITS 16
#define SERVER_TABLE_SIZE 8192
#define SERVICE_TABLE_SIZE 8192
#define OWN_ADDRESS_TABLE_SIZE 8192
#define ROUTE_TABLE_SIZE 10240
#define IPV4_HOST_TABLE_SIZE 16384
#define NEXT_HOP_TABLE_SIZE 16384
#define PLACE_SESSION_IN @stage(0, 36864) @stage(1, 36864) @stage(2, 36864) @stage(3, 36864) @stage(4, 36864) \
        @stage(5, 36864) @stage(6, 36864) @stage(7, 4096)
/* One entry a word, so that fewer memories are read: with both tables packed, the chip would take too much power. */
#define PLACE_SESSION_OUT @pack(1) @stage(7, 30720) @stage(8, 35840) @stage(9, 35840) @stage(10, 35840) \
        @stage(11, 35840) @stage(12, 35840) @stage(13, 35840) @stage(14, 16384)
#define PLACE_SESSION_IN6
#define PLACE_SESSION_OUT6
/* In TCAM, which the sessions leave free. */
#define PLACE_PORT @ternary(1) @stage(5)
#define PLACE_ADDRESSEE @ternary(1)
/* Two banks a stage. */
#define PLACE_FIRST_DATA_SEQ @stage(14)
#define PLACE_SERVER_END_SEQ @stage(16)
#define PLACE_SERVER_ACK_SEQ @stage(18)
#else
#define SESSION_ID_BITS 20
/* One id a real server of a service: 10,000 services of 26 servers. */
#define SERVER_ID_BITS 18
#define SERVER_TABLE_SIZE (1 << SERVER_ID_BITS)
#define SERVICE_TABLE_SIZE 16384
#define OWN_ADDRESS_TABLE_SIZE 16384
#define ROUTE_TABLE_SIZE 12288
#define IPV4_HOST_TABLE_SIZE 65536
#define NEXT_HOP_TABLE_SIZE 65536
#define SESSION6_TABLE_SIZE (1 << SESSION_ID_BITS)
#define SESSION46_TABLE_SIZE (1 << SESSION_ID_BITS)
#define SERVICE6_TABLE_SIZE 16384
#define OWN_ADDRESS6_TABLE_SIZE 16384
#define ROUTE6_TABLE_SIZE 12288
#define IPV6_HOST_TABLE_SIZE 65536
/* 128 services of 8,192 buckets. */
#define BUCKET_TABLE_SIZE (1 << 20)
#define PLACE_SESSION_IN
#define PLACE_SESSION_OUT
#define PLACE_SESSION_IN6
#define PLACE_SESSION_OUT6
#define PLACE_PORT
#define PLACE_ADDRESSEE
#endif

/* Of services of all ports and by match; one has an entry each of its rules. */
#define MATCH_TABLE_SIZE 1024

/* Of policies: services that say who may. */
#define POLICY_TABLE_SIZE 16384
/* Prefixes of all lists of one family, while some are replaced by others: twice what there may be. */
#define LIST_TABLE_SIZE (1 << 18)
/* Sources whose new connections are counted apart. */
#define SOURCE_SLOTS 262144

#ifndef SESSION6_TABLE_SIZE
/* An ASIC has none of these, but the program names them. */
#define SESSION6_TABLE_SIZE 4096
#define SERVICE6_TABLE_SIZE 2048
#define OWN_ADDRESS6_TABLE_SIZE 2048
#define ROUTE6_TABLE_SIZE 2048
#define IPV6_HOST_TABLE_SIZE 4096
#endif

/* An ASIC has no VLANs, and the ports of its containers would be twice as wide. */
#ifdef __TARGET_TOFINO__
#define PORT_NUM_BITS 16
#else
#define PORT_NUM_BITS 32
#endif

/* Packets of which fragments are under way. */
#define FRAGMENT_SLOTS 16384

/* A session id indexes the registers, so its width and their size are one number. */
#define SESSION_TABLE_SIZE (1 << SESSION_ID_BITS)
/* Interfaces, of which a port may have several, by VLAN. */
#define PORT_TABLE_SIZE 512

#endif

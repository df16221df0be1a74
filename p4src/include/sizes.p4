/* Table and register sizes: the only file a target's capacity is set in. */
#ifndef _SIZES_P4_
#define _SIZES_P4_

#if __TARGET_TOFINO__ == 1
#define SESSION_ID_BITS 16
#define STATE_BANK_BITS 16
#define SERVER_TABLE_SIZE 4096
#define SERVICE_TABLE_SIZE 4096
#define OWN_ADDRESS_TABLE_SIZE 4096
#define ROUTE_TABLE_SIZE 12288
#define NEIGHBOR_TABLE_SIZE 8192
#elif __TARGET_TOFINO__ == 2
#define SESSION_ID_BITS 17
#define STATE_BANK_BITS 16
#define SERVER_TABLE_SIZE 16384
#define SERVICE_TABLE_SIZE 8192
#define OWN_ADDRESS_TABLE_SIZE 8192
#define ROUTE_TABLE_SIZE 12288
#define NEIGHBOR_TABLE_SIZE 16384
#else
#define SESSION_ID_BITS 20
#define SERVER_TABLE_SIZE 65536
#define SERVICE_TABLE_SIZE 16384
#define OWN_ADDRESS_TABLE_SIZE 16384
#define ROUTE_TABLE_SIZE 12288
#define NEIGHBOR_TABLE_SIZE 65536
#endif

/* A session id indexes the registers, so its width and their size are one number. */
#define SESSION_TABLE_SIZE (1 << SESSION_ID_BITS)
#define PORT_TABLE_SIZE 512

#endif

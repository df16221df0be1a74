/* Table and register sizes: the only file a target's capacity is set in. */
#ifndef _SIZES_P4_
#define _SIZES_P4_

/* A session id indexes the registers, so its width and their size are one number. */
#ifndef SESSION_ID_BITS
#define SESSION_ID_BITS 20
#endif
#define SESSION_TABLE_SIZE (1 << SESSION_ID_BITS)

#define SERVER_TABLE_SIZE 65536
#define SERVICE_TABLE_SIZE 16384
#define OWN_ADDRESS_TABLE_SIZE 16384
#define ROUTE_TABLE_SIZE 12288
#define NEIGHBOR_TABLE_SIZE 65536
#define PORT_TABLE_SIZE 512

#endif

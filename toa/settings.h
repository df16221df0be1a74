/* What the environment says, and notes for whoever asked for them by TOA_DEBUG. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "toa.h"

/* What is told of a connection or datagram from a trusted address whose client is not known. */
enum missing { MISSING_PEER, MISSING_UNSPECIFIED, MISSING_REFUSE };

enum note {
    NOTE_NO_SYN,
    NOTE_NO_TOA,
    NOTE_NAT64,
    NOTE_UNTRUSTED,
    NOTE_NO_HEADER,
    NOTE_UNTRUSTED_HEADER,
    NOTES,
};

/* Read the environment; once, before any other call. A mistake is said on standard error. */
void settings_read(void);
/* What was read, with TOA_DEBUG; behind toa_table_init(). */
void settings_tell(void);
void settings_no_memory(const char *what);

bool settings_trust_anybody(void);
bool settings_trust(const struct sockaddr_storage *peer);
/* NULL: there is none. */
const struct toa_prefix *settings_nat64(void);
enum missing settings_missing(void);
/* TOA_UDP=proxy, and somebody is trusted. */
bool settings_datagrams(void);

/* Why a real peer was told; with TOA_DEBUG, once in a process. */
void note(enum note which);

#endif

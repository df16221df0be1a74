/* Captures. */
#ifndef P4S_ENGINE_PCAP_H
#define P4S_ENGINE_PCAP_H

#include "engine/state.h"

enum p4s_direction { P4S_RECEIVED, P4S_SENT };

void pcap_frame(struct p4s_pcap *p, uint32_t port, enum p4s_direction direction, const uint8_t *data, uint32_t len);
/* Tell the writer that there is something to write. */
void pcap_wake(struct p4s_pcap *p);
uint64_t pcap_dropped(const struct p4s_pcap *p);

#endif

/* Ethernet frames with IPv4 and TCP headers, and ARP: what pktgen sends and understands. */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TCP_SYN 0x02
#define TCP_PSH 0x08
#define TCP_ACK 0x10

struct segment {
    const unsigned char *source_mac, *target_mac;
    uint32_t source, target; /* network byte order */
    uint16_t source_port, target_port;
    uint8_t flags;
    uint32_t seq, ack;
    unsigned data;        /* payload bytes, zeros */
    unsigned least_bytes; /* shortest frame, filled up with payload past 60 bytes and padding below */
    bool checksums_good;  /* set by frame_parse */
};

/* Write the frame; returns its length. */
size_t frame_build(unsigned char *out, const struct segment *segment);

/* Give a frame of frame_build another source, checksums included. */
void frame_set_source(unsigned char *frame, uint32_t source, uint16_t port);

/* Read an IPv4 TCP frame without IP options. False when it is something else. */
bool frame_parse(const unsigned char *frame, size_t length, struct segment *segment);

bool frame_is_arp_request(const unsigned char *frame, size_t length);

/* The answer to an ARP request: the address asked for is at `mac`. Returns the length. */
size_t frame_arp_reply(unsigned char *out, const unsigned char *request, const unsigned char *mac);

#endif

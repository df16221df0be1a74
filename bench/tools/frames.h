/* Ethernet frames with IP and TCP headers, ARP and neighbor discovery: what pktgen sends and understands. */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TCP_SYN 0x02
#define TCP_PSH 0x08
#define TCP_ACK 0x10

enum { PREFIX = 12 };

struct segment {
    const unsigned char *source_mac, *target_mac;
    const unsigned char *source_prefix, *target_prefix; /* the first PREFIX bytes of an IPv6 address; NULL: IPv4 */
    uint32_t source, target; /* all of the address, or its last four bytes, in network byte order */
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

/* Read a TCP frame without IP options or extension headers. False when it is something else. */
bool frame_parse(const unsigned char *frame, size_t length, struct segment *segment);

/* Whether somebody asks for a link-layer address, by ARP or by a neighbor solicitation. */
bool frame_is_question(const unsigned char *frame, size_t length);

/* The answer: the address asked for is at `mac`. Returns the length. */
size_t frame_answer(unsigned char *out, const unsigned char *question, const unsigned char *mac);

#endif

/* Ports, and what an interface has to do for the packet threads. */
#ifndef P4S_ENGINE_PORT_H
#define P4S_ENGINE_PORT_H

#include "engine/base.h"

#define P4S_PORTS (P4S_MAX_PORT + 1)
#define OFFLOAD_HEADERS 384u /* bytes: super-segments with more headers than that are left alone */

/* A packet that leaves, and what is known of it. */
struct joinable {
  const uint8_t *frame;
  uint32_t len;
  uint32_t origin; /* the super-segment that it was cut from; 0: none */
  bool known; /* the bytes from ``payload`` on have the sum ``sum`` */
  uint32_t payload;
  uint64_t sum;
};

struct p4s_worker;
struct p4s_link;

/* What an interface does for a packet thread. */
struct p4s_port_ops {
  uint32_t (*receive)(struct p4s_worker *w, uint32_t port); /* forwards what has come; returns the number of packets */
  void (*send)(struct p4s_worker *w, uint32_t port, const struct joinable *packet);
  uint32_t (*flush)(struct p4s_link *link); /* returns the frames that could not leave yet and have to be flushed again */
  int (*fd)(const struct p4s_link *link); /* -1: this worker receives nothing there */
  void (*close)(struct p4s_link *link);
};

struct p4s_port {
  uint32_t number;
  enum p4s_port_kind kind;
  char name[32];
};

struct p4s_packet_port;

/* A worker's own way to a port. */
struct p4s_link {
  struct p4s_stats stats; /* of what this worker received and sent */
  const struct p4s_port_ops *ops; /* NULL unless the port is an interface */
  struct p4s_packet_port *packet; /* the interface */
};

#endif

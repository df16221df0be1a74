/* Network interfaces as ports: stub. */
#include "core.h"
#include <errno.h>
int packet_open(struct p4s_port *port, const char *interface) {
  (void)port;
  (void)interface;
  errno = ENOSYS;
  return P4S_SYSTEM;
}
void packet_close(struct p4s_port *port) { (void)port; }
uint32_t packet_receive(struct p4s_switch *s, struct p4s_port *port) {
  (void)s;
  (void)port;
  return 0;
}
void packet_send(struct p4s_port *port, const uint8_t *data, uint32_t len) {
  (void)port;
  (void)data;
  (void)len;
}
void packet_flush(struct p4s_port *port) { (void)port; }
int packet_fd(const struct p4s_port *port) {
  (void)port;
  return -1;
}

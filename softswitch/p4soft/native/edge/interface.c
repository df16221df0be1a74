#include "edge/interface.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static bool ask(const char *interface, unsigned long what, struct ifreq *request) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  strncpy(request->ifr_name, interface, sizeof request->ifr_name - 1);
  const int rc = ioctl(fd, what, request), e = errno;
  close(fd);
  errno = e;
  return rc == 0;
}

bool interface_mtu(const char *interface, uint32_t *mtu) {
  struct ifreq request;
  memset(&request, 0, sizeof request);
  if (!ask(interface, SIOCGIFMTU, &request)) return false;
  *mtu = (uint32_t)request.ifr_mtu;
  return true;
}

bool interface_segments(const char *interface) {
  struct ethtool_value value = {.cmd = ETHTOOL_GTSO};
  struct ifreq request;
  memset(&request, 0, sizeof request);
  request.ifr_data = (void *)&value;
  return ask(interface, SIOCETHTOOL, &request) && value.data != 0;
}

static bool says_noqueue(const struct nlmsghdr *answer) {
  static const char none[] = "noqueue";
  if (answer->nlmsg_type != RTM_NEWLINK) return false;
  const struct ifinfomsg *info = NLMSG_DATA(answer);
  int left = (int)(answer->nlmsg_len - NLMSG_LENGTH(sizeof *info));
  for (const struct rtattr *a = IFLA_RTA(info); RTA_OK(a, left); a = RTA_NEXT(a, left))
    if (a->rta_type == IFLA_QDISC) return RTA_PAYLOAD(a) == sizeof none && memcmp(RTA_DATA(a), none, sizeof none) == 0;
  return false;
}

bool interface_unqueued(unsigned index) {
  struct {
    struct nlmsghdr head;
    struct ifinfomsg info;
  } question;
  union {
    struct nlmsghdr head;
    uint8_t bytes[32768];
  } answer;
  memset(&question, 0, sizeof question);
  question.head = (struct nlmsghdr){.nlmsg_len = sizeof question, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST};
  question.info.ifi_index = (int)index;
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return false;
  ssize_t n = send(fd, &question, sizeof question, 0);
  if (n == (ssize_t)sizeof question) n = recv(fd, &answer, sizeof answer, 0);
  close(fd);
  return n > 0 && NLMSG_OK(&answer.head, (size_t)n) && says_noqueue(&answer.head);
}

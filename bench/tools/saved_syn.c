#include "saved_syn.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#define TOA_KIND 254
#define TOA_KIND_LVS_V6 253
#define TOA_LENGTH 8
#define TOA_LENGTH_V6 20

/* The last initial sequence number of every peer port, for four peer addresses that differ in their low bits; of an IPv6
 * address its end stands for it. */
static struct {
    uint32_t address, isn;
} last_syn[4][65536];

void save_syns(int listener)
{
    int one = 1;
    setsockopt(listener, IPPROTO_TCP, TCP_SAVE_SYN, &one, sizeof one);
}

static bool note_isn(const union endpoint *peer, const unsigned char *tcp)
{
    uint32_t isn = (uint32_t)tcp[4] << 24 | (uint32_t)tcp[5] << 16 | (uint32_t)tcp[6] << 8 | tcp[7];
    uint32_t address = endpoint_tail(peer);
    unsigned row = ntohl(address) & 3, port = ntohs(endpoint_port(peer));
    bool stale = last_syn[row][port].address == address && (int32_t)(isn - last_syn[row][port].isn) <= 0;
    last_syn[row][port].address = address;
    last_syn[row][port].isn = isn;
    return stale;
}

static void find_toa(const unsigned char *at, const unsigned char *end, struct toa *toa)
{
    while (at < end && *at != 0) {
        if (*at == 1) {
            at++;
            continue;
        }
        if (end - at < 2 || at[1] < 2 || end - at < at[1])
            return;
        bool is_v6 = (at[0] == TOA_KIND || at[0] == TOA_KIND_LVS_V6) && at[1] == TOA_LENGTH_V6;
        if ((is_v6 || (at[0] == TOA_KIND && at[1] == TOA_LENGTH)) && toa->options++ == 0) {
            uint16_t port;
            memcpy(&port, at + 2, sizeof port);
            endpoint_from_bytes(&toa->client, at + 4, is_v6 ? 16 : 4, port);
        }
        at += at[1];
    }
}

/* It is an IP header, IPv6's without extensions, a TCP header and its options. */
void read_saved_syn(int fd, const union endpoint *peer, struct toa *toa, bool *stale_isn)
{
    unsigned char syn[512];
    socklen_t length = sizeof syn;
    memset(toa, 0, sizeof *toa);
    *stale_isn = false;
    if (getsockopt(fd, IPPROTO_TCP, TCP_SAVED_SYN, syn, &length) != 0 || length < 40)
        return;
    size_t ip = syn[0] >> 4 == 6 ? 40 : (syn[0] & 15u) * 4u;
    if (ip + 20 > length)
        return;
    *stale_isn = note_isn(peer, syn + ip);
    size_t end = ip + (syn[ip + 12] >> 4) * 4u;
    find_toa(syn + ip + 20, syn + (end > length ? length : end), toa);
}

/* pktgen: open TCP sessions by hand-made packets through a device under test, then send as many packets as go.
 *
 *   pktgen --client NETNS:IF --server NETNS:IF --to A:P|[A]:P --gateway-mac M [options]
 *     --sessions N     (1000)    --from A  client's address (10.1.0.1 or fd00:1::1)
 *     --seconds S      of a flood (2)  --rounds N  floods (3)
 *     --rate R         packets per second, 0: as many as go (0)
 *     --no-handshake   the device keeps no sessions: flood at once
 *     --bytes B        frame length without FCS (60)
 *     --scatter        take the sessions in no order that a cache could follow, and write every packet's source anew;
 *                      only so may there be more sessions than ports: 50000 to a client's address, from A upwards
 *
 * Neither end uses the kernel's TCP/IP: pktgen answers ARP and neighbor solicitations for every address asked for, with MAC
 * addresses that no interface has, so that the kernels drop what arrives at the first look. The flood goes from client to server; what arrives is read
 * from the server interface's own counter, at the end of the sending. Prints one line of JSON; exit status 1 if a session
 * could not be opened or nothing arrived. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common.h"
#include "endpoint.h"
#include "frames.h"
#include "packet_ring.h"

#define FIRST_PORT 10000
#define CLIENT_ISN 1000000u
#define SERVER_ISN 2000000u
#define SERVER_DATA 100u
#define HANDSHAKE_NS (20 * NS_PER_SECOND)
#define RETRY_NS (NS_PER_SECOND / 2)
#define SYN_GAP_NS (NS_PER_SECOND / 4000)

enum progress { CLOSED, SYN_SENT, ESTABLISHED };

static struct {
    const char *client, *server;
    union endpoint from, to;
    uint16_t port;
    unsigned char gateway[6];
    unsigned sessions, bytes, rounds;
    double seconds, rate;
    bool handshake, scatter;
} config = {.sessions = 1000, .bytes = 60, .rounds = 3, .seconds = 2, .handshake = true};

static const unsigned char client_mac[6] = {0x02, 0xaa, 0, 0, 0, 1}, server_mac[6] = {0x02, 0xaa, 0, 0, 0, 2};
#define PORTS 50000u     /* sessions of one client address */
#define SCATTERED 4096u  /* frames of the ring then */
#define STRIDE 15485863u /* a prime, so that every session has its turn */

static struct packet_ring client, server;
static unsigned char *progress;
static unsigned established, arrived, bad_checksums;

/* Enter the namespace of "NETNS:IF" and return IF. */
static const char *enter(const char *where)
{
    char path[256];
    const char *colon = strchr(where, ':');
    if (colon == NULL)
        fail("an end is NETNS:INTERFACE, not %s", where);
    snprintf(path, sizeof path, "/run/netns/%.*s", (int)(colon - where), where);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
        fail("cannot enter %s: %s", path, strerror(errno));
    close(fd);
    return colon + 1;
}

static void send_frame(struct packet_ring *ring, const struct segment *segment)
{
    unsigned char *out;
    while ((out = ring_reserve(ring)) == NULL)
        ring_flush(ring);
    ring_commit(ring, frame_build(out, segment));
    ring_flush(ring);
}

static void send_answer(struct packet_ring *ring, const unsigned char *question, const unsigned char *mac)
{
    unsigned char *out;
    while ((out = ring_reserve(ring)) == NULL)
        ring_flush(ring);
    ring_commit(ring, frame_answer(out, question, mac));
    ring_flush(ring);
}

static uint32_t client_address(unsigned session)
{
    return htonl(ntohl(endpoint_tail(&config.from)) + session / PORTS);
}

/* What stands before the last four bytes of an IPv6 address. */
static const unsigned char *prefix_of(const union endpoint *endpoint)
{
    return endpoint->any.sa_family == AF_INET6 ? endpoint->v6.sin6_addr.s6_addr : NULL;
}

static uint16_t client_port(unsigned session)
{
    return (uint16_t)(FIRST_PORT + session % PORTS);
}

static void send_client(unsigned session, uint8_t flags, uint32_t seq, uint32_t ack)
{
    struct segment s = {.source_mac = client_mac, .target_mac = config.gateway, .source = client_address(session),
                        .target = endpoint_tail(&config.to), .source_prefix = prefix_of(&config.from),
                        .target_prefix = prefix_of(&config.to), .source_port = client_port(session),
                        .target_port = config.port, .flags = flags, .seq = seq, .ack = ack, .least_bytes = config.bytes};
    send_frame(&client, &s);
}

/* The server's side of the handshake: SYN-ACK to a SYN, data to the first ACK. */
static void server_packet(const unsigned char *packet, size_t length)
{
    struct segment in, out;
    if (frame_is_question(packet, length)) {
        send_answer(&server, packet, server_mac);
        return;
    }
    if (!frame_parse(packet, length, &in))
        return;
    arrived++;
    bad_checksums += !in.checksums_good;
    out = (struct segment){.source_mac = server_mac, .target_mac = packet + 6, .source = in.target, .target = in.source,
                           .source_prefix = in.target_prefix, .target_prefix = in.source_prefix,
                           .source_port = in.target_port, .target_port = in.source_port, .least_bytes = 60};
    if (in.flags == TCP_SYN) {
        out.flags = TCP_SYN | TCP_ACK;
        out.seq = SERVER_ISN;
        out.ack = in.seq + 1;
    } else if (in.flags == TCP_ACK && in.ack == SERVER_ISN + 1) {
        out.flags = TCP_ACK | TCP_PSH;
        out.seq = SERVER_ISN + 1;
        out.ack = in.seq;
        out.data = SERVER_DATA;
    } else {
        return;
    }
    send_frame(&server, &out);
}

static void client_packet(const unsigned char *packet, size_t length)
{
    struct segment in;
    if (frame_is_question(packet, length)) {
        send_answer(&client, packet, client_mac);
        return;
    }
    if (!frame_parse(packet, length, &in) || in.source != endpoint_tail(&config.to) || in.ack != CLIENT_ISN + 1)
        return;
    bad_checksums += !in.checksums_good;
    unsigned session = (unsigned)in.target_port - FIRST_PORT;
    if (session >= config.sessions)
        return;
    if (in.flags == (TCP_SYN | TCP_ACK)) {
        send_client(session, TCP_ACK, CLIENT_ISN + 1, SERVER_ISN + 1);
    } else if (in.data == SERVER_DATA && progress[session] != ESTABLISHED) {
        progress[session] = ESTABLISHED;
        established++;
    }
}

static void pump(void)
{
    size_t length;
    unsigned char *packet;
    while ((packet = ring_receive(&server, &length)) != NULL) {
        server_packet(packet, length);
        ring_release(&server);
    }
    while ((packet = ring_receive(&client, &length)) != NULL) {
        client_packet(packet, length);
        ring_release(&client);
    }
}

static void handshake(void)
{
    uint64_t start = now_ns(), retry = 0, next = 0;
    unsigned session = config.sessions;
    while (established < config.sessions && now_ns() - start < HANDSHAKE_NS) {
        uint64_t now = now_ns();
        if (session == config.sessions && now >= retry) {
            session = 0;
            retry = now + RETRY_NS + config.sessions * SYN_GAP_NS;
        }
        while (session < config.sessions && progress[session] == ESTABLISHED)
            session++;
        if (session < config.sessions && now >= next) {
            send_client(session++, TCP_SYN, CLIENT_ISN, 0);
            next = now + SYN_GAP_NS;
        }
        pump();
    }
}

/* Send now and then until something arrives, so that the device has resolved its neighbors. */
static void wait_for_path(void)
{
    uint64_t end = now_ns() + HANDSHAKE_NS, next = 0;
    while (arrived == 0 && now_ns() < end) {
        if (now_ns() >= next) {
            send_client(0, TCP_ACK, CLIENT_ISN + 1, SERVER_ISN + 1 + SERVER_DATA);
            next = now_ns() + NS_PER_SECOND / 10;
        }
        pump();
    }
}

/* Packets received by the interface of the namespace that `fd`, /proc/thread-self/net/dev, was opened in. */
static uint64_t received_packets(int fd, const char *interface)
{
    char text[8192], *line = text;
    size_t name = strlen(interface);
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    while (line != NULL) {
        line += strspn(line, " \n");
        unsigned long long bytes, packets;
        if (strncmp(line, interface, name) == 0 && sscanf(line + name, ": %llu %llu", &bytes, &packets) == 2)
            return packets;
        line = strchr(line, '\n');
    }
    fail("no counters of interface %s", interface);
}

/* Queue the next packet. False while the ring is full. */
static bool queue_next(struct packet_ring *ring)
{
    static unsigned session;
    unsigned char *packet = ring_reserve(ring);
    if (packet == NULL)
        return false;
    if (config.scatter) {
        session = (unsigned)(((uint64_t)session + STRIDE) % config.sessions);
        frame_set_source(packet, client_address(session), client_port(session));
    }
    ring_recommit(ring);
    return true;
}

/* Send from a ring that already holds packets. Returns how many were sent. */
static uint64_t flood(struct packet_ring *ring, double *seconds)
{
    uint64_t start = now_ns(), end = start + (uint64_t)(config.seconds * NS_PER_SECOND), queued = 0, now;
    while ((now = now_ns()) < end) {
        unsigned burst = 0;
        while (burst < 64 && (config.rate == 0 || (double)queued < (double)(now - start) / NS_PER_SECOND * config.rate) &&
               queue_next(ring)) {
            burst++;
            queued++;
        }
        if (burst > 0 || config.rate == 0)
            ring_flush(ring);
        else
            nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
    }
    *seconds = (double)(now - start) / NS_PER_SECOND;
    return queued;
}

static void parse(int argc, char **argv)
{
    static const struct option options[] = {
        {"client", required_argument, NULL, 'c'},   {"server", required_argument, NULL, 's'},
        {"to", required_argument, NULL, 't'},       {"gateway-mac", required_argument, NULL, 'g'},
        {"sessions", required_argument, NULL, 'n'}, {"from", required_argument, NULL, 'f'},
        {"seconds", required_argument, NULL, 'd'},  {"rate", required_argument, NULL, 'r'},
        {"rounds", required_argument, NULL, 'R'},   {"scatter", no_argument, NULL, 'S'},
        {"no-handshake", no_argument, NULL, 'H'},   {"bytes", required_argument, NULL, 'b'},
        {NULL, 0, NULL, 0}};
    const char *from = NULL;
    char to[64] = "";
    unsigned m[6], port = 0;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'c': config.client = optarg; break;
        case 's': config.server = optarg; break;
        case 't':
            if (sscanf(optarg, "[%63[0-9a-fA-F:.]]:%u", to, &port) != 2 && sscanf(optarg, "%63[0-9.]:%u", to, &port) != 2)
                fail("--to takes ADDRESS:PORT or [ADDRESS]:PORT, not %s", optarg);
            break;
        case 'g':
            if (sscanf(optarg, "%x:%x:%x:%x:%x:%x", m, m + 1, m + 2, m + 3, m + 4, m + 5) != 6)
                fail("--gateway-mac takes a MAC address, not %s", optarg);
            for (int i = 0; i < 6; i++)
                config.gateway[i] = (unsigned char)m[i];
            break;
        case 'n': config.sessions = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'f': from = optarg; break;
        case 'd': config.seconds = strtod(optarg, NULL); break;
        case 'r': config.rate = strtod(optarg, NULL); break;
        case 'R': config.rounds = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'H': config.handshake = false; break;
        case 'S': config.scatter = true; break;
        case 'b': config.bytes = (unsigned)strtoul(optarg, NULL, 10); break;
        default: fail("pktgen: see the head of its source");
        }
    }
    config.port = (uint16_t)port;
    if (config.client == NULL || config.server == NULL || !endpoint_set(&config.to, to, port))
        fail("pktgen: --client, --server, --to and --gateway-mac must be given");
    if (from == NULL)
        from = config.to.any.sa_family == AF_INET6 ? "fd00:1::1" : "10.1.0.1";
    if (!endpoint_set(&config.from, from, 0) || config.from.any.sa_family != config.to.any.sa_family)
        fail("pktgen: --from takes an address of the family of --to, not %s", from);
    if (config.scatter && config.handshake)
        fail("pktgen: --scatter goes with --no-handshake");
    if (config.sessions < 1 || (config.sessions > PORTS && !config.scatter) || config.bytes < 60 || config.bytes > 1514)
        fail("pktgen: 1 to 50000 sessions, or more with --scatter; 60 to 1514 bytes");
    if (!config.scatter)
        config.sessions += config.sessions % 2;
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    progress = calloc(config.sessions, 1);
    const char *server_interface = enter(config.server);
    ring_open(&server, server_interface, 4096);
    int counters = open("/proc/thread-self/net/dev", O_RDONLY | O_CLOEXEC);
    const char *client_interface = enter(config.client);
    ring_open(&client, client_interface, 4096);
    if (config.handshake) {
        handshake();
    } else {
        wait_for_path();
    }
    ring_close(&server);
    ring_close(&client);
    unsigned frames = config.scatter ? SCATTERED : config.sessions;
    ring_open(&client, client_interface, frames);
    for (unsigned i = 0; i < frames; i++)
        send_client(i % config.sessions, TCP_ACK, CLIENT_ISN + 1, SERVER_ISN + 1 + SERVER_DATA);
    printf("{\"sessions\": %u, \"established\": %u, \"bad_checksums\": %u, \"rounds\": [", config.sessions, established,
           bad_checksums);
    for (unsigned round = 0; round < config.rounds; round++) {
        uint64_t before = received_packets(counters, server_interface);
        double seconds;
        uint64_t sent = flood(&client, &seconds);
        uint64_t received = received_packets(counters, server_interface) - before;
        printf("%s{\"sent_pps\": %.0f, \"received_pps\": %.0f}", round ? ", " : "", (double)sent / seconds,
               (double)received / seconds);
        /* What is still on its way belongs to no round. */
        nanosleep(&(struct timespec){.tv_nsec = NS_PER_SECOND / 5}, NULL);
    }
    printf("]}\n");
    return config.handshake ? established < config.sessions : arrived == 0;
}

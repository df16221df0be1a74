/* afp_forward: a wire between two interfaces; every packet of one leaves by the other, unread.
 *
 *   afp_forward IF1 IF2 [--loss SHARE] [--reorder SHARE] [--depth N] [--damage SHARE] [--seed N]
 *
 * The baseline of the benchmark, and with impairments the bad wire of the end-to-end tests. A reordered packet is
 * overtaken by N later ones of its direction, or sent 2 ms later; a damaged one has one bit of its payload flipped. Prints "ready" once it forwards, and on SIGTERM what it did. */
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

#include "common.h"
#include "packet_ring.h"

#define FRAMES 4096
#define BURST 64
#define LONGEST_HEADERS (14 + 20 + 60)
#define HOLD_NS (2 * NS_PER_SECOND / 1000)

struct direction {
    struct packet_ring *from, *to;
    uint64_t forwarded, lost, reordered, damaged, random;
    size_t held;        /* length of the packet held back, 0: none */
    unsigned to_pass;   /* how many may still overtake it */
    uint64_t held_since;
    unsigned char packet[RING_FRAME_BYTES];
};

static double loss, reorder, damage;
static unsigned depth = 3;
static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

/* Uniform in [0, 1), reproducible (the finaliser of splitmix64 over a counter). */
static double draw(struct direction *d)
{
    return (double)(pattern_word(d->random, d->forwarded + d->lost + d->reordered) >> 11) / 9007199254740992.0;
}

static void emit(struct direction *d, const unsigned char *packet, size_t length)
{
    unsigned char *out;
    while ((out = ring_reserve(d->to)) == NULL)
        ring_flush(d->to);
    memcpy(out, packet, length);
    ring_commit(d->to, length);
    d->forwarded++;
}

static void release_held(struct direction *d)
{
    emit(d, d->packet, d->held);
    d->held = 0;
}

static void impair(struct direction *d, unsigned char *packet, size_t length)
{
    double luck = draw(d);
    if (luck < loss) {
        d->lost++;
    } else if (luck < loss + reorder && d->held == 0) {
        memcpy(d->packet, packet, length);
        d->held = length;
        d->to_pass = depth;
        d->held_since = now_ns();
        d->reordered++;
    } else {
        bool damaged = luck >= loss + reorder && luck < loss + reorder + damage;
        if (damaged && length > LONGEST_HEADERS) {
            packet[LONGEST_HEADERS + pattern_word(d->random, ~d->damaged) % (length - LONGEST_HEADERS)] ^= 0x10;
            d->damaged++;
        }
        emit(d, packet, length);
        if (d->held != 0 && --d->to_pass == 0)
            release_held(d);
    }
}

/* Forward a burst; whether there was anything. */
static bool work(struct direction *d)
{
    size_t length;
    unsigned char *packet;
    unsigned n = 0;
    bool perfect = loss + reorder + damage == 0;
    while (n < BURST && (packet = ring_receive(d->from, &length)) != NULL) {
        if (length <= RING_PACKET_BYTES) {
            if (perfect)
                emit(d, packet, length);
            else
                impair(d, packet, length);
        }
        ring_release(d->from);
        n++;
    }
    if (d->held != 0 && now_ns() - d->held_since > HOLD_NS) {
        release_held(d);
        n++;
    }
    if (n > 0)
        ring_flush(d->to);
    return n > 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"loss", required_argument, NULL, 'l'},
                                            {"reorder", required_argument, NULL, 'r'},
                                            {"damage", required_argument, NULL, 'D'},
                                            {"depth", required_argument, NULL, 'd'},
                                            {"seed", required_argument, NULL, 's'},
                                            {NULL, 0, NULL, 0}};
    static struct packet_ring rings[2];
    static struct direction directions[2];
    uint64_t seed = 1;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'l': loss = strtod(optarg, NULL); break;
        case 'r': reorder = strtod(optarg, NULL); break;
        case 'D': damage = strtod(optarg, NULL); break;
        case 'd': depth = (unsigned)strtoul(optarg, NULL, 10); break;
        case 's': seed = strtoull(optarg, NULL, 10); break;
        default: optind = argc;
        }
    }
    if (argc - optind != 2 || depth == 0)
        fail("usage: afp_forward IF1 IF2 [--loss SHARE] [--reorder SHARE] [--depth N] [--damage SHARE] [--seed N]");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = stop}, NULL);
    sigaction(SIGINT, &(struct sigaction){.sa_handler = stop}, NULL);
    for (int i = 0; i < 2; i++) {
        ring_open(&rings[i], argv[optind + i], FRAMES);
        directions[i] = (struct direction){.from = &rings[i], .to = &rings[1 - i], .random = seed * 2 + (uint64_t)i};
    }
    printf("ready\n");
    fflush(stdout);
    while (!stopped) {
        bool busy = work(&directions[0]);
        busy |= work(&directions[1]);
        if (!busy) {
            struct pollfd wait[2] = {{.fd = rings[0].fd, .events = POLLIN}, {.fd = rings[1].fd, .events = POLLIN}};
            poll(wait, 2, directions[0].held || directions[1].held ? 1 : 1000);
        }
    }
    for (int i = 0; i < 2; i++)
        printf("{\"event\": \"wire\", \"from\": \"%s\", \"forwarded\": %" PRIu64 ", \"lost\": %" PRIu64
               ", \"reordered\": %" PRIu64 ", \"damaged\": %" PRIu64 "}\n",
               argv[optind + i], directions[i].forwarded, directions[i].lost, directions[i].reordered,
               directions[i].damaged);
    return 0;
}

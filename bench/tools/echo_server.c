/* echo_server: the real server of tests, demonstration and benchmark.
 *
 *   echo_server --address A --port P --name NAME
 *
 * Answers exchanges (exchange.h) and HTTP GET: / and every other path tell as JSON who answers, who the peer is and what the
 * TOA option of the client's SYN said (saved_syn.h); /bytes/N sends N pattern bytes of
 * seed 1; /stats tells the counters, which are also printed as the last line on SIGTERM. Prints "ready" once it
 * listens, and a line of JSON for every connection that ends by an error. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"
#include "exchange.h"
#include "http.h"
#include "saved_syn.h"

#define HEAD_BYTES 4096
#define CHUNK (256 * 1024)

enum phase { READ_HEAD, READ_BODY, WRITE_HEAD, WRITE_BODY };

struct connection {
    int fd;
    enum phase phase;
    bool writable_wanted, close_after;
    size_t head_used, head_sent;
    uint64_t offset, read_total, write_total, seed, write_seed;
    bool corrupted;
    struct toa toa;
    union endpoint peer;
    struct connection *next_free;
    char head[HEAD_BYTES];
};

static struct {
    uint64_t accepted, open, closed, resets, errors, exchanges, http, corrupted, with_toa, without_toa, received, sent;
    uint64_t stale_isns; /* SYNs whose sequence number is not above the last one of the same peer address and port */
} stats;

static const char *server_name = "server";
static int poller;
static struct connection *free_list;
static unsigned char chunk[CHUNK];

static int format_stats(char *out, size_t size)
{
    return snprintf(out, size,
                    "{\"event\": \"stats\", \"server\": \"%s\", \"accepted\": %" PRIu64 ", \"open\": %" PRIu64
                    ", \"closed\": %" PRIu64 ", \"resets\": %" PRIu64 ", \"errors\": %" PRIu64 ", \"exchanges\": %" PRIu64
                    ", \"http\": %" PRIu64 ", \"corrupted\": %" PRIu64 ", \"with_toa\": %" PRIu64
                    ", \"without_toa\": %" PRIu64 ", \"received\": %" PRIu64 ", \"sent\": %" PRIu64
                    ", \"stale_isns\": %" PRIu64 "}\n",
                    server_name, stats.accepted, stats.open, stats.closed, stats.resets, stats.errors, stats.exchanges,
                    stats.http, stats.corrupted, stats.with_toa, stats.without_toa, stats.received, stats.sent,
                    stats.stale_isns);
}

/* As JSON. */
static void format_toa(const struct connection *c, char out[ENDPOINT_TEXT + 2])
{
    char client[ENDPOINT_TEXT];
    if (c->toa.options == 0) {
        strcpy(out, "null");
        return;
    }
    endpoint_format(&c->toa.client, client);
    snprintf(out, ENDPOINT_TEXT + 2, "\"%s\"", client);
}

static void finish(struct connection *c, int error)
{
    if (error != 0) {
        char toa[ENDPOINT_TEXT + 2], peer[ENDPOINT_TEXT];
        format_toa(c, toa);
        endpoint_format(&c->peer, peer);
        bool reset = error == ECONNRESET || error == EPIPE;
        reset ? stats.resets++ : stats.errors++;
        printf("{\"event\": \"%s\", \"error\": \"%s\", \"peer\": \"%s\", \"toa\": %s}\n", reset ? "reset" : "error",
               strerror(error), peer, toa);
        fflush(stdout);
    } else {
        stats.closed++;
    }
    stats.open--;
    close(c->fd);
    c->next_free = free_list;
    free_list = c;
}

static void want_write(struct connection *c, bool wanted)
{
    if (c->writable_wanted == wanted)
        return;
    struct epoll_event event = {.events = wanted ? EPOLLOUT : EPOLLIN, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
    c->writable_wanted = wanted;
}

static void answer(struct connection *c, size_t head, uint64_t body, uint64_t seed)
{
    c->phase = WRITE_HEAD;
    c->head_used = head;
    c->head_sent = 0;
    c->offset = 0;
    c->write_total = body;
    c->write_seed = seed;
}

static void answer_exchange(struct connection *c)
{
    struct exchange_answer head = {.magic = EXCHANGE_MAGIC, .corrupted = c->corrupted, .toa_client = c->toa.client,
                                   .toa_options = c->toa.options};
    stats.exchanges++;
    stats.corrupted += c->corrupted;
    memcpy(c->head, &head, sizeof head);
    answer(c, sizeof head, c->write_total, c->seed + 1);
}

static void answer_http(struct connection *c, const struct http_request *request)
{
    char body[1024], toa[ENDPOINT_TEXT + 2], peer[ENDPOINT_TEXT];
    unsigned long long bytes;
    stats.http++;
    c->close_after = !request->keep_alive;
    if (sscanf(request->path, "/bytes/%llu", &bytes) == 1) {
        size_t head = http_head(c->head, HEAD_BYTES, "200 OK", "application/octet-stream", bytes, request->keep_alive);
        answer(c, head, bytes, 1);
        return;
    }
    int length;
    if (strcmp(request->path, "/stats") == 0) {
        length = format_stats(body, sizeof body);
    } else {
        format_toa(c, toa);
        endpoint_format(&c->peer, peer);
        length = snprintf(body, sizeof body, "{\"server\": \"%s\", \"peer\": \"%s\", \"toa\": %s, \"toa_options\": %u}\n",
                          server_name, peer, toa, c->toa.options);
    }
    size_t head = http_head(c->head, HEAD_BYTES, "200 OK", "application/json", (uint64_t)length, request->keep_alive);
    memcpy(c->head + head, body, (size_t)length);
    answer(c, head + (size_t)length, 0, 0);
}

/* The head so far in c->head: start the body or the answer. False when it is not a request. */
static bool read_head(struct connection *c)
{
    struct exchange_request request;
    struct http_request http;
    memcpy(&request, c->head, sizeof request);
    if (c->head_used >= 4 && request.magic == EXCHANGE_MAGIC) {
        if (c->head_used < sizeof request)
            return true;
        c->seed = request.seed;
        c->close_after = request.server_closes != 0;
        c->read_total = request.request_bytes;
        c->write_total = request.answer_bytes;
        c->offset = 0;
        c->corrupted = false;
        c->phase = READ_BODY;
        return true;
    }
    int found = http_parse(c->head, c->head_used, &http);
    if (found > 0)
        answer_http(c, &http);
    return found >= 0 && c->head_used < HEAD_BYTES;
}

/* Read what the phase wants. False when the connection is finished. */
static bool do_read(struct connection *c)
{
    if (c->phase == READ_HEAD) {
        /* An exchange's body must stay in the socket: ask for no more than its head until it is known to be HTTP. */
        bool http = c->head_used >= 4 && memcmp(c->head, "GET ", 4) == 0;
        size_t want = http ? HEAD_BYTES - c->head_used : sizeof(struct exchange_request) - c->head_used;
        ssize_t n = recv(c->fd, c->head + c->head_used, want, 0);
        if (n > 0) {
            c->head_used += (size_t)n;
            if (!read_head(c)) {
                finish(c, EPROTO);
                return false;
            }
            return true;
        }
        if (n == 0 || errno != EAGAIN)
            finish(c, n == 0 ? (c->head_used > 0 ? EPROTO : 0) : errno);
        return false;
    }
    uint64_t left = c->read_total - c->offset;
    ssize_t n = left == 0 ? 0 : recv(c->fd, chunk, left < CHUNK ? left : CHUNK, 0);
    if (n > 0) {
        if (!c->corrupted && !pattern_check(chunk, c->seed, c->offset, (size_t)n))
            c->corrupted = true;
        c->offset += (uint64_t)n;
        stats.received += (uint64_t)n;
    } else if (left > 0) {
        if (n == 0 || errno != EAGAIN)
            finish(c, n == 0 ? EPROTO : errno);
        return false;
    }
    if (c->offset == c->read_total)
        answer_exchange(c);
    return true;
}

/* Write what the phase has. False when nothing more can be done now. */
static bool do_write(struct connection *c)
{
    ssize_t n;
    if (c->phase == WRITE_HEAD) {
        n = send(c->fd, c->head + c->head_sent, c->head_used - c->head_sent,
                 MSG_NOSIGNAL | (c->write_total > 0 ? MSG_MORE : 0));
        if (n > 0)
            c->head_sent += (size_t)n;
        if (c->head_sent == c->head_used)
            c->phase = WRITE_BODY;
    } else {
        uint64_t left = c->write_total - c->offset;
        size_t want = left < CHUNK ? left : CHUNK;
        pattern_fill(chunk, c->write_seed, c->offset, want);
        n = want == 0 ? 0 : send(c->fd, chunk, want, MSG_NOSIGNAL);
        if (n > 0) {
            c->offset += (uint64_t)n;
            stats.sent += (uint64_t)n;
        }
    }
    if (n < 0) {
        if (errno == EAGAIN)
            want_write(c, true);
        else
            finish(c, errno);
        return false;
    }
    if (c->phase == WRITE_BODY && c->offset == c->write_total) {
        want_write(c, false);
        c->phase = READ_HEAD;
        c->head_used = 0;
        if (c->close_after) {
            finish(c, 0);
            return false;
        }
    }
    return true;
}

static void serve(struct connection *c, uint32_t events)
{
    if (events & EPOLLERR) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        finish(c, error ? error : ECONNRESET);
        return;
    }
    /* A few steps a turn, so that one large transfer does not starve the others. */
    for (int step = 0; step < 8; step++) {
        bool reading = c->phase == READ_HEAD || c->phase == READ_BODY;
        if (!(reading ? do_read(c) : do_write(c)))
            return;
    }
    if (c->phase == WRITE_HEAD || c->phase == WRITE_BODY)
        want_write(c, true);
}

static void accept_all(int listener)
{
    union endpoint peer;
    for (;;) {
        socklen_t size = sizeof peer;
        int fd = accept4(listener, &peer.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        struct connection *c = free_list;
        if (c != NULL)
            free_list = c->next_free;
        else if ((c = malloc(sizeof *c)) == NULL)
            fail("out of memory");
        memset(c, 0, offsetof(struct connection, head));
        c->fd = fd;
        c->peer = peer;
        bool stale;
        read_saved_syn(fd, &peer, &c->toa, &stale);
        stats.stale_isns += stale;
        stats.accepted++;
        stats.open++;
        c->toa.options ? stats.with_toa++ : stats.without_toa++;
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0)
            fail("epoll_ctl: %s", strerror(errno));
    }
}

static int listen_on(const char *address, int port)
{
    union endpoint local;
    if (!endpoint_set(&local, address, (unsigned)port))
        fail("not an address: %s", address);
    int fd = socket(local.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    save_syns(fd);
    if (bind(fd, &local.any, endpoint_size(&local)) != 0 || listen(fd, 16384) != 0)
        fail("cannot listen on %s:%d: %s", address, port, strerror(errno));
    return fd;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"address", required_argument, NULL, 'a'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"name", required_argument, NULL, 'n'},
                                            {NULL, 0, NULL, 0}};
    const char *address = "0.0.0.0";
    int port = 80, option;
    while ((option = getopt_long(argc, argv, "a:p:n:", options, NULL)) != -1) {
        switch (option) {
        case 'a': address = optarg; break;
        case 'p': port = atoi(optarg); break;
        case 'n': server_name = optarg; break;
        default: fail("usage: echo_server --address A --port P --name NAME");
        }
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int listener = listen_on(address, port);
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    int signals = signalfd(-1, &stop, SFD_CLOEXEC);
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listener};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    event.data.ptr = &signals;
    epoll_ctl(poller, EPOLL_CTL_ADD, signals, &event);
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        struct epoll_event events[256];
        int n = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == &signals) {
                char line[1024];
                format_stats(line, sizeof line);
                fputs(line, stdout);
                return 0;
            }
            if (events[i].data.ptr == &listener)
                accept_all(listener);
            else
                serve(events[i].data.ptr, events[i].events);
        }
    }
}

/* conn_load: TCP connections to a VIP, every byte of every answer verified.
 *
 *   conn_load --to A:P -n TOTAL -c CONCURRENCY [options]
 *     -n N             connections in all (1)        -c N          at most so many at once (1)
 *     --rate R         new connections per second; 0: as fast as they go (0)
 *     --request B, --answer B                        bytes each way, beside a 32-byte head (0, 100)
 *     --close MODE     fin: client closes after the answer, half: client shuts down after its request,
 *                      server: server closes first, rst: client resets after the answer (fin)
 *     --toa            the server must have learned our own address and port from TOA
 *     --throttle B     bytes per second over all connections; 0: none (0)
 *     --timeout S      seconds for one connection (30)
 *     --seed N         of the pattern (1)
 *     --progress       a line of JSON every 200 ms
 *     --hold           no request is sent before SIGUSR1
 *
 * The last line is a JSON object with the outcome (report.h). Exit status 0: all connections were good; 1: some failed. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"
#include "conn_options.h"
#include "exchange.h"
#include "report.h"

#define CHUNK (256 * 1024)
#define TICK_NS (NS_PER_SECOND / 1000)
#define SWEEP_NS (NS_PER_SECOND / 10)
#define PROGRESS_NS (NS_PER_SECOND / 5)

enum phase { FREE, CONNECTING, HELD, SEND_HEAD, SEND_BODY, READ_HEAD, READ_BODY, WAIT_CLOSE };

struct connection {
    int fd;
    enum phase phase;
    uint64_t started, connected, answered, heard, seed, offset;
    size_t head_done;
    union {
        struct exchange_request request;
        struct exchange_answer answer;
    } head;
};

static struct connection *connections;
static size_t *free_slots, free_count, begun;
static uint64_t start_time, sent, received;
static int poller;
static volatile sig_atomic_t holding;
static unsigned char chunk[CHUNK];

static uint32_t micros(uint64_t ns)
{
    uint64_t us = ns / 1000;
    return us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static void release(struct connection *c)
{
    close(c->fd);
    c->phase = FREE;
    free_slots[free_count++] = (size_t)(c - connections);
}

static void failed(struct connection *c, int cause)
{
    report_failure(cause);
    release(c);
}

static void succeeded(struct connection *c)
{
    report_ok(c->started - start_time, micros(c->connected - c->started), micros(c->answered - c->started));
    release(c);
}

/* Bytes of the answer have come. */
static void heard(struct connection *c)
{
    uint64_t now = now_ns();
    report_silence(micros(now - c->heard));
    c->heard = now;
}

static void begin(void)
{
    struct connection *c = &connections[free_slots[--free_count]];
    memset(c, 0, sizeof *c);
    c->seed = config.seed + begun++;
    c->started = now_ns();
    c->phase = CONNECTING;
    c->fd = socket(config.to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        fail("socket: %s", strerror(errno));
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (config.throttle != 0) {
        /* Little is under way, so that the throttle is felt by the sender too. */
        int small = 64 * 1024;
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    }
    if (connect(c->fd, &config.to.any, endpoint_size(&config.to)) != 0 && errno != EINPROGRESS) {
        failed(c, errno);
        return;
    }
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = c};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event) != 0)
        fail("epoll_ctl: %s", strerror(errno));
}

static void listen_for(struct connection *c, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
}

/* Hold the whole program back to config.throttle. */
static void throttle(void)
{
    if (config.throttle == 0)
        return;
    uint64_t due = start_time + (uint64_t)((double)(sent + received) / (double)config.throttle * NS_PER_SECOND);
    uint64_t now = now_ns();
    if (due > now) {
        uint64_t wait = due - now < NS_PER_SECOND / 20 ? due - now : NS_PER_SECOND / 20;
        nanosleep(&(struct timespec){.tv_nsec = (long)wait}, NULL);
    }
}

static size_t portion(uint64_t left)
{
    uint64_t most = config.throttle == 0 ? CHUNK : config.throttle < 1000 ? 1 : config.throttle / 1000;
    most = most < CHUNK ? most : CHUNK;
    return (size_t)(left < most ? left : most);
}

static bool toa_is_ours(const struct connection *c)
{
    union endpoint own;
    socklen_t size = sizeof own;
    return getsockname(c->fd, &own.any, &size) == 0 && c->head.answer.toa_options == 1 &&
           endpoint_equal(&own, &c->head.answer.toa_client);
}

static void request_sent(struct connection *c)
{
    c->phase = READ_HEAD;
    c->head_done = 0;
    c->offset = 0;
    c->heard = now_ns();
    if (config.close == CLOSE_HALF)
        shutdown(c->fd, SHUT_WR);
    listen_for(c, EPOLLIN);
}

/* The answer is complete and good: close as asked. False when the connection is done with. */
static bool answer_received(struct connection *c)
{
    c->answered = now_ns();
    if (config.close == CLOSE_RST) {
        struct linger hard = {.l_onoff = 1, .l_linger = 0};
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        succeeded(c);
        return false;
    }
    if (config.close == CLOSE_FIN)
        shutdown(c->fd, SHUT_WR);
    c->phase = WAIT_CLOSE;
    return true;
}

/* Nothing was sent or received: ``n`` is the system call's result. Always false. */
static bool stopped(struct connection *c, ssize_t n)
{
    if (n == 0 || errno != EAGAIN)
        failed(c, n == 0 ? FAIL_SHORT : errno);
    return false;
}

/* The functions of the phases: false when nothing more can be done now. */

static bool connected(struct connection *c)
{
    c->connected = now_ns();
    c->head.request = (struct exchange_request){.magic = EXCHANGE_MAGIC,
                                                .server_closes = config.close == CLOSE_SERVER,
                                                .seed = c->seed,
                                                .request_bytes = config.request_bytes,
                                                .answer_bytes = config.answer_bytes};
    if (holding)
        listen_for(c, 0);
    c->phase = holding ? HELD : SEND_HEAD;
    return !holding;
}

static bool send_head(struct connection *c)
{
    ssize_t n = send(c->fd, (char *)&c->head.request + c->head_done, sizeof c->head.request - c->head_done,
                     MSG_NOSIGNAL | (config.request_bytes ? MSG_MORE : 0));
    if (n < 0)
        return stopped(c, n);
    c->head_done += (size_t)n;
    if (c->head_done == sizeof c->head.request)
        c->phase = SEND_BODY;
    return true;
}

static bool send_body(struct connection *c)
{
    size_t want = portion(config.request_bytes - c->offset);
    if (want > 0) {
        pattern_fill(chunk, c->seed, c->offset, want);
        ssize_t n = send(c->fd, chunk, want, MSG_NOSIGNAL);
        if (n < 0)
            return stopped(c, n);
        c->offset += (uint64_t)n;
        sent += (uint64_t)n;
        throttle();
    }
    if (c->offset == config.request_bytes)
        request_sent(c);
    return true;
}

static bool read_head(struct connection *c)
{
    ssize_t n = recv(c->fd, (char *)&c->head.answer + c->head_done, sizeof c->head.answer - c->head_done, 0);
    if (n <= 0)
        return stopped(c, n);
    c->head_done += (size_t)n;
    if (c->head_done < sizeof c->head.answer)
        return true;
    if (c->head.answer.magic != EXCHANGE_MAGIC || c->head.answer.corrupted) {
        failed(c, FAIL_CORRUPT);
        return false;
    }
    if (config.toa && !toa_is_ours(c)) {
        failed(c, FAIL_TOA);
        return false;
    }
    c->phase = READ_BODY;
    return true;
}

static bool read_body(struct connection *c)
{
    size_t want = portion(config.answer_bytes - c->offset);
    if (want > 0) {
        ssize_t n = recv(c->fd, chunk, want, 0);
        if (n <= 0)
            return stopped(c, n);
        heard(c);
        if (!pattern_check(chunk, c->seed + 1, c->offset, (size_t)n)) {
            failed(c, FAIL_CORRUPT);
            return false;
        }
        c->offset += (uint64_t)n;
        received += (uint64_t)n;
        throttle();
    }
    return c->offset < config.answer_bytes || answer_received(c);
}

static bool wait_close(struct connection *c)
{
    ssize_t n = recv(c->fd, chunk, 1, 0);
    if (n < 0)
        return stopped(c, n);
    if (n > 0)
        failed(c, FAIL_UNEXPECTED);
    else
        succeeded(c);
    return false;
}

/* One step; false when nothing more can be done now. */
static bool step(struct connection *c)
{
    switch (c->phase) {
    case CONNECTING: return connected(c);
    case SEND_HEAD: return send_head(c);
    case SEND_BODY: return send_body(c);
    case READ_HEAD: return read_head(c);
    case READ_BODY: return read_body(c);
    case WAIT_CLOSE: return wait_close(c);
    case HELD:
    case FREE: break;
    }
    return false;
}

static void serve(struct connection *c, uint32_t events)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (c->phase == FREE)
        return;
    if (events & EPOLLERR && getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0) {
        failed(c, error);
        return;
    }
    /* A throttled step takes a millisecond: one each, so that none waits for the whole turn of another. */
    for (int i = 0; i < (config.throttle ? 1 : 32) && step(c); i++) {
    }
}

static void let_go(int signal)
{
    (void)signal;
    holding = 0;
}

/* Those that were held go on. */
static void resume(void)
{
    for (size_t i = 0; i < config.concurrency; i++) {
        if (connections[i].phase == HELD) {
            connections[i].phase = SEND_HEAD;
            listen_for(&connections[i], EPOLLOUT);
        }
    }
}

static void sweep_timeouts(uint64_t now)
{
    for (size_t i = 0; i < config.concurrency; i++) {
        if (connections[i].phase != FREE && (double)(now - connections[i].started) > config.timeout * NS_PER_SECOND)
            failed(&connections[i], FAIL_TIMEOUT);
    }
}

static void run(void)
{
    uint64_t next_sweep = 0, next_progress = 0;
    start_time = now_ns();
    while (report_count() < config.total) {
        uint64_t now = now_ns();
        size_t due = config.total;
        if (config.rate > 0 && (double)(now - start_time) / NS_PER_SECOND * config.rate < (double)(config.total - 1))
            due = (size_t)((double)(now - start_time) / NS_PER_SECOND * config.rate) + 1;
        while (begun < due && free_count > 0)
            begin();
        struct epoll_event events[256];
        int n = epoll_wait(poller, events, 256, config.rate > 0 && begun < config.total ? 1 : 50);
        for (int i = 0; i < n; i++)
            serve(events[i].data.ptr, events[i].events);
        now = now_ns();
        if (now >= next_sweep) {
            sweep_timeouts(now);
            if (!holding)
                resume();
            next_sweep = now + SWEEP_NS;
        }
        if (config.progress && now >= next_progress) {
            printf("{\"event\": \"progress\", \"seconds\": %.3f, \"done\": %zu, \"failed\": %zu, \"sent\": %" PRIu64
                   ", \"received\": %" PRIu64 "}\n",
                   (double)(now - start_time) / NS_PER_SECOND, report_count(), report_failures(), sent, received);
            fflush(stdout);
            next_progress = now + PROGRESS_NS;
        }
    }
    report_print(now_ns() - start_time, sent, received);
}

int main(int argc, char **argv)
{
    config_read(argc, argv);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    holding = config.hold;
    signal(SIGUSR1, let_go);
    poller = epoll_create1(EPOLL_CLOEXEC);
    connections = calloc(config.concurrency, sizeof *connections);
    free_slots = calloc(config.concurrency, sizeof *free_slots);
    if (connections == NULL || free_slots == NULL)
        fail("out of memory");
    for (size_t i = 0; i < config.concurrency; i++)
        free_slots[free_count++] = i;
    report_init(config.total);
    run();
    return report_failures() ? 1 : 0;
}

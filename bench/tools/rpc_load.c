/* rpc_load: send ready-made requests of one unary gRPC method as fast as the server answers them, or at a given rate.
 *
 *   rpc_load --to A:P --method /PACKAGE.SERVICE/METHOD --requests FILE [options]
 *     --in-flight N  requests on their way at once (1)
 *     --rate R       requests per second, in bunches every 2 ms; 0: as fast as they are answered (0)
 *
 * FILE holds requests in their wire form, each after its length as a 32-bit number in host byte order. A server is measured
 * rather than a client: nothing is encoded while the clock runs, and this side of HTTP/2 (RFC 9113) does only what
 * these requests need. A request succeeds when its answer holds a message; gRPC answers failures without one.
 * Prints one line of JSON with the seconds from the first request to the last answer; exit status 1 if a request failed. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common.h"

#define MAX_IN_FLIGHT 256u
#define MAX_FRAME 16384u
#define FRAME_HEAD 9u
#define BUNCH_NS 2000000u /* to wake up for each request would take the processors from what is measured */

enum { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };
enum { INITIAL_WINDOW_SIZE = 4 };

static struct {
    struct sockaddr_in to;
    const char *address, *method, *requests;
    unsigned in_flight;
    double rate;
} config = {.in_flight = 1};

static struct stream {
    uint32_t id; /* 0: free */
    bool answered;
} streams[MAX_IN_FLIGHT];

static int server;
static unsigned char out[1 << 20], in[1 << 18];
static size_t out_used, in_used;
static int64_t window = 65535, stream_window = 65535;
static uint32_t next_id = 1;
static size_t succeeded, failed;

static void put32(unsigned char *at, uint32_t value)
{
    value = htonl(value);
    memcpy(at, &value, 4);
}

static uint32_t get32(const unsigned char *at)
{
    uint32_t value;
    memcpy(&value, at, 4);
    return ntohl(value);
}

static void flush(void)
{
    for (size_t done = 0; done < out_used;) {
        ssize_t n = write(server, out + done, out_used - done);
        if (n < 0)
            fail("%s: %s", config.address, strerror(errno));
        done += (size_t)n;
    }
    out_used = 0;
}

static void put(const void *data, size_t length)
{
    if (out_used + length > sizeof out)
        flush();
    memcpy(out + out_used, data, length);
    out_used += length;
}

static void put_head(size_t length, unsigned char type, unsigned char flags, uint32_t stream)
{
    unsigned char head[FRAME_HEAD] = {(unsigned char)(length >> 16), (unsigned char)(length >> 8), (unsigned char)length,
                                      type, flags};
    put32(head + 5, stream);
    put(head, sizeof head);
}

/* Append a literal header that both sides remember (RFC 7541, 6.2.1); index 0: the name is given. */
static unsigned char *literal(unsigned char *at, unsigned char index, const char *name, const char *value)
{
    *at++ = 0x40 | index;
    for (const char *text = index ? value : name; text; text = text == name ? value : NULL) {
        size_t length = strlen(text);
        if (length > 126)
            fail("%s is too long", text);
        *at++ = (unsigned char)length;
        memcpy(at, text, length);
        at += length;
    }
    return at;
}

/* Method POST, scheme http, and the rest: spelled out the first time, then by their places in the dynamic table. */
static void put_headers(uint32_t stream)
{
    unsigned char block[1024] = {0x83, 0x86, 0xc1, 0xc0, 0xbf, 0xbe}, *end = block + 6;
    if (stream == 1) {
        end = literal(block + 2, 4, NULL, config.method);
        end = literal(end, 1, NULL, config.address);
        end = literal(end, 31, NULL, "application/grpc");
        end = literal(end, 0, "te", "trailers");
    }
    put_head((size_t)(end - block), HEADERS, END_HEADERS, stream);
    put(block, (size_t)(end - block));
}

static void send_request(const unsigned char *request, uint32_t length)
{
    struct stream *stream = streams;
    while (stream->id != 0)
        stream++;
    *stream = (struct stream){.id = next_id};
    put_headers(next_id);
    unsigned char prefix[5] = {0};
    put32(prefix + 1, length);
    size_t rest = length + sizeof prefix;
    window -= (int64_t)rest;
    for (const unsigned char *from = request; rest > 0;) {
        size_t n = rest < MAX_FRAME ? rest : MAX_FRAME, body = n;
        rest -= n;
        put_head(n, DATA, rest == 0 ? END_STREAM : 0, next_id);
        if (from == request) {
            put(prefix, sizeof prefix);
            body -= sizeof prefix;
        }
        put(from, body);
        from += body;
    }
    next_id += 2;
}

static struct stream *find(uint32_t id)
{
    for (unsigned i = 0; i < config.in_flight; i++)
        if (streams[i].id == id)
            return &streams[i];
    return NULL;
}

static void end(struct stream *stream, bool good)
{
    stream->id = 0;
    if (good)
        succeeded++;
    else
        failed++;
}

static void settings(const unsigned char *body, size_t length, unsigned char flags)
{
    if (flags & ACK)
        return;
    for (size_t at = 0; at + 6 <= length; at += 6)
        if ((body[at] << 8 | body[at + 1]) == INITIAL_WINDOW_SIZE)
            stream_window = get32(body + at + 2);
    put_head(0, SETTINGS, ACK, 0);
}

static void handle(const unsigned char *frame, size_t length)
{
    const unsigned char type = frame[3], flags = frame[4], *body = frame + FRAME_HEAD;
    const uint32_t id = get32(frame + 5) & 0x7fffffff;
    struct stream *stream = id ? find(id) : NULL;
    if (type == SETTINGS) {
        settings(body, length, flags);
    } else if (type == PING && !(flags & ACK)) {
        put_head(8, PING, ACK, 0);
        put(body, 8);
    } else if (type == WINDOW_UPDATE && id == 0) {
        window += get32(body) & 0x7fffffff;
    } else if (type == GOAWAY) {
        fail("%s ends the connection: %.*s", config.address, (int)(length - 8), (const char *)body + 8);
    } else if (stream != NULL && type == RST_STREAM) {
        end(stream, false);
    } else if (stream != NULL && (type == DATA || type == HEADERS)) {
        stream->answered |= type == DATA && length >= 5;
        if (flags & END_STREAM)
            end(stream, stream->answered);
    }
}

static void receive(void)
{
    ssize_t n = read(server, in + in_used, sizeof in - in_used);
    if (n <= 0)
        fail("%s: %s", config.address, n == 0 ? "closed the connection" : strerror(errno));
    in_used += (size_t)n;
    size_t at = 0;
    while (in_used - at >= FRAME_HEAD) {
        const size_t length = (size_t)(in[at] << 16 | in[at + 1] << 8 | in[at + 2]);
        if (in_used - at < FRAME_HEAD + length)
            break;
        handle(in + at, length);
        at += FRAME_HEAD + length;
    }
    memmove(in, in + at, in_used - at);
    in_used -= at;
}

static void connect_to_server(void)
{
    const int one = 1;
    const unsigned char large_window[4] = {0x7f, 0, 0, 0};
    server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server < 0 || connect(server, (struct sockaddr *)&config.to, sizeof config.to) != 0)
        fail("cannot connect to %s: %s", config.address, strerror(errno));
    setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    put(preface, sizeof preface - 1);
    put_head(0, SETTINGS, 0, 0);
    put_head(4, WINDOW_UPDATE, 0, 0); /* answers are never large: no more of these will be needed */
    put(large_window, sizeof large_window);
    flush();
    receive();
    flush();
}

static unsigned char *load(size_t *length)
{
    FILE *file = fopen(config.requests, "rb");
    struct stat status;
    if (file == NULL || fstat(fileno(file), &status) != 0)
        fail("%s: %s", config.requests, strerror(errno));
    *length = (size_t)status.st_size;
    unsigned char *data = malloc(*length + 1);
    if (data == NULL || fread(data, 1, *length, file) != *length)
        fail("cannot read %s", config.requests);
    fclose(file);
    return data;
}

/* Wait until something can be read, or it is time for the next request. */
static void wait_until(uint64_t due)
{
    const uint64_t now = now_ns(), left = due > now ? due - now : 0;
    const struct timespec timeout = {(time_t)(left / NS_PER_SECOND), (long)(left % NS_PER_SECOND)};
    struct pollfd readable = {.fd = server, .events = POLLIN};
    if (ppoll(&readable, 1, due == UINT64_MAX ? NULL : &timeout, NULL) > 0)
        receive();
}

/* When the bunch is sent that holds what is due so long after the beginning. */
static uint64_t bunch(uint64_t after)
{
    return (after + BUNCH_NS - 1) / BUNCH_NS * BUNCH_NS;
}

static uint64_t run(const unsigned char *data, size_t length)
{
    const uint64_t gap = config.rate > 0 ? (uint64_t)((double)NS_PER_SECOND / config.rate) : 0, begin = now_ns();
    uint64_t due = 0; /* after the beginning */
    size_t at = 0, sent = 0;
    while (at < length || succeeded + failed < sent) {
        bool paced = false;
        while (at < length && sent - succeeded - failed < config.in_flight) {
            uint32_t size;
            memcpy(&size, data + at, sizeof size);
            if (size > length - at - sizeof size || (int64_t)size + 5 > stream_window)
                fail("%s: a request of %u bytes is too long", config.requests, size);
            paced = gap != 0 && now_ns() - begin < bunch(due);
            if ((int64_t)size + 5 > window || paced)
                break;
            send_request(data + at + sizeof size, size);
            at += sizeof size + size;
            sent++;
            due += gap;
        }
        flush();
        if (sent > succeeded + failed || at < length)
            wait_until(paced ? begin + bunch(due) : UINT64_MAX);
    }
    return now_ns() - begin;
}

static void parse(int argc, char **argv)
{
    static const struct option options[] = {
        {"to", required_argument, NULL, 't'},        {"method", required_argument, NULL, 'm'},
        {"requests", required_argument, NULL, 'f'},  {"in-flight", required_argument, NULL, 'n'},
        {"rate", required_argument, NULL, 'r'},      {NULL, 0, NULL, 0}};
    char address[64] = "";
    unsigned port = 0;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 't':
            config.address = optarg;
            if (sscanf(optarg, "%63[0-9.]:%u", address, &port) != 2)
                fail("--to takes ADDRESS:PORT, not %s", optarg);
            break;
        case 'm': config.method = optarg; break;
        case 'f': config.requests = optarg; break;
        case 'n': config.in_flight = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'r': config.rate = strtod(optarg, NULL); break;
        default: fail("rpc_load: see the head of its source");
        }
    }
    config.to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, address, &config.to.sin_addr) != 1 || config.method == NULL || config.requests == NULL)
        fail("rpc_load: --to, --method and --requests must be given");
    if (config.in_flight < 1 || config.in_flight > MAX_IN_FLIGHT)
        fail("rpc_load: 1 to %u requests in flight", MAX_IN_FLIGHT);
}

int main(int argc, char **argv)
{
    size_t length;
    parse(argc, argv);
    const unsigned char *data = load(&length);
    connect_to_server();
    const uint64_t elapsed = run(data, length);
    printf("{\"succeeded\": %zu, \"failed\": %zu, \"seconds\": %.6f}\n", succeeded, failed,
           (double)elapsed / (double)NS_PER_SECOND);
    return failed > 0;
}

/* What the environment says, once for a process; and what TOA_DEBUG has it say on standard error. */
#define _DEFAULT_SOURCE
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "settings.h"

#define MAX_TRUSTED 256

static struct toa_prefix trusted[MAX_TRUSTED];
static size_t trusted_count;
static struct toa_prefix nat64;
static bool have_nat64, debug, reads_datagrams;
static enum missing missing;

static const char *const note_texts[NOTES] = {
    [NOTE_NO_SYN] = "no saved SYN on a connection from a trusted address (SYN cookie, or it came before listen() was called)",
    [NOTE_NO_TOA] = "no TOA in the SYN of a connection from a trusted address",
    [NOTE_NAT64] = "an IPv6 client came to an IPv4 socket: listen on [::], or set TOA_NAT64",
    [NOTE_UNTRUSTED] = "a connection from an address that is not in TOA_TRUSTED",
    [NOTE_NO_HEADER] = "no header of PROXY protocol in a datagram from a trusted address",
    [NOTE_UNTRUSTED_HEADER] = "a header of PROXY protocol from an address that is not in TOA_TRUSTED",
};
static _Atomic bool noted[NOTES];

static void say(const char *text)
{
    fprintf(stderr, "libtoa_preload[%ld]: %s\n", (long)getpid(), text);
}

void note(enum note which)
{
    if (debug && !atomic_exchange_explicit(&noted[which], true, memory_order_relaxed))
        say(note_texts[which]);
}

/* TOA_TRUSTED: prefixes separated by commas or blanks. With a mistake in it nobody is trusted. */
static void read_trusted(const char *text)
{
    static const char separators[] = ", \t\n";
    for (text += strspn(text, separators); *text != '\0'; text += strspn(text, separators)) {
        size_t length = strcspn(text, separators);
        if (trusted_count == MAX_TRUSTED || !toa_prefix_parse(text, length, &trusted[trusted_count])) {
            char message[160];
            snprintf(message, sizeof message, "TOA_TRUSTED: %s \"%.*s\"; nobody is trusted",
                     trusted_count == MAX_TRUSTED ? "more than 256 prefixes at" : "not an address or prefix:",
                     (int)(length < 60 ? length : 60), text);
            say(message);
            trusted_count = 0;
            return;
        }
        trusted_count++;
        text += length;
    }
}

static void read_nat64(const char *text)
{
    have_nat64 = toa_prefix_parse(text, strlen(text), &nat64) && toa_is_ipv4(nat64.address) && nat64.bits >= 96;
    if (!have_nat64)
        say("TOA_NAT64 is not an IPv4 prefix such as 240.0.0.0/4 and is ignored");
}

static void read_missing(const char *text)
{
    if (strcmp(text, "unspecified") == 0) {
        missing = MISSING_UNSPECIFIED;
    } else if (strcmp(text, "refuse") == 0) {
        missing = MISSING_REFUSE;
    } else if (strcmp(text, "peer") != 0) {
        /* Whoever sets it does not want the balancer's address. */
        missing = MISSING_UNSPECIFIED;
        say("TOA_MISSING is none of peer, unspecified and refuse, and is taken for unspecified");
    }
}

static void read_udp(const char *text)
{
    if (strcmp(text, "proxy") == 0)
        reads_datagrams = true;
    else if (strcmp(text, "off") != 0)
        say("TOA_UDP is none of off and proxy, and is taken for off");
}

bool settings_trust_anybody(void)
{
    return trusted_count > 0;
}

bool settings_trust(const struct sockaddr_storage *peer)
{
    struct toa_client real;
    if (!toa_from_sockaddr(peer, &real))
        return false;
    for (size_t i = 0; i < trusted_count; i++) {
        if (toa_prefix_has(&trusted[i], real.address))
            return true;
    }
    return false;
}

const struct toa_prefix *settings_nat64(void)
{
    return have_nat64 ? &nat64 : NULL;
}

enum missing settings_missing(void)
{
    return missing;
}

bool settings_datagrams(void)
{
    return reads_datagrams;
}

void settings_no_memory(const char *what)
{
    char message[160];
    snprintf(message, sizeof message, "no memory for %s", what);
    say(message);
}

void settings_read(void)
{
    static const struct {
        const char *name;
        void (*read)(const char *);
        bool even_empty;
    } variables[] = {
        {"TOA_NAT64", read_nat64, false},
        {"TOA_MISSING", read_missing, false},
        {"TOA_UDP", read_udp, false},
        {"TOA_TRUSTED", read_trusted, true},
    };
    const char *text = getenv("TOA_DEBUG");
    debug = text != NULL && *text != '\0' && strcmp(text, "0") != 0;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        text = getenv(variables[i].name);
        if (text != NULL && (*text != '\0' || variables[i].even_empty))
            variables[i].read(text);
    }
    reads_datagrams = reads_datagrams && trusted_count > 0;
}

void settings_tell(void)
{
    if (!debug)
        return;
    char message[200];
    snprintf(message, sizeof message, "%zu trusted prefixes, room for %zu descriptors%s%s", trusted_count,
             toa_table_size(), reads_datagrams ? ", PROXY protocol of UDP" : "",
             trusted_count > 0 ? "" : "; TOA_TRUSTED is empty: every real peer is told as it is");
    say(message);
}

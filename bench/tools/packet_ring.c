#include "packet_ring.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

#define TX_DATA (TPACKET2_HDRLEN - sizeof(struct sockaddr_ll))

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

static void set(int fd, int option, const void *value, socklen_t size, const char *name)
{
    if (setsockopt(fd, SOL_PACKET, option, value, size) != 0)
        fail("%s: %s", name, strerror(errno));
}

void ring_open(struct packet_ring *ring, const char *interface, unsigned frames)
{
    int version = TPACKET_V2, one = 1;
    unsigned block = 2 * RING_FRAME_BYTES;
    struct tpacket_req request = {.tp_block_size = block,
                                  .tp_block_nr = frames / 2,
                                  .tp_frame_size = RING_FRAME_BYTES,
                                  .tp_frame_nr = frames};
    memset(ring, 0, sizeof *ring);
    ring->frames = frames;
    ring->interface = (int)if_nametoindex(interface);
    if (ring->interface == 0)
        fail("no interface %s", interface);
    ring->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (ring->fd < 0)
        fail("AF_PACKET socket: %s", strerror(errno));
    set(ring->fd, PACKET_VERSION, &version, sizeof version, "PACKET_VERSION");
    set(ring->fd, PACKET_IGNORE_OUTGOING, &one, sizeof one, "PACKET_IGNORE_OUTGOING");
    set(ring->fd, PACKET_QDISC_BYPASS, &one, sizeof one, "PACKET_QDISC_BYPASS");
    set(ring->fd, PACKET_RX_RING, &request, sizeof request, "PACKET_RX_RING");
    set(ring->fd, PACKET_TX_RING, &request, sizeof request, "PACKET_TX_RING");
    ring->mapped = 2 * (size_t)frames * RING_FRAME_BYTES;
    ring->rx = mmap(NULL, ring->mapped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd, 0);
    if (ring->rx == MAP_FAILED)
        fail("mmap of the rings: %s", strerror(errno));
    ring->tx = ring->rx + (size_t)frames * RING_FRAME_BYTES;
    struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                  .sll_protocol = htons(ETH_P_ALL),
                                  .sll_ifindex = ring->interface};
    if (bind(ring->fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("bind to %s: %s", interface, strerror(errno));
    struct packet_mreq all = {.mr_ifindex = ring->interface, .mr_type = PACKET_MR_PROMISC};
    set(ring->fd, PACKET_ADD_MEMBERSHIP, &all, sizeof all, "PACKET_ADD_MEMBERSHIP");
}

void ring_close(struct packet_ring *ring)
{
    munmap(ring->rx, ring->mapped);
    close(ring->fd);
}

static struct tpacket2_hdr *frame(unsigned char *base, unsigned index)
{
    return (struct tpacket2_hdr *)(void *)(base + (size_t)index * RING_FRAME_BYTES);
}

unsigned char *ring_receive(struct packet_ring *ring, size_t *length)
{
    struct tpacket2_hdr *header = frame(ring->rx, ring->rx_next);
    if (!(__atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
        return NULL;
    *length = header->tp_snaplen;
    return (unsigned char *)header + header->tp_mac;
}

void ring_release(struct packet_ring *ring)
{
    __atomic_store_n(&frame(ring->rx, ring->rx_next)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    ring->rx_next = ring->rx_next + 1 == ring->frames ? 0 : ring->rx_next + 1;
}

unsigned char *ring_reserve(struct packet_ring *ring)
{
    struct tpacket2_hdr *header = frame(ring->tx, ring->tx_next);
    if (__atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE) != TP_STATUS_AVAILABLE)
        return NULL;
    return (unsigned char *)header + TX_DATA;
}

void ring_commit(struct packet_ring *ring, size_t length)
{
    struct tpacket2_hdr *header = frame(ring->tx, ring->tx_next);
    header->tp_len = (uint32_t)length;
    __atomic_store_n(&header->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
    ring->tx_next = ring->tx_next + 1 == ring->frames ? 0 : ring->tx_next + 1;
}

void ring_recommit(struct packet_ring *ring)
{
    ring_commit(ring, frame(ring->tx, ring->tx_next)->tp_len);
}

void ring_flush(struct packet_ring *ring)
{
    /* A refusal leaves the frames queued: the next flush sends them. */
    (void)send(ring->fd, NULL, 0, MSG_DONTWAIT);
}

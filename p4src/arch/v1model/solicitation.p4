/* v1model: the answer to a neighbor solicitation with a source link-layer address (RFC 4861 7.2.4), whether the controller is there or
 * not; it is told beside. Not if the checksum is wrong: then the sender is not known (7.1.1). */
#ifndef _V1MODEL_SOLICITATION_P4_
#define _V1MODEL_SOLICITATION_P4_

/* The option of an advertisement. */
#define ND_TARGET_LINK 2

control AnswerSolicitation(inout headers_t hdr, inout metadata_t m) {
    bit<16> sum;

    /* Over header, pseudo header and checksum: 0 if it is right. */
    @hidden
    action add_up() {
        hash(sum, HashAlgorithm.csum16, 16w0, {
            hdr.ipv6.src, hdr.ipv6.dst, ND_WITH_OPTION_BYTES ++ 8w0 ++ PROTO_ICMPV6,
            hdr.icmpv6.type ++ hdr.icmpv6.code ++ hdr.icmpv6.checksum,
            hdr.nd.router ++ hdr.nd.solicited ++ hdr.nd.override ++ hdr.nd.reserved, hdr.nd.target,
            hdr.nd_link.type ++ hdr.nd_link.length ++ hdr.nd_link.mac
        }, 32w65536);
    }

    @hidden
    action answer() {
        hdr.ethernet.dst = hdr.ethernet.src;
        hdr.ethernet.src = m.port_mac;
        hdr.ipv6.dst = hdr.ipv6.src;
        hdr.ipv6.src = hdr.nd.target;
        hdr.icmpv6.type = ND_ADVERTISEMENT;
        hdr.icmpv6.checksum = 0;
        hdr.nd.router = 1;
        hdr.nd.solicited = 1;
        hdr.nd.override = 1;
        hdr.nd.reserved = 0;
        m.answer.asker = hdr.nd_link.mac;
        hdr.nd_link.type = ND_TARGET_LINK;
        hdr.nd_link.mac = m.port_mac;
        m.own_packet = true;
        m.verdict.out_port = m.ingress_port;
        m.verdict.punt = (bit<8>)PuntReason.NEIGHBOR6;
    }

    apply {
        add_up();
        if (sum != 0) {
            m.verdict.drop = (bit<8>)DropReason.ND;
        } else {
            answer();
            add_up();
            hdr.icmpv6.checksum = sum;
        }
    }
}

#endif

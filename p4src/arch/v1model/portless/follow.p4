/* v1model: fragments of datagrams and segments follow their first one (field report iqiyi/dpvs#429: nothing is reassembled).
 *
 * The first fragment leaves its ports in a register, at a hash of what all fragments of its packet share (RFC 791 2.3); later ones find
 * them there, and are looked up as any packet of the flow. One that comes before the first, or 33 seconds behind it (Linux waits for
 * 30), finds none: it is dropped as FRAGMENT if it is addressed to us, and routed otherwise. Before LookUp; writes m.flow. */
#ifndef _PORTLESS_FOLLOW_P4_
#define _PORTLESS_FOLLOW_P4_

/* Of the clock, in units of 16.8 s. */
#define FRAGMENT_CLOCK(TIME) TIME[31:24]
#define FRAGMENT_AGE 1

control FollowFragment(inout headers_t hdr, inout metadata_t m, in standard_metadata_t standard_metadata) {
    /* Addresses. */
    @id(ID_R_FRAGMENT_KEY) @name(".fragment_key")
    register<bit<64>, bit<32>>(FRAGMENT_SLOTS) fragment_key;
    /* Protocol, time, identification and ports. */
    @id(ID_R_FRAGMENT_FLOW) @name(".fragment_flow")
    register<bit<64>, bit<32>>(FRAGMENT_SLOTS) fragment_flow;

    @hidden
    action remember(bit<32> slot) {
        fragment_key.write(slot, hdr.ipv4.src ++ hdr.ipv4.dst);
        fragment_flow.write(slot, hdr.ipv4.protocol ++ FRAGMENT_CLOCK(standard_metadata.ingress_global_timestamp) ++ hdr.ipv4.id
                                  ++ hdr.ports.src ++ hdr.ports.dst);
        /* Nothing is inserted: the next fragment would not fit behind. */
        m.length.toa_last = 0xffff;
    }

    @hidden
    action recall(bit<32> slot) {
        bit<64> key;
        bit<64> flow;
        fragment_key.read(key, slot);
        fragment_flow.read(flow, slot);
        bit<8> age = FRAGMENT_CLOCK(standard_metadata.ingress_global_timestamp) - flow[55:48];
        m.target.follows = key == hdr.ipv4.src ++ hdr.ipv4.dst && flow[63:56] == hdr.ipv4.protocol && flow[47:32] == hdr.ipv4.id
                           && age <= FRAGMENT_AGE;
        m.flow.src_port = m.target.follows ? flow[31:16] : 0;
        m.flow.dst_port = m.target.follows ? flow[15:0] : 0;
    }

    apply {
        if ((m.target.first_fragment || m.target.later_fragment) && !DECIDED) {
            bit<32> slot;
            hash(slot, HashAlgorithm.crc32, 32w0, { hdr.ipv4.src, hdr.ipv4.dst, hdr.ipv4.protocol, hdr.ipv4.id }, 32w16384);
            if (m.target.first_fragment) { remember(slot); } else { recall(slot); }
        }
    }
}

/* Nothing above IPv4 changes in what shows no ports. */
control RewriteAddresses(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action rewrite() {
        hdr.ipv4.src = m.session.src;
        hdr.ipv4.dst = m.session.dst;
    }

    apply { rewrite(); }
}

#endif

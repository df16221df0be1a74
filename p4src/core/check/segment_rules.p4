/* SegmentRules: what is wrong with a TCP segment or a UDP datagram, whatever carries it. After MeasureLengths; reads hdr, m.length and
 * m.bad_options; writes m.verdict.drop and m.segment_fault. */
#ifndef _SEGMENT_RULES_P4_
#define _SEGMENT_RULES_P4_

#include "../target.p4"

/* Of the first four bits of a header, a value below 4. */
#define BELOW_4 0 &&& 0xc
#define BELOW_8 0 &&& 0xfff8

control SegmentRules(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action drop(DropReason reason) { m.verdict.drop = (bit<8>)reason; }

    @hidden
    action fault(DropReason reason) { m.segment_fault = (bit<8>)reason; }

    @hidden
    action pass() { }

    @hidden
    table tcp_rules {
        key = {
            hdr.tcp.data_offset  : ternary;
            m.length.tcp_missing : ternary;
            hdr.tcp.syn          : ternary;
            hdr.tcp.fin          : ternary;
            hdr.tcp.rst          : ternary;
            m.bad_options        : ternary;
        }
        actions = { pass; fault; drop; }
        const default_action = drop(DropReason.TCP_HEADER);
        const entries = {
            (BELOW_4, _, _, _, _, _) : drop(DropReason.TCP_HEADER);
            (4, _, _, _, _, _)       : drop(DropReason.TCP_HEADER);
            (_, 0, 1, 1, _, _)       : fault(DropReason.TCP_FLAGS);
            (_, 0, 1, _, 1, _)       : fault(DropReason.TCP_FLAGS);
            (_, 0, _, _, _, true)    : fault(DropReason.TCP_OPTIONS);
            (_, 0, _, _, _, _)       : pass();
        }
    }

    /* RFC 768. What a datagram leaves of its packet is nobody's, and no fault of it. */
    @hidden
    table udp_rules {
        key = {
            hdr.udp.length          : ternary;
            m.length.udp_missing    : ternary;
            hdr.ipv4.more_fragments : ternary;
        }
        actions = { pass; drop; }
        const default_action = drop(DropReason.UDP_HEADER);
        const entries = {
            (BELOW_8, _, _) : drop(DropReason.UDP_HEADER);
            (_, 0, _)       : pass();
            (_, _, 1)       : pass();
        }
    }

    apply {
        if (hdr.tcp.isValid()) {
            tcp_rules.apply();
        } else if (hdr.udp.isValid()) {
            udp_rules.apply();
        }
    }
}

#endif

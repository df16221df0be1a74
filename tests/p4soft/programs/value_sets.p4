// Parser value sets of one field and of two, for the tests of engine and server.
#include <core.p4>
#include <v1model.p4>

header ethernet_t {
    bit<48> dst;
    bit<48> src;
    bit<16> type;
}

header tag_t {
    bit<12> id;
    bit<4> flags;
    bit<16> type;
}

struct headers_t {
    ethernet_t ethernet;
    tag_t tag;
}

struct pair_t {
    bit<12> id;
    bit<4> flags;
}

struct meta_t {
    bit<8> path;
}

parser MyParse(packet_in packet, out headers_t h, inout meta_t m, inout standard_metadata_t sm) {
    value_set<bit<16>>(2) tag_types;
    value_set<pair_t>(8) pairs;
    state start {
        packet.extract(h.ethernet);
        transition select(h.ethernet.type) {
            0x0800: plain;
            tag_types: tagged;
            default: accept;
        }
    }
    state plain { m.path = 1; transition accept; }
    state tagged {
        packet.extract(h.tag);
        m.path = 2;
        transition select(h.tag.id, h.tag.flags) {
            pairs: known;
            (0, 0): plain;
            default: accept;
        }
    }
    state known { m.path = 3; transition accept; }
}
control MyVerify(inout headers_t h, inout meta_t m) { apply {} }
control MyIngress(inout headers_t h, inout meta_t m, inout standard_metadata_t sm) {
    apply {
        h.ethernet.src[7:0] = m.path;
        sm.egress_spec = 2;
    }
}
control MyEgress(inout headers_t h, inout meta_t m, inout standard_metadata_t sm) { apply {} }
control MyCompute(inout headers_t h, inout meta_t m) { apply {} }
control MyDeparse(packet_out packet, in headers_t h) {
    apply { packet.emit(h.ethernet); packet.emit(h.tag); }
}
V1Switch(MyParse(), MyVerify(), MyIngress(), MyEgress(), MyCompute(), MyDeparse()) main;

/* Action profiles and action selectors: one table per hash algorithm, a shared selector, a plain profile. */
#include <core.p4>
#include <v1model.p4>

header ethernet_t {
    bit<48> dst;
    bit<48> src;
    bit<16> type;
}

header key_t {
    bit<8>  which;
    bit<4>  nibble;
    bit<12> twelve;
    bit<32> wide;
    bit<8>  member;
}

struct headers_t {
    ethernet_t eth;
    key_t      key;
}

struct metadata_t { }

parser MyParser(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.eth);
        transition select(hdr.eth.type) {
            0x1234: parse_key;
            default: accept;
        }
    }
    state parse_key {
        packet.extract(hdr.key);
        transition accept;
    }
}

control MyVerifyChecksum(inout headers_t hdr, inout metadata_t meta) { apply { } }

control MyIngress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    action_profile(32) plain;
    action_selector(HashAlgorithm.crc16, 64, 16) sixteen;
    action_selector(HashAlgorithm.crc32, 64, 32) thirty_two;
    @max_group_size(6)
    action_selector(HashAlgorithm.identity, 64, 32) same;
    direct_counter(CounterType.packets_and_bytes) hits;

    action forward(bit<9> port, bit<8> member) {
        std.egress_spec = port;
        hdr.key.member = member;
    }
    action drop() { mark_to_drop(std); }

    table by_profile {
        key = { hdr.key.wide: exact; }
        actions = { forward; drop; }
        implementation = plain;
        size = 16;
    }
    table by_crc16 {
        key = { hdr.key.which: exact; hdr.key.nibble: selector; hdr.key.twelve: selector; hdr.key.wide: selector; }
        actions = { forward; drop; }
        implementation = sixteen;
        counters = hits;
        size = 16;
    }
    table by_crc16_too {
        key = { hdr.key.which: ternary; hdr.key.nibble: selector; hdr.key.twelve: selector; hdr.key.wide: selector; }
        actions = { forward; drop; }
        implementation = sixteen;
        size = 16;
    }
    table by_crc32 {
        key = { hdr.key.which: exact; hdr.eth.src: selector; hdr.key.wide: selector; }
        actions = { forward; drop; }
        implementation = thirty_two;
        size = 16;
    }
    table by_identity {
        key = { hdr.key.wide: lpm; hdr.key.twelve: selector; hdr.eth.src: selector; }
        actions = { forward; drop; }
        implementation = same;
        support_timeout = true;
        size = 16;
    }

    apply {
        std.egress_spec = 2;
        if (!hdr.key.isValid()) {
            return;
        }
        if (hdr.key.which[7:6] == 0) {
            by_profile.apply();
        } else if (hdr.key.which[7:6] == 1) {
            if (!by_crc16.apply().hit) {
                by_crc16_too.apply();
            }
        } else if (hdr.key.which[7:6] == 2) {
            switch (by_crc32.apply().action_run) {
                forward: { hdr.eth.type = 0x1235; }
                default: { hdr.eth.type = 0x1236; }
            }
        } else {
            by_identity.apply();
        }
    }
}

control MyEgress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) { apply { } }
control MyComputeChecksum(inout headers_t hdr, inout metadata_t meta) { apply { } }
control MyDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.eth);
        packet.emit(hdr.key);
    }
}

V1Switch(MyParser(), MyVerifyChecksum(), MyIngress(), MyEgress(), MyComputeChecksum(), MyDeparser()) main;

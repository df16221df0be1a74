/* What is called: custom and identity hashes, switch on a table's action and on a value, messages, assertions, functions. */
#include <core.p4>
#include <v1model.p4>

header op_t { bit<8> op; bit<8> kind; bit<32> left; bit<32> right; bit<64> wide; }
struct headers_t { op_t op; }
struct metadata_t { bit<16> sum; bit<32> long_sum; bit<64> key; }

parser Parse(packet_in packet, out headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) {
    state start { packet.extract(hdr.op); transition accept; }
}

control NoChecksum(inout headers_t hdr, inout metadata_t m) { apply { } }

bit<32> larger(in bit<32> a, in bit<32> b) {
    if (a > b) { return a; }
    return b;
}

control MyIngress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) {
    action set_left(bit<32> value) { hdr.op.left = value; }
    action add_right(bit<32> value) { hdr.op.right = hdr.op.right + value; }
    action leave() { exit; }

    table by_kind {
        key = { hdr.op.kind: exact; }
        actions = { set_left; add_right; leave; NoAction; }
        const default_action = NoAction();
        const entries = {
            1 : set_left(0x11111111);
            2 : add_right(3);
            3 : leave();
        }
    }

    apply {
        sm.egress_spec = 2;
        assume(sm.egress_spec == 2);
        if (hdr.op.op == 0) {
            hash(m.sum, HashAlgorithm.crc16_custom, 16w0, { hdr.op.left, hdr.op.right }, 32w65536);
            hdr.op.wide = (bit<64>)m.sum;
        } else if (hdr.op.op == 1) {
            hash(m.long_sum, HashAlgorithm.crc32_custom, 32w0, { hdr.op.left, hdr.op.wide }, 64w0x100000000);
            hdr.op.right = m.long_sum;
        } else if (hdr.op.op == 2) {
            hash(m.key, HashAlgorithm.identity, 64w5, { hdr.op.left, hdr.op.kind }, 64w0xffffffff);
            hdr.op.wide = m.key;
        } else if (hdr.op.op == 3) {
            switch (by_kind.apply().action_run) {
                set_left: { hdr.op.right = 1; }
                add_right: { hdr.op.left = 2; }
                NoAction: { hdr.op.left = 3; }
                default: { hdr.op.left = 4; }
            }
            hdr.op.op = 0x33;
        } else if (hdr.op.op == 4) {
            switch (hdr.op.kind) {
                0:
                1: { hdr.op.left = 10; }
                7: { hdr.op.left = 20; }
                default: { hdr.op.left = 30; }
            }
        } else if (hdr.op.op == 5) {
            /* Not at the beginning: simple_switch_grpc forwards nothing more after a message that begins with {}. */
            log_msg("larger of {} and {}", { hdr.op.left, hdr.op.right });
            hdr.op.right = larger(hdr.op.left, hdr.op.right);
        } else if (hdr.op.op == 6) {
            hdr.op.left = hdr.op.left |+| hdr.op.right;
            hdr.op.right = (bit<32>)((int<32>)hdr.op.right |-| (int<32>)hdr.op.left);
        } else if (hdr.op.op == 7) {
            hdr.op.wide = hdr.op.wide * (bit<64>)hdr.op.left - (bit<64>)(hdr.op.right >> hdr.op.kind);
        } else if (hdr.op.op == 8) {
            hdr.op.wide[47:16] = hdr.op.left;
            hdr.op.right = hdr.op.wide[39:8] ^ hdr.op.right;
        } else if (hdr.op.op == 9) {
            hash(m.sum, HashAlgorithm.crc16, 16w7, { hdr.op.left }, 32w10);
            hdr.op.left = (bit<32>)m.sum;
        }
        assert(hdr.op.isValid() || sm.parser_error != error.NoError);
    }
}

control MyEgress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) { apply { } }
control Deparse(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.op); } }

V1Switch(Parse(), NoChecksum(), MyIngress(), MyEgress(), NoChecksum(), Deparse()) main;

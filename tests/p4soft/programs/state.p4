/* Registers, counters, meters, hashes and wide values. */
#include <core.p4>
#include <v1model.p4>

header op_t { bit<8> op; bit<32> index; bit<32> value; }
header wide_t { bit<320> value; bit<8> shift; }
struct headers_t { op_t op; wide_t wide; }
struct metadata_t { bit<320> wide; bit<2> color; bit<2> direct_color; bit<16> sum; }

parser Parse(packet_in packet, out headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) {
    state start {
        packet.extract(hdr.op);
        transition select(hdr.op.op) { 0x20 &&& 0xf0: wide; default: accept; }
    }
    state wide {
        packet.extract(hdr.wide);
        m.wide = (hdr.wide.value << hdr.wide.shift) | (bit<320>)hdr.op.value;
        transition accept;
    }
}

control NoChecksum(inout headers_t hdr, inout metadata_t m) { apply { } }

control MyIngress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) {
    register<bit<32>>(16) cells;
    register<bit<200>>(4) wide_cells;
    counter(16, CounterType.packets_and_bytes) hits;
    meter(8, MeterType.packets) packet_meter;
    meter(8, MeterType.bytes) byte_meter;
    direct_meter<bit<2>>(MeterType.packets) policer;

    action police() { policer.read(m.direct_color); }
    table policed {
        key = { hdr.op.index: exact; }
        actions = { police; NoAction; }
        const default_action = NoAction();
        meters = policer;
        size = 8;
    }
    apply {
        sm.egress_spec = 2;
        if (hdr.op.op == 0) {
            cells.read(hdr.op.value, hdr.op.index);
        } else if (hdr.op.op == 1) {
            cells.write(hdr.op.index, hdr.op.value);
        } else if (hdr.op.op == 2) {
            hits.count(hdr.op.index);
        } else if (hdr.op.op == 3) {
            packet_meter.execute_meter(hdr.op.index, m.color);
            hdr.op.value = (bit<32>)m.color;
        } else if (hdr.op.op == 4) {
            byte_meter.execute_meter(hdr.op.index, m.color);
            hdr.op.value = (bit<32>)m.color;
        } else if (hdr.op.op == 5) {
            m.direct_color = 3;
            policed.apply();
            hdr.op.value = (bit<32>)m.direct_color;
        } else if (hdr.op.op == 6) {
            hash(m.sum, HashAlgorithm.csum16, 16w0, { hdr.op.index, hdr.op.value, 8w1, hdr.op.op }, 32w65536);
            hdr.op.value = (bit<32>)m.sum;
        } else if (hdr.op.op == 7) {
            hash(hdr.op.value, HashAlgorithm.crc32, 32w0, { hdr.op.index, hdr.op.value }, 64w0x100000000);
        } else if (hdr.op.op == 8) {
            hash(m.sum, HashAlgorithm.crc16, 16w0, { hdr.op.index, hdr.op.value }, 32w65536);
            hdr.op.value = (bit<32>)m.sum;
        } else if (hdr.op.op == 9) {
            hash(m.sum, HashAlgorithm.xor16, 16w100, { hdr.op.index, hdr.op.value }, 32w1000);
            hdr.op.value = (bit<32>)m.sum;
        } else if (hdr.op.op == 10) {
            random(hdr.op.value, 32w10, 32w12);
        } else if (hdr.op.op == 11) {
            hdr.op.value = hdr.op.index |-| hdr.op.value;
        } else if (hdr.op.op == 12) {
            hdr.op.value = (bit<32>)((int<32>)hdr.op.index >> 3);
        } else if (hdr.op.op == 13) {
            hdr.op.value = (int<32>)hdr.op.index < (int<32>)hdr.op.value ? 32w1 : 32w0;
        } else if (hdr.op.op == 0x20) {
            hdr.wide.value = m.wide;
        } else if (hdr.op.op == 0x21) {
            hdr.wide.value = m.wide >> hdr.wide.shift;
        } else if (hdr.op.op == 0x22) {
            hdr.wide.value = ~m.wide & hdr.wide.value ^ (m.wide[99:0] ++ m.wide[319:100]);
        } else if (hdr.op.op == 0x23) {
            hdr.wide.value = m.wide + hdr.wide.value - 1;
        } else if (hdr.op.op == 0x24) {
            wide_cells.write(hdr.op.index, hdr.wide.value[299:100]);
        } else if (hdr.op.op == 0x25) {
            bit<200> cell;
            wide_cells.read(cell, hdr.op.index);
            hdr.wide.value[199:0] = cell;
        } else if (hdr.op.op == 0x26) {
            hdr.op.value = m.wide == hdr.wide.value ? 32w1 : (m.wide < hdr.wide.value ? 32w2 : 32w3);
        }
    }
}

control MyEgress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) { apply { } }

control Deparse(packet_out packet, in headers_t hdr) {
    apply { packet.emit(hdr.op); packet.emit(hdr.wide); }
}

V1Switch(Parse(), NoChecksum(), MyIngress(), MyEgress(), NoChecksum(), Deparse()) main;

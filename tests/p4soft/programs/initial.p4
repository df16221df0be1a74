// Tables that begin with entries of the program, for the tests of engine and server.
#include <core.p4>
#include <v1model.p4>

header ethernet_t {
    bit<48> dst;
    bit<48> src;
    bit<16> type;
}

struct headers_t {
    ethernet_t ethernet;
}

struct meta_t {}

parser MyParse(packet_in packet, out headers_t h, inout meta_t m, inout standard_metadata_t sm) {
    state start { packet.extract(h.ethernet); transition accept; }
}
control MyVerify(inout headers_t h, inout meta_t m) { apply {} }
control MyIngress(inout headers_t h, inout meta_t m, inout standard_metadata_t sm) {
    direct_counter(CounterType.packets_and_bytes) hits;

    action mark(bit<8> value) { h.ethernet.src[47:40] = value; }
    action note(bit<8> value) { h.ethernet.src[39:32] = value; }
    action stamp(bit<8> value) { h.ethernet.src[31:24] = value; }

    // Clients may change all but the first entry.
    table types {
        key = { h.ethernet.type: ternary @name("type"); }
        actions = { mark; NoAction; }
        default_action = NoAction();
        counters = hits;
        size = 16;
        @noWarn("ignore-prop") priority_delta = 10;
        entries = {
            const priority = 40: 0x0800: mark(1);
            0x0800 &&& 0xff00: mark(2); // 30
            priority = 25: 0x0000 &&& 0xf000: mark(3);
            _: mark(4); // 15
        }
    }
    // The smallest number wins, and entries are not in the order of their numbers.
    table swapped {
        key = { h.ethernet.type: ternary @name("type"); }
        actions = { note; NoAction; }
        default_action = NoAction();
        @noWarn("ignore-prop") largest_priority_wins = false;
        @noWarn("entries-out-of-priority-order")
        entries = {
            priority = 7: 0x0000 &&& 0xf000: note(7);
            priority = 3: 0x0800: note(3);
        }
    }
    // No priorities.
    table exactly {
        key = { h.ethernet.dst: exact @name("dst"); }
        actions = { stamp; NoAction; }
        default_action = NoAction();
        size = 1024;
        entries = {
            0x1: stamp(1);
            const 0x2: stamp(2);
        }
    }
    // None of it may be changed.
    table fixed_types {
        key = { h.ethernet.type: ternary @name("type"); }
        actions = { @defaultonly NoAction; stamp; }
        const default_action = NoAction();
        const entries = {
            0x86dd: stamp(0x86);
            0x8000 &&& 0x8000: stamp(0x80);
        }
    }
    apply {
        sm.egress_spec = 2;
        types.apply();
        swapped.apply();
        exactly.apply();
        fixed_types.apply();
    }
}
control MyEgress(inout headers_t h, inout meta_t m, inout standard_metadata_t sm) { apply {} }
control MyCompute(inout headers_t h, inout meta_t m) { apply {} }
control MyDeparse(packet_out packet, in headers_t h) { apply { packet.emit(h.ethernet); } }
V1Switch(MyParse(), MyVerify(), MyIngress(), MyEgress(), MyCompute(), MyDeparse()) main;

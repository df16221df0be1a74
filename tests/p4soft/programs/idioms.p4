/* What programs out there are full of: an action that marks a copy of standard_metadata, a message without values, tables
   and other objects that nothing uses, a key of type error, a header union that is no stack. */
#include <core.p4>
#include <v1model.p4>

header op_t { bit<8> op; bit<8> kind; bit<16> value; }
header short_t { bit<16> value; }
header long_t { bit<32> value; }
header_union either_t { short_t short; long_t long; }
struct headers_t { op_t op; either_t either; }
struct seen_t { bit<8> op; }
struct noted_t { bit<8> kind; bit<16> value; }
struct metadata_t { bit<16> group; }

parser Parse(packet_in packet, out headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) {
    state start {
        packet.extract(hdr.op);
        verify(hdr.op.op != 0xee, error.NoMatch);
        transition select(hdr.op.kind) {
            1: parse_short;
            2: parse_long;
            default: accept;
        }
    }
    state parse_short { packet.extract(hdr.either.short); transition accept; }
    state parse_long { packet.extract(hdr.either.long); transition accept; }
}

control NoChecksum(inout headers_t hdr, inout metadata_t m) { apply { } }

control MyIngress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) {
    counter(16, CounterType.packets) unused_counter;
    meter(16, MeterType.packets) unused_meter;
    register<bit<32>>(16) unused_register;
    action_profile(16) unused_profile;

    action drop(inout standard_metadata_t meta) { mark_to_drop(meta); }
    action drop_or_send(inout standard_metadata_t meta, in bit<9> port) {
        meta.egress_spec = port;
        meta.mcast_grp = 1;
        if (hdr.op.value == 0) { mark_to_drop(meta); }
    }
    action send(bit<9> port) { sm.egress_spec = port; }
    action digest_it() { digest<seen_t>(1, { hdr.op.op }); }

    table by_error {
        key = { sm.parser_error: exact; hdr.op.kind: ternary; }
        actions = { send; NoAction; }
        default_action = NoAction();
    }
    table unused { key = { hdr.op.kind: exact; } actions = { send; digest_it; NoAction; } default_action = NoAction(); }
    table unused_indirect {
        key = { hdr.op.kind: exact; }
        actions = { send; NoAction; }
        implementation = unused_profile;
    }

    apply {
        bit<8> never = 0;
        sm.egress_spec = 2;
        by_error.apply();
        if (hdr.op.op == 1) {
            drop(sm);
        } else if (hdr.op.op == 2) {
            drop_or_send(sm, 3);
        } else if (hdr.op.op == 3) {
            log_msg("no values");
        } else if (hdr.op.op == 4) {
            hdr.either.short.setValid();
            hdr.either.short.value = 0x1234;
        } else if (hdr.op.op == 5) {
            hdr.either.long.setValid();
            hdr.either.long.value = 0x56789abc;
        } else if (hdr.op.op == 6) {
            hdr.either.short.setInvalid();
        } else if (hdr.op.op == 7 && hdr.either.isValid()) {
            hdr.op.value = 0x7777;
        } else if (hdr.op.op == 8) {
            digest<noted_t>(1, { hdr.op.kind, hdr.op.value });
        }
        /* Only the compiler's middle knows that this never is, after P4Info was written. */
        if (never == 1) {
            unused.apply();
            unused_indirect.apply();
            unused_register.write(0, 1);
            unused_counter.count(0);
            unused_meter.execute_meter(0, m.group);
        }
    }
}

control MyEgress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) { apply { } }

control Deparse(packet_out packet, in headers_t hdr) {
    apply { packet.emit(hdr.op); packet.emit(hdr.either); }
}

V1Switch(Parse(), NoChecksum(), MyIngress(), MyEgress(), NoChecksum(), Deparse()) main;

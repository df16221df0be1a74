/* Every way that a packet can take: the first byte of the packet chooses it. */
#include <core.p4>
#include <v1model.p4>

header op_t { bit<8> op; bit<8> arg; bit<16> mark; }
header trace_t { bit<8> instance; bit<8> rid; bit<16> length; bit<16> in_port; bit<16> kept; }
struct headers_t { op_t op; trace_t trace; }
struct metadata_t {
    @field_list(1) bit<16> kept;
    bit<16> lost;
}
struct note_t { bit<8> op; bit<16> mark; bit<9> port; }

parser Parse(packet_in packet, out headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) {
    state start { packet.extract(hdr.op); transition accept; }
}

control NoChecksum(inout headers_t hdr, inout metadata_t m) { apply { } }

control MyIngress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) {
    apply {
        sm.egress_spec = 2;
        m.lost = 7;
        if (sm.instance_type == 0 || sm.instance_type == 4 || sm.instance_type == 6) {
            m.kept = m.kept + 1;
        }
        if (hdr.op.op == 1) {                                         // drop
            mark_to_drop(sm);
        } else if (hdr.op.op == 2) {                                  // multicast
            sm.mcast_grp = (bit<16>)hdr.op.arg;
        } else if (hdr.op.op == 3) {                                  // clone before the change below
            clone_preserving_field_list(CloneType.I2E, (bit<32>)hdr.op.arg, 1);
        } else if (hdr.op.op == 4 && sm.instance_type == 0) {         // resubmit once
            hdr.op.mark = 0xdead;
            resubmit_preserving_field_list(1);
        } else if (hdr.op.op == 7) {                                  // to the CPU
            sm.egress_spec = 255;
        } else if (hdr.op.op == 8) {                                  // digest
            digest<note_t>(1, { hdr.op.op, hdr.op.mark, sm.ingress_port });
        } else if (hdr.op.op == 9) {                                  // truncate
            truncate((bit<32>)hdr.op.arg);
        } else if (hdr.op.op == 10) {                                 // a group, then a drop
            sm.mcast_grp = 1;
            mark_to_drop(sm);
        } else if (hdr.op.op == 11) {                                 // leave the pipeline at once
            exit;
        }
        hdr.op.mark = hdr.op.mark + 1;
    }
}

control MyEgress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) {
    apply {
        if (hdr.op.op == 5 && sm.instance_type == 0) {                // clone at egress
            clone_preserving_field_list(CloneType.E2E, (bit<32>)hdr.op.arg, 1);
        }
        if (hdr.op.op == 6 && m.kept < 3) {                           // recirculate twice
            recirculate_preserving_field_list(1);
        } else {
            hdr.trace.setValid();
            hdr.trace.instance = (bit<8>)sm.instance_type;
            hdr.trace.rid = (bit<8>)sm.egress_rid;
            hdr.trace.length = (bit<16>)sm.packet_length;
            hdr.trace.in_port = (bit<16>)sm.ingress_port;
            hdr.trace.kept = m.kept;
        }
        if (hdr.op.op == 12) { mark_to_drop(sm); }
    }
}

control Deparse(packet_out packet, in headers_t hdr) {
    apply { packet.emit(hdr.op); packet.emit(hdr.trace); }
}

V1Switch(Parse(), NoChecksum(), MyIngress(), MyEgress(), NoChecksum(), Deparse()) main;

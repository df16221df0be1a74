// Types with @p4runtime_translation wherever clients meet them, for the tests of the server.
#include <core.p4>
#include <v1model.p4>

@p4runtime_translation("p4.org/psa/v1/PortId_t", 32)
type bit<9> PortId_t;

// What clients have is narrower than what packets have.
@p4runtime_translation("p4.org/example/v1/tag_t", bit<8>)
type bit<12> tag_t;

@p4runtime_translation("p4.org/example/v1/vrf_id_t", string)
@p4runtime_translation_mappings({ {"", 0}, {"main", 0x10} })
type bit<10> vrf_id_t;

@p4runtime_translation("p4.org/example/v1/port_id_string_t", string)
type bit<9> port_id_string_t;

@controller_header("packet_in")
header packet_in_t {
    PortId_t ingress_port;
    bit<7> pad;
    bit<6> reason;
    vrf_id_t vrf;
}

@controller_header("packet_out")
header packet_out_t {
    @hidden bit<7> pad;
    port_id_string_t egress_port;
}

header ethernet_t {
    bit<48> dst;
    bit<48> src;
    bit<16> type;
}

header vlan_t {
    bit<3> pcp;
    bit<1> dei;
    tag_t vid;
    bit<16> type;
}

struct headers_t {
    packet_in_t packet_in;
    packet_out_t packet_out;
    ethernet_t ethernet;
    vlan_t vlan;
}

struct meta_t {
    vrf_id_t vrf;
    PortId_t in_port;
}

struct seen_t {
    bit<48> src;
    PortId_t port;
    vrf_id_t vrf;
}

parser MyParse(packet_in packet, out headers_t h, inout meta_t m, inout standard_metadata_t sm) {
    state start {
        m.in_port = (PortId_t) sm.ingress_port;
        transition select(sm.ingress_port) {
            255: from_controller;
            default: ethernet;
        }
    }
    state from_controller {
        packet.extract(h.packet_out);
        transition ethernet;
    }
    state ethernet {
        packet.extract(h.ethernet);
        transition select(h.ethernet.type) {
            0x8100: vlan;
            default: accept;
        }
    }
    state vlan {
        packet.extract(h.vlan);
        transition accept;
    }
}
control MyVerify(inout headers_t h, inout meta_t m) { apply {} }
control MyIngress(inout headers_t h, inout meta_t m, inout standard_metadata_t sm) {
    register<PortId_t>(4) last_port;
    counter(512, CounterType.packets) by_port;
    action_selector(HashAlgorithm.crc16, 32w8, 32w14) choice;

    action forward(PortId_t port) { sm.egress_spec = (bit<9>) port; }
    action set_vrf(vrf_id_t vrf) { m.vrf = vrf; }
    action drop() { mark_to_drop(sm); }
    action to_cpu(bit<6> reason) {
        sm.egress_spec = 255;
        h.packet_in.setValid();
        h.packet_in.ingress_port = m.in_port;
        h.packet_in.reason = reason;
        h.packet_in.vrf = m.vrf;
    }

    table vrfs {
        key = { m.in_port: exact @name("port"); h.ethernet.src: ternary @name("src"); }
        actions = { set_vrf; @defaultonly NoAction; }
        const default_action = NoAction();
        size = 64;
    }
    table routes {
        key = { m.vrf: exact @name("vrf"); h.ethernet.dst: exact @name("dst"); }
        actions = { forward; to_cpu; drop; }
        default_action = drop();
        size = 64;
    }
    table ports {
        key = { m.in_port: ternary @name("port"); h.vlan.vid: range @name("vid"); }
        actions = { forward; NoAction; }
        default_action = NoAction();
        size = 64;
    }
    table near {
        key = { m.in_port: lpm @name("port"); }
        actions = { drop; NoAction; }
        default_action = NoAction();
        size = 64;
    }
    table spread {
        key = { h.ethernet.dst: exact @name("dst"); h.ethernet.src: selector; }
        actions = { forward; NoAction; }
        implementation = choice;
        size = 64;
    }
    apply {
        by_port.count((bit<32>) sm.ingress_port);
        if (h.packet_out.isValid()) {
            sm.egress_spec = (bit<9>) h.packet_out.egress_port;
            h.packet_out.setInvalid();
        } else {
            last_port.write(0, m.in_port);
            near.apply();
            vrfs.apply();
            if (!routes.apply().hit) {
                if (!spread.apply().hit) {
                    ports.apply();
                }
            }
            digest<seen_t>(1, { h.ethernet.src, m.in_port, m.vrf });
        }
    }
}
control MyEgress(inout headers_t h, inout meta_t m, inout standard_metadata_t sm) { apply {} }
control MyCompute(inout headers_t h, inout meta_t m) { apply {} }
control MyDeparse(packet_out packet, in headers_t h) {
    apply {
        packet.emit(h.packet_in);
        packet.emit(h.ethernet);
        packet.emit(h.vlan);
    }
}
V1Switch(MyParse(), MyVerify(), MyIngress(), MyEgress(), MyCompute(), MyDeparse()) main;

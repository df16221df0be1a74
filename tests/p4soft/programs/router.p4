/* Tables of every match kind, direct and indirect counters, checksum verification and update. */
#include <core.p4>
#include <v1model.p4>

header ethernet_t { bit<48> dst; bit<48> src; bit<16> type; }
header ipv4_t {
    bit<4> version; bit<4> ihl; bit<8> tos; bit<16> length;
    bit<16> id; bit<3> flags; bit<13> fragment; bit<8> ttl; bit<8> protocol; bit<16> checksum;
    bit<32> src; bit<32> dst;
}
header ports_t { bit<16> src; bit<16> dst; }
struct headers_t { ethernet_t ethernet; ipv4_t ipv4; ports_t ports; }
struct metadata_t { bit<32> next_hop; bit<8> class; }

parser Parse(packet_in packet, out headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.type) { 0x0800: ipv4; default: accept; }
    }
    state ipv4 {
        packet.extract(hdr.ipv4);
        verify(hdr.ipv4.ihl == 5, error.HeaderTooShort);
        transition select(hdr.ipv4.fragment, hdr.ipv4.protocol) {
            (0, 6): ports;
            (0, 17): ports;
            default: accept;
        }
    }
    state ports { packet.extract(hdr.ports); transition accept; }
}

control Verify(inout headers_t hdr, inout metadata_t m) {
    apply {
        verify_checksum(hdr.ipv4.isValid(), { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.tos, hdr.ipv4.length,
            hdr.ipv4.id, hdr.ipv4.flags, hdr.ipv4.fragment, hdr.ipv4.ttl, hdr.ipv4.protocol, hdr.ipv4.src,
            hdr.ipv4.dst }, hdr.ipv4.checksum, HashAlgorithm.csum16);
    }
}

control MyIngress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) {
    direct_counter(CounterType.packets_and_bytes) route_counter;
    counter(4, CounterType.packets_and_bytes) bad;

    action drop() { mark_to_drop(sm); }
    action via(bit<32> next_hop) { m.next_hop = next_hop; route_counter.count(); }
    action connected() { m.next_hop = hdr.ipv4.dst; route_counter.count(); }
    action forward(bit<9> port, bit<48> dst, bit<48> src) {
        sm.egress_spec = port;
        hdr.ethernet.dst = dst;
        hdr.ethernet.src = src;
        hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
    }
    action classify(bit<8> class) { m.class = class; hdr.ipv4.tos = class; }

    table route {
        key = { hdr.ipv4.dst: lpm; }
        actions = { via; connected; drop; }
        default_action = drop();
        counters = route_counter;
        size = 64;
    }
    table neighbor {
        key = { m.next_hop: exact; }
        actions = { forward; drop; }
        default_action = drop();
        support_timeout = true;
        size = 4;
    }
    table acl {
        key = { hdr.ipv4.src: ternary; hdr.ipv4.protocol: exact; }
        actions = { drop; classify; NoAction; }
        const default_action = NoAction();
        size = 16;
    }
    table service {
        key = { hdr.ports.dst: range; hdr.ipv4.protocol: optional; }
        actions = { classify; NoAction; }
        const default_action = NoAction();
        size = 16;
    }
    table fixed_class {
        key = { m.class: exact; }
        actions = { drop; NoAction; }
        const default_action = NoAction();
        const entries = { 99: drop(); }
    }

    apply {
        if (sm.parser_error != error.NoError) {
            bad.count(1);
            mark_to_drop(sm);
        } else if (sm.checksum_error == 1) {
            bad.count(2);
            mark_to_drop(sm);
        } else if (hdr.ipv4.isValid()) {
            route.apply();
            if (neighbor.apply().hit) {
                if (hdr.ports.isValid()) { service.apply(); }
                acl.apply();
                fixed_class.apply();
            } else {
                bad.count(3);
            }
        } else {
            bad.count(0);
            mark_to_drop(sm);
        }
    }
}

control MyEgress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) { apply { } }

control Update(inout headers_t hdr, inout metadata_t m) {
    apply {
        update_checksum(hdr.ipv4.isValid(), { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.tos, hdr.ipv4.length,
            hdr.ipv4.id, hdr.ipv4.flags, hdr.ipv4.fragment, hdr.ipv4.ttl, hdr.ipv4.protocol, hdr.ipv4.src,
            hdr.ipv4.dst }, hdr.ipv4.checksum, HashAlgorithm.csum16);
    }
}

control Deparse(packet_out packet, in headers_t hdr) {
    apply { packet.emit(hdr.ethernet); packet.emit(hdr.ipv4); packet.emit(hdr.ports); }
}

V1Switch(Parse(), Verify(), MyIngress(), MyEgress(), Update(), Deparse()) main;

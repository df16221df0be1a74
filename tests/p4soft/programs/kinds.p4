// One of everything P4Runtime can name on v1model, for the tests of the P4Runtime server.
#include <core.p4>
#include <v1model.p4>

const bit<9> CPU_PORT = 255;
const bit<16> TYPE_IPV4 = 0x0800;

@controller_header("packet_in")
header packet_in_t {
    bit<9> ingress_port;
    bit<7> padding;
    bit<16> reason;
}

@controller_header("packet_out")
header packet_out_t {
    bit<9> egress_port;
    bit<1> run;
    bit<6> padding;
}

header ethernet_t {
    bit<48> dst;
    bit<48> src;
    bit<16> type;
}

header ipv4_t {
    bit<4> version;
    bit<4> ihl;
    bit<8> tos;
    bit<16> length;
    bit<16> id;
    bit<16> fragment;
    bit<8> ttl;
    bit<8> protocol;
    bit<16> checksum;
    bit<32> src;
    bit<32> dst;
}

struct headers_t {
    packet_in_t packet_in;
    packet_out_t packet_out;
    ethernet_t ethernet;
    ipv4_t ipv4;
}

struct seen_t {
    bit<32> src;
    bit<9> port;
    bool first;
}

struct meta_t {
    bit<2> color;
    bit<2> direct_color;
    bit<32> session;
}

parser MyParse(packet_in packet, out headers_t h, inout meta_t m, inout standard_metadata_t sm) {
    state start {
        transition select(sm.ingress_port) {
            CPU_PORT: parse_packet_out;
            default: parse_ethernet;
        }
    }
    state parse_packet_out {
        packet.extract(h.packet_out);
        transition parse_ethernet;
    }
    state parse_ethernet {
        packet.extract(h.ethernet);
        transition select(h.ethernet.type) {
            TYPE_IPV4: parse_ipv4;
            default: accept;
        }
    }
    state parse_ipv4 {
        packet.extract(h.ipv4);
        transition accept;
    }
}

control MyVerify(inout headers_t h, inout meta_t m) {
    apply {}
}

control MyIngress(inout headers_t h, inout meta_t m, inout standard_metadata_t sm) {
    direct_counter(CounterType.packets_and_bytes) session_counter;
    direct_meter<bit<2>>(MeterType.packets) route_meter;
    counter(8, CounterType.packets_and_bytes) port_counter;
    meter(8, MeterType.packets) port_meter;
    register<bit<20>>(8) last_id;
    register<bit<48>>(4) last_mac;

    action drop() {
        mark_to_drop(sm);
    }

    action set_session(bit<32> session, bit<9> port, bit<48> dst) {
        session_counter.count();
        m.session = session;
        h.ethernet.dst = dst;
        sm.egress_spec = port;
    }

    action session_drop() {
        session_counter.count();
        mark_to_drop(sm);
    }

    action miss() {
        session_counter.count();
    }

    action to_cpu(bit<16> reason) {
        h.packet_in.setValid();
        h.packet_in.ingress_port = sm.ingress_port;
        h.packet_in.reason = reason;
        sm.egress_spec = CPU_PORT;
    }

    action forward(bit<9> port) {
        route_meter.read(m.direct_color);
        sm.egress_spec = port;
    }

    action route_miss() {
        route_meter.read(m.direct_color);
    }

    action flood(bit<16> group) {
        sm.mcast_grp = group;
    }

    action mirror(bit<32> session) {
        clone(CloneType.I2E, session);
    }

    action learn() {
        digest<seen_t>(1, { h.ipv4.src, sm.ingress_port, h.ipv4.id == 0 });
    }

    action only_default() {
        sm.priority = 1;
    }

    // Exact, with a direct counter and idle timeout.
    table session {
        key = {
            h.ipv4.src: exact @name("src");
            h.ipv4.dst: exact @name("dst");
            h.ipv4.protocol: exact @name("protocol");
            sm.ingress_port: exact @name("port");
        }
        actions = { set_session; @tableonly session_drop; @defaultonly miss; }
        default_action = miss();
        counters = session_counter;
        support_timeout = true;
        size = 1024;
    }

    // LPM, with a direct meter.
    table route {
        key = { h.ipv4.dst: lpm @name("dst"); }
        actions = { forward; @defaultonly route_miss; }
        default_action = route_miss();
        meters = route_meter;
        size = 64;
    }

    // Ternary, range and optional beside exact.
    table acl {
        key = {
            h.ethernet.type: exact @name("type");
            h.ipv4.src: ternary @name("src");
            h.ipv4.length: range @name("length");
            h.ipv4.protocol: optional @name("protocol");
        }
        actions = { drop; to_cpu; flood; mirror; learn; NoAction; }
        default_action = NoAction();
        size = 4;
    }

    // Constant entries.
    table fixed {
        key = { h.ethernet.type: exact @name("type"); }
        actions = { learn; @defaultonly NoAction; }
        const entries = {
            0x88b5: learn();
        }
        const default_action = NoAction();
    }

    // No key.
    table last {
        actions = { to_cpu; drop; only_default; }
        default_action = drop();
    }

    apply {
        if (h.packet_out.isValid() && h.packet_out.run == 0) {
            sm.egress_spec = h.packet_out.egress_port;
            h.packet_out.setInvalid();
        } else {
            h.packet_out.setInvalid();
            port_counter.count((bit<32>) sm.ingress_port & 7);
            port_meter.execute_meter((bit<32>) sm.ingress_port & 7, m.color);
            if (m.color == 2) {
                mark_to_drop(sm);
            } else {
                fixed.apply();
                if (h.ipv4.isValid()) {
                    last_id.write((bit<32>) sm.ingress_port & 7, (bit<20>) h.ipv4.id);
                    last_mac.write((bit<32>) sm.ingress_port & 3, h.ethernet.src);
                    acl.apply();
                    if (!session.apply().hit) {
                        if (!route.apply().hit && sm.egress_spec == 0 && sm.mcast_grp == 0) {
                            last.apply();
                        }
                    }
                }
            }
        }
    }
}

control MyEgress(inout headers_t h, inout meta_t m, inout standard_metadata_t sm) {
    apply {}
}

control MyCompute(inout headers_t h, inout meta_t m) {
    apply {}
}

control MyDeparse(packet_out packet, in headers_t h) {
    apply {
        packet.emit(h.packet_in);
        packet.emit(h.ethernet);
        packet.emit(h.ipv4);
    }
}

V1Switch(MyParse(), MyVerify(), MyIngress(), MyEgress(), MyCompute(), MyDeparse()) main;

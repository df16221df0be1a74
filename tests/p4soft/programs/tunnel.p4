/* Two ends of a tunnel in one switch: what comes in by port 1 or 2 leaves by 3 or 4 as the payload of UDP, and the other
 * way round. The outer checksum is left out (RFC 768), as tunnels have it. */
#include <core.p4>
#include <v1model.p4>

const bit<16> TUNNEL_PORT = 4790;

header ethernet_t { bit<48> dst; bit<48> src; bit<16> type; }
header ipv4_t {
    bit<8> version_ihl; bit<8> tos; bit<16> length; bit<16> id; bit<16> fragment;
    bit<8> ttl; bit<8> protocol; bit<16> checksum; bit<32> src; bit<32> dst;
}
header udp_t { bit<16> sport; bit<16> dport; bit<16> length; bit<16> checksum; }
struct headers_t { ethernet_t ethernet; ipv4_t ipv4; udp_t udp; }
struct metadata_t { }

parser Parse(packet_in packet, out headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) {
    state start { transition select(sm.ingress_port) { 3: tunnel; 4: tunnel; default: accept; } }
    state tunnel {
        packet.extract(hdr.ethernet);
        packet.extract(hdr.ipv4);
        packet.extract(hdr.udp);
        transition accept;
    }
}

control NoChecksum(inout headers_t hdr, inout metadata_t m) { apply { } }

control MyIngress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) {
    action put_in() {
        hdr.ethernet = { 0x020000000002, 0x020000000001, 0x0800 };
        bit<16> length = (bit<16>) sm.packet_length;
        hdr.ipv4 = { 0x45, 0, length + 28, 0, 0x4000, 64, 17, 0, 0x0a640001, 0x0a640002 };
        hdr.udp = { TUNNEL_PORT, TUNNEL_PORT, length + 8, 0 };
        sm.egress_spec = sm.ingress_port + 2;
    }
    action take_out() {
        hdr.ethernet.setInvalid();
        hdr.ipv4.setInvalid();
        hdr.udp.setInvalid();
        sm.egress_spec = sm.ingress_port - 2;
    }
    apply {
        if (!hdr.udp.isValid()) {
            put_in();
        } else if (hdr.ipv4.protocol == 17 && hdr.udp.dport == TUNNEL_PORT) {
            take_out();
        } else {
            mark_to_drop(sm);
        }
    }
}

control MyEgress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) { apply { } }

control Checksum(inout headers_t hdr, inout metadata_t m) {
    apply {
        update_checksum(hdr.ipv4.isValid(),
            { hdr.ipv4.version_ihl, hdr.ipv4.tos, hdr.ipv4.length, hdr.ipv4.id, hdr.ipv4.fragment, hdr.ipv4.ttl,
              hdr.ipv4.protocol, hdr.ipv4.src, hdr.ipv4.dst },
            hdr.ipv4.checksum, HashAlgorithm.csum16);
    }
}

control Deparse(packet_out packet, in headers_t hdr) {
    apply { packet.emit(hdr.ethernet); packet.emit(hdr.ipv4); packet.emit(hdr.udp); }
}

V1Switch(Parse(), NoChecksum(), MyIngress(), MyEgress(), Checksum(), Deparse()) main;

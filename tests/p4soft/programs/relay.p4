/* Two ports, each other's way out; a router's hop of IPv6. */
#include <core.p4>
#include <v1model.p4>

header ethernet_t { bit<48> dst; bit<48> src; bit<16> type; }
header ipv6_t {
    bit<4> version; bit<8> class; bit<20> label; bit<16> length; bit<8> next; bit<8> hops;
    bit<128> src; bit<128> dst;
}
struct headers_t { ethernet_t ethernet; ipv6_t ipv6; }
struct metadata_t { }

parser Parse(packet_in packet, out headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.type) { 0x86dd: ipv6; default: accept; }
    }
    state ipv6 { packet.extract(hdr.ipv6); transition accept; }
}

control NoChecksum(inout headers_t hdr, inout metadata_t m) { apply { } }

control MyIngress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) {
    apply {
        sm.egress_spec = 9w3 - sm.ingress_port;
        // Neighbor discovery (ICMPv6) has to come with all of its hops.
        if (hdr.ipv6.isValid() && hdr.ipv6.next == 6) { hdr.ipv6.hops = hdr.ipv6.hops - 1; }
    }
}

control MyEgress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) { apply { } }

control Deparse(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.ethernet); packet.emit(hdr.ipv6); } }

V1Switch(Parse(), NoChecksum(), MyIngress(), MyEgress(), NoChecksum(), Deparse()) main;

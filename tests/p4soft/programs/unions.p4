/* Headers that are nothing but header unions: p4c writes them as headers of a union's type. */
#include <core.p4>
#include <v1model.p4>

header kind_t { bit<8> kind; }
header short_t { bit<16> value; }
header long_t { bit<32> value; }
header_union first_t { kind_t kind; short_t short; }
header_union second_t { short_t short; long_t long; }
struct headers_t { first_t first; second_t second; }
struct metadata_t { }

parser Parse(packet_in packet, out headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) {
    state start {
        packet.extract(hdr.first.kind);
        transition select(hdr.first.kind.kind) {
            1: parse_short;
            2: parse_long;
            default: accept;
        }
    }
    state parse_short { packet.extract(hdr.second.short); transition accept; }
    state parse_long { packet.extract(hdr.second.long); transition accept; }
}

control NoChecksum(inout headers_t hdr, inout metadata_t m) { apply { } }

control MyIngress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) {
    apply {
        sm.egress_spec = 2;
        if (hdr.second.long.isValid()) {
            hdr.second.short.setValid();
            hdr.second.short.value = 0x1234;
        }
    }
}

control MyEgress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) { apply { } }

control Deparse(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.first); packet.emit(hdr.second); } }

V1Switch(Parse(), NoChecksum(), MyIngress(), MyEgress(), NoChecksum(), Deparse()) main;

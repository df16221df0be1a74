/* Header stacks, unions, variable-length headers, lookahead, and every parser error. */
#include <core.p4>
#include <v1model.p4>

error { BadKind }

header kind_t { bit<8> kind; bit<8> count; }
header label_t { bit<7> value; bit<1> bottom; }
header text_t { bit<8> length; varbit<64> text; }
header short_t { bit<8> kind; bit<8> value; }
header long_t { bit<8> kind; bit<24> value; }
header_union option_t { short_t small; long_t large; }
header report_t { bit<8> problem; bit<8> depth; bit<8> last; }
struct headers_t {
    report_t report;
    kind_t kind;
    label_t[4] labels;
    text_t text;
    option_t[3] options;
}
struct metadata_t { bit<8> left; bit<8> depth; }

parser Parse(packet_in packet, out headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) {
    state start {
        packet.extract(hdr.kind);
        m.left = hdr.kind.count;
        transition select(hdr.kind.kind) {
            1: labels;
            2: text;
            3: options;
            4: skip;
            5 &&& 0xfd: accept;
            default: bad;
        }
    }
    state labels {
        packet.extract(hdr.labels.next);
        m.depth = (bit<8>)hdr.labels.lastIndex;
        transition select(hdr.labels.last.bottom) { 0: labels; default: accept; }
    }
    state text {
        packet.extract(hdr.text, (bit<32>)packet.lookahead<bit<8>>() * 4);
        transition accept;
    }
    state options {
        transition select(m.left) { 0: accept; default: option; }
    }
    state option {
        m.left = m.left - 1;
        transition select(packet.lookahead<bit<8>>()) { 1: small; 2: large; default: bad; }
    }
    state small { packet.extract(hdr.options.next.small); transition options; }
    state large { packet.extract(hdr.options.next.large); transition options; }
    state skip {
        packet.advance((bit<32>)hdr.kind.count * 4);
        transition accept;
    }
    state bad { verify(false, error.BadKind); transition accept; }
}

control NoChecksum(inout headers_t hdr, inout metadata_t m) { apply { } }

control MyIngress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) {
    apply {
        sm.egress_spec = 2;
        hdr.report.setValid();
        hdr.report.depth = m.depth;
        if (sm.parser_error == error.NoError) { hdr.report.problem = 0; }
        else if (sm.parser_error == error.PacketTooShort) { hdr.report.problem = 1; }
        else if (sm.parser_error == error.StackOutOfBounds) { hdr.report.problem = 2; }
        else if (sm.parser_error == error.HeaderTooShort) { hdr.report.problem = 3; }
        else if (sm.parser_error == error.ParserInvalidArgument) { hdr.report.problem = 4; }
        else if (sm.parser_error == error.BadKind) { hdr.report.problem = 5; }
        if (sm.parser_error == error.NoError && hdr.kind.kind == 1) {
            if (hdr.kind.count == 1) {
                hdr.labels.push_front(2);
                hdr.labels[0].setValid();
                hdr.labels[0].value = 0x11;
                hdr.labels[1].setValid();
                hdr.labels[1].value = 0x22;
            } else if (hdr.kind.count == 2) {
                hdr.labels.pop_front(1);
            } else if (hdr.kind.count >= 8) {
                hdr.labels[hdr.kind.count & 3].value = 0x7f;
            }
        }
        if (hdr.options[0].small.isValid()) { hdr.options[0].small.value = hdr.options[0].small.value + 1; }
        if (hdr.options[1].large.isValid()) { hdr.options[1].large.value = 0xabcdef; }
        hdr.report.last = hdr.text.isValid() ? hdr.text.length : 0;
    }
}

control MyEgress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) { apply { } }

control Deparse(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.report);
        packet.emit(hdr.kind);
        packet.emit(hdr.labels);
        packet.emit(hdr.text);
        packet.emit(hdr.options);
    }
}

V1Switch(Parse(), NoChecksum(), MyIngress(), MyEgress(), NoChecksum(), Deparse()) main;

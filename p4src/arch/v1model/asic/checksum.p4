/* v1model in the ASIC's order: the checksum follows the edits of the options by layout. */
#ifndef _V1MODEL_ASIC_CHECKSUM_P4_
#define _V1MODEL_ASIC_CHECKSUM_P4_

control EditableOptions(in headers_t hdr, out editable_options_t options) {
    apply {
        options = { 0, 0, 0, 0 };
        if (hdr.experiment.isValid()) {
            options.experiment = hdr.experiment.kind ++ hdr.experiment.length ++ hdr.experiment.client_port ++ hdr.experiment.client;
        }
        if (hdr.mss.isValid()) { options.mss = hdr.mss.value; }
        if (hdr.timestamps.isValid()) {
            options.timestamps = hdr.timestamps.before ++ hdr.timestamps.head ++ hdr.timestamps.value ++ hdr.timestamps.echo;
        }
        if (hdr.block_1.isValid()) { options.blocks[255:192] = hdr.block_1.left ++ hdr.block_1.right; }
        if (hdr.block_2.isValid()) { options.blocks[191:128] = hdr.block_2.left ++ hdr.block_2.right; }
        if (hdr.block_3.isValid()) { options.blocks[127:64] = hdr.block_3.left ++ hdr.block_3.right; }
        if (hdr.block_4.isValid()) { options.blocks[63:0] = hdr.block_4.left ++ hdr.block_4.right; }
    }
}

control SaveOptions(inout headers_t hdr, inout metadata_t m) {
    EditableOptions() editable_options;

    apply { editable_options.apply(hdr, m.target.original); }
}

control OptionChecksum(inout headers_t hdr, inout metadata_t m) {
    EditableOptions() editable_options;

    @hidden
    action update(editable_options_t old, editable_options_t new) {
        hash(hdr.tcp.checksum, HashAlgorithm.csum16, 16w0, {
            ~hdr.tcp.checksum,
            ~old.experiment, ~old.mss, ~old.timestamps, ~old.blocks,
            new.experiment, new.mss, new.timestamps, new.blocks
        }, 32w65536);
    }

    apply {
        editable_options_t edited;
        editable_options.apply(hdr, edited);
        if (edited != m.target.original) { update(m.target.original, edited); }
    }
}

#endif

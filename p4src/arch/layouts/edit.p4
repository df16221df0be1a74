/* TcpOptions: edits of the options that the parser found in a common layout, in place.
 *
 * Only of headers that are there: on Tofino 1 whatever is in a header that is not would enter the checksum. Reads m.edit;
 * writes the option headers. */
#ifndef _LAYOUTS_EDIT_P4_
#define _LAYOUTS_EDIT_P4_

#define SHIFT(BLOCK) \
    BLOCK.left = BLOCK.left - m.session.delta; \
    BLOCK.right = BLOCK.right - m.session.delta;

control TcpOptions(inout headers_t hdr, inout metadata_t m) {
    /* The SACK-permitted or the NOPs in the same word stay. */
    @hidden
    action blank_timestamps() {
        hdr.timestamps.head = 0x0101;
        hdr.timestamps.value = 0x01010101;
        hdr.timestamps.echo = 0x01010101;
    }

    @hidden
    action blank_experiment() {
        hdr.experiment.first = 0x01010101;
        hdr.experiment.second = 0x01010101;
    }

    @hidden
    action lower_mss(bit<16> bytes) { hdr.mss.value = hdr.mss.value - bytes; }

    @hidden
    action shift_1() { SHIFT(hdr.block_1) }
    @hidden
    action shift_2() { SHIFT(hdr.block_2) }
    @hidden
    action shift_3() { SHIFT(hdr.block_3) }
    @hidden
    action shift_4() { SHIFT(hdr.block_4) }

    apply {
        bit<16> above_floor = hdr.mss.value |-| MSS_FLOOR;
        if (m.edit.remove_timestamps && hdr.timestamps.isValid()) { blank_timestamps(); }
        if (m.edit.remove_experiments && hdr.experiment.isValid()) { blank_experiment(); }
        if (m.edit.lower_mss && hdr.mss.isValid()) {
            /* TOA_V4_BYTES, which is 8, or what there is */
            if (above_floor[15:3] != 0) { lower_mss(TOA_V4_BYTES); } else { lower_mss(above_floor); }
        }
        if (m.edit.shift_sack) {
            if (hdr.block_1.isValid()) { shift_1(); }
            if (hdr.block_2.isValid()) { shift_2(); }
            if (hdr.block_3.isValid()) { shift_3(); }
            if (hdr.block_4.isValid()) { shift_4(); }
        }
    }
}

#endif

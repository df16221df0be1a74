/* TcpOptions: edits of the options that the parser found in a common layout, in place.
 *
 * Only of headers that are there: on Tofino 1 whatever is in a header that is not would enter the checksum. Reads m.edit;
 * writes the option headers. */
#ifndef _LAYOUTS_EDIT_P4_
#define _LAYOUTS_EDIT_P4_

#define SHIFT(BLOCK) \
    BLOCK.left = BLOCK.left - m.session.delta; \
    BLOCK.right = BLOCK.right - m.session.delta;

/* TOA in the place of the option that a client made up. A list of these layouts is too long for TOA only with such a one in
 * front; timestamps alone make room for it only below the MTU, and would have to leave a word behind. */
control ToaInPlace(inout headers_t hdr, inout metadata_t m, inout bit<8> toa_result) {
    @hidden
    action put() {
        hdr.experiment.kind = TOA_KIND;
        hdr.experiment.length = TOA_V4_LENGTH;
        hdr.experiment.client_port = hdr.ports.src;
        hdr.experiment.client = hdr.ipv4.src;
        m.edit.remove_experiments = false;
        toa_result = (bit<8>)ToaResult.OK;
    }

    apply {
        if (m.edit.remove_experiments && !IS_IPV6 && hdr.experiment.isValid()) { put(); }
    }
}

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
        hdr.experiment.kind = 1;
        hdr.experiment.length = 1;
        hdr.experiment.client_port = 0x0101;
        hdr.experiment.client = 0x01010101;
    }

    @hidden
    action measure_mss() {
        m.target.mss_above_floor = hdr.mss.value |-| MSS_FLOOR;
        m.target.mss_above_both = hdr.mss.value |-| (MSS_FLOOR + TOA_V4_BYTES - 1);
    }

    @hidden
    action measure_mss6() {
        m.target.mss_above_floor = hdr.mss.value |-| MSS6_FLOOR;
        m.target.mss_above_both = hdr.mss.value |-| (MSS6_FLOOR + TOA_V6_BYTES - 1);
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
        if (IS_IPV6) { measure_mss6(); } else { measure_mss(); }
        if (m.edit.remove_timestamps && hdr.timestamps.isValid()) { blank_timestamps(); }
        if (m.edit.remove_experiments && hdr.experiment.isValid()) { blank_experiment(); }
        if (m.edit.lower_mss && hdr.mss.isValid()) {
            if (m.target.mss_above_both == 0) {
                lower_mss(m.target.mss_above_floor);
            } else if (IS_IPV6) {
                lower_mss(TOA_V6_BYTES);
            } else {
                lower_mss(TOA_V4_BYTES);
            }
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

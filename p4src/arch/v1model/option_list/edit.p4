/* v1model: edits of the TCP option list, in place, so that length and order never change, but for TOA where a SYN has no room for it.
 *
 * The list is one 320-bit number (see headers.p4). Reads m.edit and m.target; writes hdr.tcp_options. */
#ifndef _OPTION_LIST_EDIT_P4_
#define _OPTION_LIST_EDIT_P4_

/* 40 NOPs */
#define NOPS 320w0x01010101010101010101010101010101010101010101010101010101010101010101010101010101
#define BLANKED(LIST, MASK) (LIST) & ~(MASK) | NOPS & (MASK)

/* The parser keeps the list as received. */
control SaveOptions(inout headers_t hdr, inout metadata_t m) {
    apply { }
}

control OptionChecksum(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action update() {
        hash(hdr.tcp.checksum, HashAlgorithm.csum16, 16w0, {
            ~hdr.tcp.checksum, ~m.target.original, m.target.list
        }, 32w65536);
    }

    apply {
        if (m.target.edited) { update(); }
    }
}

/* Take out the last byte of the client's experiments, or when there are none left of the timestamps; what precedes it moves up. */
#define CLOSE_GAP(BITS) BITS = (BITS & before) >> 8 | BITS & behind;
#define TAKE_BYTE_OUT \
    gaps = experiments != 0 ? experiments : timestamps; \
    last = gaps & -gaps; \
    before = ~((last << 8) - 1); \
    behind = last - 1; \
    CLOSE_GAP(edited) \
    CLOSE_GAP(experiments) \
    CLOSE_GAP(timestamps)

/* TOA in front of a list that keeps its length, if the options that are to be removed have 8 bytes. Before the addresses are
 * rewritten. */
control ToaInPlace(inout headers_t hdr, inout metadata_t m, out bool placed) {
    option_bits_t edited;
    option_bits_t experiments = 0;
    option_bits_t timestamps = 0;

    @hidden
    action blank() { edited = BLANKED(m.target.list, experiments | timestamps); }

    @hidden
    action take_bytes_out() {
        option_bits_t gaps;
        option_bits_t last;
        option_bits_t before;
        option_bits_t behind;
        TAKE_BYTE_OUT TAKE_BYTE_OUT TAKE_BYTE_OUT TAKE_BYTE_OUT TAKE_BYTE_OUT TAKE_BYTE_OUT TAKE_BYTE_OUT
        placed = experiments != 0 || timestamps != 0;
        TAKE_BYTE_OUT
    }

    @hidden
    action put() {
        m.target.list = edited | TOA_KIND ++ TOA_V4_LENGTH ++ hdr.tcp.src_port ++ hdr.ipv4.src ++ 256w0;
        m.target.edited = true;
        m.edit.remove_experiments = false;
        m.edit.remove_timestamps = false;
    }

    apply {
        placed = false;
        if (m.edit.remove_experiments) { experiments = m.target.experiments; }
        if (m.edit.remove_timestamps) { timestamps = m.target.timestamps; }
        blank();
        take_bytes_out();
        if (placed) { put(); }
    }
}

control TcpOptions(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action blank(option_bits_t mask) {
        m.target.list = BLANKED(m.target.list, mask);
        m.target.edited = true;
    }

    @hidden
    action set_mss(bit<16> mss) {
        option_bits_t change = (option_bits_t)(m.target.mss ^ mss);
        m.target.list = m.target.list ^ change << m.target.mss_shift << m.target.mss_shift;
        m.target.edited = true;
    }

    @hidden
    action shift_sack() {
        bit<32> d = m.session.delta;
        bit<256> s = (bit<256>)(m.target.list >> m.target.sack_shift >> m.target.sack_shift);
        s = (s[255:224] - d) ++ (s[223:192] - d) ++ (s[191:160] - d) ++ (s[159:128] - d)
            ++ (s[127:96] - d) ++ (s[95:64] - d) ++ (s[63:32] - d) ++ (s[31:0] - d);
        option_bits_t shifted = (option_bits_t)s << m.target.sack_shift << m.target.sack_shift;
        m.target.list = m.target.list & ~m.target.sack | shifted & m.target.sack;
        m.target.edited = true;
    }

    @hidden
    action store_words() {
        hdr.tcp_options[0].word = m.target.list[319:288];
        hdr.tcp_options[1].word = m.target.list[287:256];
        hdr.tcp_options[2].word = m.target.list[255:224];
        hdr.tcp_options[3].word = m.target.list[223:192];
        hdr.tcp_options[4].word = m.target.list[191:160];
        hdr.tcp_options[5].word = m.target.list[159:128];
        hdr.tcp_options[6].word = m.target.list[127:96];
        hdr.tcp_options[7].word = m.target.list[95:64];
        hdr.tcp_options[8].word = m.target.list[63:32];
        hdr.tcp_options[9].word = m.target.list[31:0];
    }

    apply {
        if (m.edit.remove_timestamps && m.target.has_timestamps) { blank(m.target.timestamps); }
        if (m.edit.remove_experiments && m.target.has_experiments) { blank(m.target.experiments); }
        if (m.edit.lower_mss) {
            if (m.target.mss >= MSS_FLOOR + TOA_V4_BYTES) { set_mss(m.target.mss - TOA_V4_BYTES); }
            else if (m.target.mss > MSS_FLOOR) { set_mss(MSS_FLOOR); }
        }
        if (m.edit.shift_sack && m.target.has_sack) { shift_sack(); }
        if (m.target.edited) { store_words(); }
    }
}

#endif

/* v1model: edits of the TCP option list, in place, so that length and order never change, but for TOA where a SYN has no room for it.
 *
 * The list is one 320-bit number (see headers.p4). Reads m.edit and m.target.options; writes hdr.tcp_options. */
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
            ~hdr.tcp.checksum, ~m.target.options.original, m.target.options.list
        }, 32w65536);
    }

    apply {
        if (m.target.options.edited) { update(); }
    }
}

/* Kept where the parser had numbers of its own: more wide ones would cost every packet. */
#define GAP m.target.options.option
#define LAST_REMOVED m.target.options.cursor

/* TOA in front of a list that keeps its length, in the place of 8 bytes in a row of what is removed: the last of the experiments,
 * or else of the timestamps. Before the addresses are rewritten. */
control ToaInPlace(inout headers_t hdr, inout metadata_t m, inout bit<8> toa_result) {
    /* The last 8 bytes of an option, from the bit of the last one on; no gap where there are less. */
    @hidden
    action find_gap(option_bits_t removed) {
        LAST_REMOVED = removed & -removed;
        GAP = ((LAST_REMOVED << 64) - LAST_REMOVED) & (LAST_REMOVED << 56 == 0 ? 320w0 : ~320w0);
        GAP = removed & GAP == GAP ? GAP : 0;
    }

    @hidden
    action place() {
        m.target.options.list = BLANKED(m.target.options.list, m.target.options.experiments | m.target.options.timestamps);
        m.target.options.list = (m.target.options.list & ~(GAP | (LAST_REMOVED - 1))) >> 64 | m.target.options.list & (LAST_REMOVED - 1);
        m.target.options.list = m.target.options.list | TOA_KIND ++ TOA_V4_LENGTH ++ hdr.ports.src ++ hdr.ipv4.src ++ 256w0;
        m.target.options.edited = true;
        m.edit.remove_experiments = false;
        m.edit.remove_timestamps = false;
        toa_result = (bit<8>)ToaResult.OK;
    }

    apply {
        if (m.edit.remove_experiments && !hdr.ipv6.isValid()) {
            if (!m.edit.remove_timestamps) { m.target.options.timestamps = 0; }
            find_gap(m.target.options.experiments);
            if (GAP == 0) { find_gap(m.target.options.timestamps); }
            if (GAP != 0) { place(); }
        }
    }
}

#define REMOVES_TIMESTAMPS (m.edit.remove_timestamps && m.target.options.has_timestamps)
#define REMOVES_EXPERIMENTS (m.edit.remove_experiments && m.target.options.has_experiments)
#define SHIFTS_SACK (m.edit.shift_sack && m.target.options.has_sack)

control TcpOptions(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action blank(option_bits_t mask) {
        m.target.options.list = BLANKED(m.target.options.list, mask);
        m.target.options.edited = true;
    }

    @hidden
    action set_mss(bit<16> mss) {
        option_bits_t change = (option_bits_t)(m.target.options.mss ^ mss);
        m.target.options.list = m.target.options.list ^ change << m.target.options.mss_shift << m.target.options.mss_shift;
        m.target.options.edited = true;
    }

    @hidden
    action shift_sack() {
        bit<32> d = m.session.direction == (bit<8>)Direction.IN ? m.session.splice : m.session.delta;
        bit<256> s = (bit<256>)(m.target.options.list >> m.target.options.sack_shift >> m.target.options.sack_shift);
        s = (s[255:224] - d) ++ (s[223:192] - d) ++ (s[191:160] - d) ++ (s[159:128] - d)
            ++ (s[127:96] - d) ++ (s[95:64] - d) ++ (s[63:32] - d) ++ (s[31:0] - d);
        option_bits_t shifted = (option_bits_t)s << m.target.options.sack_shift << m.target.options.sack_shift;
        m.target.options.list = m.target.options.list & ~m.target.options.sack | shifted & m.target.options.sack;
        m.target.options.edited = true;
    }

    @hidden
    action store_words() {
        hdr.tcp_options[0].word = m.target.options.list[319:288];
        hdr.tcp_options[1].word = m.target.options.list[287:256];
        hdr.tcp_options[2].word = m.target.options.list[255:224];
        hdr.tcp_options[3].word = m.target.options.list[223:192];
        hdr.tcp_options[4].word = m.target.options.list[191:160];
        hdr.tcp_options[5].word = m.target.options.list[159:128];
        hdr.tcp_options[6].word = m.target.options.list[127:96];
        hdr.tcp_options[7].word = m.target.options.list[95:64];
        hdr.tcp_options[8].word = m.target.options.list[63:32];
        hdr.tcp_options[9].word = m.target.options.list[31:0];
    }

    apply {
        /* Of most segments none. */
        if (REMOVES_TIMESTAMPS || REMOVES_EXPERIMENTS || m.edit.lower_mss || SHIFTS_SACK || m.target.options.edited) {
            if (REMOVES_TIMESTAMPS) { blank(m.target.options.timestamps); }
            if (REMOVES_EXPERIMENTS) { blank(m.target.options.experiments); }
            if (m.edit.lower_mss) {
                /* A server of IPv4 may well announce less than IPv6 has at least. */
                bit<16> floor = m.session.ipv6 && !m.session.crosses ? MSS6_FLOOR : MSS_FLOOR;
                bit<16> told = m.session.ipv6 ? TOA_V6_BYTES : TOA_V4_BYTES;
                if (m.session.flags & (bit<8>)SessionFlag.PROXY != 0) { told = m.session.ipv6 ? PROXY_V6_BYTES : PROXY_V4_BYTES; }
                if (m.target.options.mss >= floor + told) { set_mss(m.target.options.mss - told); }
                else if (m.target.options.mss > floor) { set_mss(floor); }
            }
            if (SHIFTS_SACK) { shift_sack(); }
            if (m.target.options.edited) { store_words(); }
        }
    }
}

#endif

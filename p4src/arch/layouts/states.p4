    /* The parser's states from the end of the base TCP header on, in every target that edits options by layout: a counter of
     * the words left, and for each place in the layout what may stand there.
     *
     * The target defines SET_WORDS and TAKE_WORDS, and selects on WORDS: WORDS_NONE, WORDS_MORE, or what lies beyond the list. */
#define LOOK transition select(packet.lookahead<bit<32>>())
#define PLAIN_WORD(STATE) \
            0x01010101: STATE; \
            0x01030300 &&& 0xffffff00: STATE; \
            0x03030001 &&& 0xffff00ff: STATE; \
            0x01010402: STATE; \
            0x04020101: STATE;
#define TIMESTAMPS(STATE) \
            0x0101080a: STATE; \
            0x0402080a: STATE;
/* SACK with at most that many blocks must be the last. More than can still come in 40 bytes would only make the longest way
 * through the parser longer: Tofino's egress parser sees 160 bytes. */
#define SACK_1 \
            0x0101050a: sack_1;
#define SACK_2 SACK_1 \
            0x01010512: sack_2;
#define SACK_3 SACK_2 \
            0x0101051a: sack_3;
#define SACK_4 SACK_3 \
            0x01010522: sack_4;
/* So must words with an end-of-list option in them. */
#define LAST(STATE) \
            0x04020000 &&& 0xffffff00: STATE; \
            0x00000000 &&& 0xff000000: STATE;
#define THEN(STATE) transition select(WORDS) { WORDS_NONE: accept; WORDS_MORE: STATE; default: odd; }
#define PLAIN(STATE, HEADER, NEXT) state STATE { packet.extract(hdr.HEADER); TAKE_WORDS(1) THEN(NEXT) }

    state parse_options {
        transition select(hdr.tcp.data_offset) {
            6: words_1;
            7: words_2;
            8: words_3;
            9: words_4;
            10: words_5;
            11: words_6;
            12: words_7;
            13: words_8;
            14: words_9;
            15: words_10;
            default: accept;
        }
    }

    state words_1 { SET_WORDS(1) transition place_0; }
    state words_2 { SET_WORDS(2) transition place_0; }
    state words_3 { SET_WORDS(3) transition place_0; }
    state words_4 { SET_WORDS(4) transition place_0; }
    state words_5 { SET_WORDS(5) transition place_0; }
    state words_6 { SET_WORDS(6) transition place_0; }
    state words_7 { SET_WORDS(7) transition place_0; }
    state words_8 { SET_WORDS(8) transition place_0; }
    state words_9 { SET_WORDS(9) transition place_0; }
    state words_10 { SET_WORDS(10) transition place_0; }

    state place_0 {
        LOOK {
            0xfe080000 &&& 0xffff0000: experiment;
            0xfd080000 &&& 0xffff0000: experiment;
            default: place_1;
        }
    }

    state experiment { packet.extract(hdr.experiment); TAKE_WORDS(2) THEN(place_1) }

    state place_1 {
        LOOK {
            0x02040000 &&& 0xffff0000: mss;
            default: place_2;
        }
    }

    state mss { packet.extract(hdr.mss); TAKE_WORDS(1) THEN(place_2) }

    state place_2 { LOOK { PLAIN_WORD(plain_1) TIMESTAMPS(timestamps) SACK_4 LAST(last_1) default: odd; } }
    PLAIN(plain_1, plain_1, place_3)
    PLAIN(last_1, plain_1, odd)

    state place_3 { LOOK { PLAIN_WORD(plain_2) TIMESTAMPS(late_timestamps) SACK_4 LAST(last_2) default: odd; } }
    PLAIN(plain_2, plain_2, place_4)
    PLAIN(last_2, plain_2, odd)

    state place_4 { LOOK { PLAIN_WORD(plain_3) TIMESTAMPS(late_timestamps) SACK_3 LAST(last_3) default: odd; } }

    state timestamps { packet.extract(hdr.timestamps); TAKE_WORDS(3) THEN(place_5) }
    state late_timestamps { packet.extract(hdr.timestamps); TAKE_WORDS(3) THEN(late_place_5) }

    state place_5 { LOOK { PLAIN_WORD(plain_3) SACK_3 LAST(last_3) default: odd; } }
    state late_place_5 { LOOK { PLAIN_WORD(plain_3) SACK_2 LAST(last_3) default: odd; } }
    PLAIN(plain_3, plain_3, place_6)
    PLAIN(last_3, plain_3, odd)

    state place_6 { LOOK { PLAIN_WORD(plain_4) SACK_1 LAST(last_4) default: odd; } }
    PLAIN(plain_4, plain_4, place_7)
    PLAIN(last_4, plain_4, odd)

    state place_7 { LOOK { SACK_1 LAST(odd) default: odd; } }

    state sack_1 { packet.extract(hdr.sack); packet.extract(hdr.block_1); TAKE_WORDS(3) THEN(odd) }

    state sack_2 {
        packet.extract(hdr.sack);
        packet.extract(hdr.block_1);
        packet.extract(hdr.block_2);
        TAKE_WORDS(5) THEN(odd)
    }

    state sack_3 {
        packet.extract(hdr.sack);
        packet.extract(hdr.block_1);
        packet.extract(hdr.block_2);
        packet.extract(hdr.block_3);
        TAKE_WORDS(7) THEN(odd)
    }

    state sack_4 {
        packet.extract(hdr.sack);
        packet.extract(hdr.block_1);
        packet.extract(hdr.block_2);
        packet.extract(hdr.block_3);
        packet.extract(hdr.block_4);
        TAKE_WORDS(9) THEN(odd)
    }

    state odd {
        m.odd_options = true;
        transition accept;
    }

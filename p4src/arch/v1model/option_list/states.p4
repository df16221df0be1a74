    /* The states of v1model's parser from the end of the base TCP header on: the option list as words, then a walk over it. */
    state parse_options {
        m.target.options.words_left = hdr.tcp.data_offset - 5;
        transition select(hdr.tcp.data_offset) {
            0 .. 5: accept;
            default: parse_option_word;
        }
    }

    state parse_option_word {
        packet.extract(hdr.tcp_options.next);
        m.target.options.list = m.target.options.list << 32 | (option_bits_t)hdr.tcp_options.last.word;
        m.target.options.words_left = m.target.options.words_left - 1;
        transition select(m.target.options.words_left) {
            0: start_walk;
            default: parse_option_word;
        }
    }

    /* Left-align the list. A shift distance has 8 bits in BMv2, so long shifts are two halves. */
    state start_walk {
        m.target.options.bytes_left = ((bit<8>)hdr.tcp.data_offset - 5) << 2;
        m.target.options.room = 40;
        m.target.options.list = m.target.options.list << ((40 - m.target.options.bytes_left) << 2) << ((40 - m.target.options.bytes_left) << 2);
        m.target.options.original = m.target.options.list;
        m.target.options.cursor = m.target.options.list;
        m.target.options.rest = ~(option_bits_t)0;
        transition walk;
    }

    state walk {
        transition select(m.target.options.bytes_left, m.target.options.cursor[319:312]) {
            (0, _): accept;
            (_, OPT_EOL): accept;
            (_, OPT_NOP): walk_nop;
            default: walk_option;
        }
    }

    state walk_nop {
        m.target.options.length = 1;
        transition walk_next;
    }

    state walk_option {
        m.target.options.length = m.target.options.cursor[311:304];
        m.target.options.option = m.target.options.rest ^ (m.target.options.rest >> (m.target.options.length << 2) >> (m.target.options.length << 2));
        m.bad_options = m.target.options.length < 2 || m.target.options.length > m.target.options.bytes_left;
        transition select(m.bad_options, m.target.options.cursor[319:312], m.target.options.length) {
            (true, _, _): accept;
            (false, OPT_TIMESTAMPS, 10): walk_timestamps;
            (false, OPT_MSS, 4): walk_mss;
            (false, OPT_SCALE, 3): walk_scale;
            (false, OPT_SACK_PERMITTED, 2): walk_sack_permitted;
            (false, OPT_SACK, 10): walk_sack;
            (false, OPT_SACK, 18): walk_sack;
            (false, OPT_SACK, 26): walk_sack;
            (false, OPT_SACK, 34): walk_sack;
            (false, OPT_EXPERIMENT_1, _): walk_experiment;
            (false, OPT_EXPERIMENT_2, _): walk_experiment;
            default: walk_next;
        }
    }

    state walk_timestamps {
        m.target.options.timestamps = m.target.options.timestamps | m.target.options.option;
        m.target.options.has_timestamps = true;
        transition walk_next;
    }

    state walk_experiment {
        m.target.options.experiments = m.target.options.experiments | m.target.options.option;
        m.target.options.has_experiments = true;
        transition walk_next;
    }

    state walk_scale {
        m.target.options.scale = m.target.options.cursor[303:296];
        m.target.options.has_scale = true;
        transition walk_next;
    }

    state walk_sack_permitted {
        m.target.options.sack_permitted = true;
        transition walk_next;
    }

    state walk_mss {
        transition select(m.target.options.mss) {
            0: take_mss;
            default: walk_next;
        }
    }

    state take_mss {
        m.target.options.mss = m.target.options.cursor[303:288];
        m.target.options.mss_shift = (m.target.options.room - 4) << 2;
        transition walk_next;
    }

    state walk_sack {
        transition select(m.target.options.has_sack) {
            true: walk_next;
            default: take_sack;
        }
    }

    state take_sack {
        m.target.options.has_sack = true;
        m.target.options.sack = m.target.options.option & (m.target.options.rest >> 16);
        m.target.options.sack_shift = (m.target.options.room - m.target.options.length) << 2;
        transition walk_next;
    }

    state walk_next {
        m.target.options.cursor = m.target.options.cursor << (m.target.options.length << 2) << (m.target.options.length << 2);
        m.target.options.rest = m.target.options.rest >> (m.target.options.length << 2) >> (m.target.options.length << 2);
        m.target.options.bytes_left = m.target.options.bytes_left - m.target.options.length;
        m.target.options.room = m.target.options.room - m.target.options.length;
        transition walk;
    }

/* v1model: SYN cookies, by which a service gets to know who speaks TCP before anything is kept of it (RFC 4987 3.6).
 *
 * A cookie is the number of a SYN-ACK that is made of the SYN alone. Its upper 24 bits are a keyed hash (CookieHash) of the flow, the
 * client's first number, the time, and the lower 8, which say
 *
 *   7      generation of the key          6..5   time, in units of 33.6 s
 *   4      SACK is permitted              3..2   scale of the client's windows, of COOKIE_SCALES
 *   1..0   its MSS, of COOKIE_MSS (rounded down as all of these)
 *
 * as FreeBSD's cookies have it; so they need no timestamps to tell them, which many clients do not offer. A cookie is good for 67 to
 * 101 s. Of 2^32 numbers 96 are right, and 192 while two keys are. A right one goes to the controller, by a meter of its own; a wrong one is what
 * it would be without cookies. While none has been sent for so long, none is looked for: what has no session is treated and counted as where there
 * are no cookies (Linux: tcp_synq_no_recent_overflow).
 *
 * After PuntLimit, of what is dropped: m.verdict.drop says whether it is a SYN to be answered, one that was too many for the
 * controller, or what may acknowledge a cookie. The answer leaves by the port that the SYN came by, to who sent it: no route is asked,
 * and none can be missing. Data in a SYN are not acknowledged. Reads m.target.options and m.target.clock; writes
 * hdr and m.verdict. Of the SYNs that get one the source of one in COOKIE_SAMPLE is told, by chance. */
#ifndef _V1MODEL_COOKIE_COOKIE_P4_
#define _V1MODEL_COOKIE_COOKIE_P4_

#include "asked.p4"
#include "hash.p4"

#define COOKIE_AGE 2        /* in units of the clock, that a cookie may have */
#define COOKIE_SAMPLE 512
#define RANK(VALUE, FIRST, SECOND, THIRD) (VALUE >= THIRD ? 2w3 : (VALUE >= SECOND ? 2w2 : (VALUE >= FIRST ? 2w1 : 2w0)))
#define OPT_HEAD_MSS 16w0x0204
#define OPT_HEAD_SCALE 24w0x010303
#define OPT_WORD_SACK_PERMITTED 32w0x01010402

#define CUT_BEHIND(IP_BYTES) truncate((bit<32>)(ETHERNET_BYTES + (m.ingress_port[27:16] != 0 ? VLAN_BYTES : 0) + (IP_BYTES)));

control SynCookie(inout headers_t hdr, inout metadata_t m) {
    @id(ID_C_COOKIE) @name(".cookie_ctr")
    counter<bit<8>>((bit<32>)(bit<8>)CookieEvent.COOKIE_EVENTS, CounterType.packets) cookie_ctr;
    /* When the last one was sent: m.target.clock, and 1; 0 = never. */
    @id(ID_R_COOKIE_SENT) @name(".cookie_sent")
    register<bit<32>, bit<32>>(1) cookie_sent;
    CookieHash() cookie_hash;

    bit<8>  wanted;      /* CookieKey */
    bit<64> secret;
    bit<16> own_mss;     /* of SYN-ACKs, and the scale of their sender's windows */
    bit<8>  own_scale;
    bit<8>  told;        /* the lower 8 bits */
    bit<23> time;
    bit<32> isn;
    bit<32> mac;
    bit<32> first_word;  /* of options behind the MSS */
    bit<32> second_word;
    bit<32> sent;        /* as the register has it, and as it would be now */
    bit<32> now;

    @id(ID_A_COOKIE_KEY_SET) @name(".cookie_key_set")
    action cookie_key_set(@id(1) bit<64> key, @id(2) bit<1> generation, @id(3) bit<16> mss, @id(4) bit<16> mss6, @id(5) bit<8> scale) {
        secret = key;
        told[7:7] = generation;
        own_mss = hdr.ipv6.isValid() ? mss6 : mss;
        own_scale = scale;
    }

    @id(ID_A_NO_COOKIE_KEY) @name(".no_cookie_key")
    action no_cookie_key() {
        wanted = (bit<8>)CookieKey.NONE;
        secret = 0;
        own_mss = 0;
        own_scale = 0;
    }

    @id(ID_T_COOKIE_KEY) @name(".cookie_key")
    table cookie_key {
        key = { wanted : exact @id(1) @name("wanted"); }
        actions = { cookie_key_set; @defaultonly no_cookie_key; }
        const default_action = no_cookie_key();
        size = 4;
    }

    @hidden
    action begin_syn() {
        wanted = (bit<8>)CookieKey.NEW;
        told = 0;
        mac = 0;
        time = m.target.clock;
        isn = hdr.tcp.seq;
        bit<16> mss = m.target.options.mss;
        if (hdr.ipv6.isValid()) {
            told[1:0] = RANK(mss, COOKIE_MSS6_1, COOKIE_MSS6_2, COOKIE_MSS6_3);
        } else {
            told[1:0] = RANK(mss, COOKIE_MSS_1, COOKIE_MSS_2, COOKIE_MSS_3);
        }
        bit<8> scale = m.target.options.has_scale ? m.target.options.scale : 0;
        told[3:2] = RANK(scale, COOKIE_SCALE_1, COOKIE_SCALE_2, COOKIE_SCALE_3);
        told[4:4] = m.target.options.sack_permitted ? 1w1 : 0;
        told[6:5] = time[1:0];
    }

    @hidden
    action begin_ack() {
        bit<32> cookie = hdr.tcp.ack - 1;
        mac = 0;
        told = cookie[7:0];
        wanted = (bit<8>)CookieKey.GENERATION_0 | (bit<8>)told[7:7];
        bit<2> age = m.target.clock[1:0] - told[6:5];
        time = m.target.clock - (bit<23>)age;
        isn = hdr.tcp.seq - 1;
        if (age > COOKIE_AGE) { wanted = (bit<8>)CookieKey.NONE; }
    }

    /* What is behind ours, of the client's options and data, is cut off. */
    @hidden
    action set_options() {
        hdr.tcp_options[0].setValid();
        hdr.tcp_options[1].setValid();
        hdr.tcp_options[2].setValid();
        first_word = OPT_WORD_SACK_PERMITTED;
        second_word = OPT_WORD_SACK_PERMITTED;
        hdr.tcp.data_offset = 6;
        if (told[3:2] != 0) {
            first_word = OPT_HEAD_SCALE ++ own_scale;
            hdr.tcp.data_offset = 7;
        }
        if (told[4:4] == 1) { hdr.tcp.data_offset = hdr.tcp.data_offset + 1; }
        hdr.tcp_options[0].word = OPT_HEAD_MSS ++ own_mss;
        hdr.tcp_options[1].word = first_word;
        hdr.tcp_options[2].word = second_word;
        /* For the checksum, what leaves. */
        if (hdr.tcp.data_offset < 8) { second_word = 0; }
        if (hdr.tcp.data_offset < 7) { first_word = 0; }
    }

    @hidden
    action answer() {
        mac_t asker = hdr.ethernet.src;
        hdr.ethernet.src = hdr.ethernet.dst;
        hdr.ethernet.dst = asker;
        hdr.ports.src = m.flow.dst_port;
        hdr.ports.dst = m.flow.src_port;
        hdr.tcp.seq = mac[31:8] ++ told;
        hdr.tcp.ack = isn + 1;
        hdr.tcp.reserved = 0;
        hdr.tcp.cwr = 0;
        hdr.tcp.ece = 0;
        hdr.tcp.urg = 0;
        hdr.tcp.psh = 0;
        hdr.tcp.ack_flag = 1;
        hdr.tcp.window = own_mss;
        hdr.tcp.urgent = 0;
        m.own_packet = true;
        m.verdict.drop = 0;
        m.verdict.out_port = m.ingress_port;
        cookie_ctr.count((bit<8>)CookieEvent.SENT);
    }

    @hidden
    action answer_ipv4() {
        hdr.ipv4.src = m.flow.dst;
        hdr.ipv4.dst = m.flow.src;
        hdr.ipv4.total_len = 20 + (10w0 ++ hdr.tcp.data_offset ++ 2w0);
        hdr.ipv4.ttl = DEFAULT_HOP_LIMIT;
        CUT_BEHIND(hdr.ipv4.total_len)
        hash(hdr.tcp.checksum, HashAlgorithm.csum16, 16w0, {
            m.flow.src, m.flow.dst, 8w0 ++ PROTO_TCP ++ (10w0 ++ hdr.tcp.data_offset ++ 2w0),
            m.flow.src_port ++ m.flow.dst_port, hdr.tcp.seq, hdr.tcp.ack,
            hdr.tcp.data_offset ++ 12w0x012 ++ hdr.tcp.window,
            OPT_HEAD_MSS ++ own_mss, first_word, second_word
        }, 32w65536);
    }

    @hidden
    action answer_ipv6() {
        hdr.ipv6.src = m.flow.dst6;
        hdr.ipv6.dst = m.flow.src6;
        hdr.ipv6.payload_len = 10w0 ++ hdr.tcp.data_offset ++ 2w0;
        hdr.ipv6.hop_limit = DEFAULT_HOP_LIMIT;
        CUT_BEHIND(IPV6_BYTES + hdr.ipv6.payload_len)
        hash(hdr.tcp.checksum, HashAlgorithm.csum16, 16w0, {
            m.flow.src6, m.flow.dst6, 8w0 ++ PROTO_TCP ++ (10w0 ++ hdr.tcp.data_offset ++ 2w0),
            m.flow.src_port ++ m.flow.dst_port, hdr.tcp.seq, hdr.tcp.ack,
            hdr.tcp.data_offset ++ 12w0x012 ++ hdr.tcp.window,
            OPT_HEAD_MSS ++ own_mss, first_word, second_word
        }, 32w65536);
    }

    @hidden
    action tell() {
        ipv6_addr_t source = hdr.ipv6.isValid() ? m.flow.src6 : 96w0xffff ++ m.flow.src;
        digest<asked_event_t>(1, { source, COOKIE_SAMPLE });
    }

    @hidden
    action accept_ack() {
        m.verdict.punt = (bit<8>)PuntReason.COOKIE_ACK;
        m.verdict.service_flags = m.own.flags;
        cookie_ctr.count((bit<8>)CookieEvent.RIGHT);
    }

    /* As JudgeWithoutSession has it where there are no cookies. */
    @hidden
    action refuse_ack() {
        m.verdict.punt = m.own.flags & (bit<8>)ServiceFlag.RESET_ON_MISS != 0 ? (bit<8>)PuntReason.NO_SESSION : 0;
        cookie_ctr.count((bit<8>)CookieEvent.WRONG);
    }

    /* The controller, which gets it without the flags of cookies, need not think of any either. */
    @hidden
    action refuse_other() {
        m.verdict.drop = (bit<8>)DropReason.NO_SESSION;
        m.verdict.punt = m.own.flags & (bit<8>)ServiceFlag.RESET_ON_MISS != 0 ? (bit<8>)PuntReason.NO_SESSION : 0;
        m.verdict.service_flags = m.own.flags & ~ANY_COOKIES;
    }

    apply {
        bool is_syn = hdr.tcp.syn == 1;
        cookie_sent.read(sent, 0);
        now = (bit<32>)m.target.clock + 1;
        bool looked_for = is_syn || (sent != 0 && now - sent <= COOKIE_AGE);
        if (is_syn) { begin_syn(); } else { begin_ack(); }
        if (!looked_for) { wanted = (bit<8>)CookieKey.NONE; }
        cookie_key.apply();
        if (wanted != (bit<8>)CookieKey.NONE) { cookie_hash.apply(m, secret, isn, 4w0 ++ time ++ told[4:0], hdr.ipv6.isValid(), mac); }
        if (!looked_for) {
            refuse_other();
        } else if (!is_syn) {
            if (wanted != (bit<8>)CookieKey.NONE && mac[31:8] == (hdr.tcp.ack - 1)[31:8]) { accept_ack(); } else { refuse_ack(); }
        } else if (wanted != (bit<8>)CookieKey.NONE) {
            if (sent != now) { cookie_sent.write(0, now); }
            set_options();
            answer();
            if (hdr.ipv6.isValid()) { answer_ipv6(); } else { answer_ipv4(); }
            if (mac[8:0] == 0) { tell(); }
        }
    }
}

#endif

/* v1model: which packets get a header of PROXY protocol, and the numbers of a stream that has one in front.
 *
 * In a session's entries delta counts the header in: that is right for all that is behind it, and so the entries alone do once the
 * server has the header. Until then the register has the number of the client's first byte, F:
 *
 *   client's number    server's                  what begins there
 *   below F            + delta - bytes           SYN, keep-alive; beyond F it would write over the header: dropped as PROXY
 *   F                  + delta - bytes           gets the header, whatever it is but RST: the handshake's last ACK too, so that one that is
 *                                                lost is repeated with it
 *   above F            + delta                   -
 *
 * Back it is the reverse, where F stands for all of the header. The server has it when two segments in a row say so (one may be
 * damaged). What is sent again from F on after that needs none: its first byte stands where it did.
 *
 * For another session's sake nothing is kept in the register: a new session writes it, PROXY or not. After Admit; writes
 * m.session.delta and m.length, which SessionState, MTU and RewriteTcp go by, and m.target.proxy_bytes. */
#ifndef _PROXY_NUMBERS_P4_
#define _PROXY_NUMBERS_P4_

/* What the register says above F; 0 = the server has the header, or there is none. */
#define PROXY_PENDING 2w1
#define PROXY_SENT 2w2
#define PROXY_ACKED 2w3    /* by one segment */

#define INWARD (m.session.direction == (bit<8>)Direction.IN)
#define NOT_BEFORE(A, B) ((int<32>)((A) - (B)) >= 0)
/* A number of the server's as the client knows it. */
#define OF_CLIENT(N) (NOT_BEFORE((N) - delta, first) ? (N) - delta : (NOT_BEFORE((N) - delta + bytes, first) ? first : (N) - delta + bytes))

control ProxySack(inout headers_t hdr, inout metadata_t m, in bit<32> delta, in bit<32> first, in bit<32> bytes) {
    /* TcpOptions then subtracts m.session.delta from every edge alike. */
    @hidden
    action map_edges() {
        bit<32> d = m.session.delta;
        bit<256> s = (bit<256>)(m.target.options.list >> m.target.options.sack_shift >> m.target.options.sack_shift);
        s = (OF_CLIENT(s[255:224]) + d) ++ (OF_CLIENT(s[223:192]) + d) ++ (OF_CLIENT(s[191:160]) + d) ++ (OF_CLIENT(s[159:128]) + d)
            ++ (OF_CLIENT(s[127:96]) + d) ++ (OF_CLIENT(s[95:64]) + d) ++ (OF_CLIENT(s[63:32]) + d) ++ (OF_CLIENT(s[31:0]) + d);
        option_bits_t mapped = (option_bits_t)s << m.target.options.sack_shift << m.target.options.sack_shift;
        m.target.options.list = m.target.options.list & ~m.target.options.sack | mapped & m.target.options.sack;
    }

    apply {
        if (m.target.options.has_sack && hdr.tcp.syn == 0) { map_edges(); }
    }
}

control Proxy(inout headers_t hdr, inout metadata_t m) {
    /* PROXY_..., F. */
    @id(ID_R_PROXY) @name(".proxy_first")
    register<bit<64>, session_id_t>(SESSION_TABLE_SIZE) proxy_first;
    ProxySack() proxy_sack;
    bit<2>  state;
    bit<32> first;
    bit<32> delta;  /* that of what is behind the header */
    bit<32> bytes;

    @hidden
    action recall() {
        bit<64> kept;
        proxy_first.read(kept, m.session.id);
        state = kept[33:32];
        first = kept[31:0];
    }

    @hidden
    action keep(bit<2> now) { proxy_first.write(m.session.id, 30w0 ++ now ++ first); }

    @hidden
    action insert() {
        m.target.proxy_bytes = (bit<16>)bytes;
        m.length.payload = m.length.payload + (bit<16>)bytes;
        m.length.last = m.length.last |+| (bit<16>)bytes;
    }

    @hidden
    action drop() { m.verdict.drop = (bit<8>)DropReason.PROXY; }

    @hidden
    action begin() {
        state = hdr.tcp.isValid() && m.session.flags & (bit<8>)SessionFlag.PROXY != 0 ? PROXY_PENDING : 0;
        first = hdr.tcp.seq + 1;
    }

    apply {
        recall();
        delta = m.session.delta;
        /* The client's family, as its packets come and the server's leave. */
        bool of_ipv6 = INWARD ? hdr.ipv6.isValid() : m.session.ipv6;
        bytes = (bit<32>)(of_ipv6 ? PROXY_V6_BYTES : PROXY_V4_BYTES);
        if (m.new_session) {
            begin();
            keep(state);
        }
        if (hdr.udp.isValid()) {
            if (INWARD && !m.target.first_fragment && m.session.flags & (bit<8>)SessionFlag.PROXY != 0
                && (m.new_session || m.session.flags & (bit<8>)SessionFlag.PROXY_EVERY != 0)) {
                insert();
            }
        } else if (state != 0 && !m.reset) {
            if (hdr.tcp.isValid() && INWARD) {
                bit<32> begins = hdr.tcp.seq + (bit<32>)hdr.tcp.syn;
                if (begins == first) {
                    if (hdr.tcp.rst == 1) {
                        /* One that aborts comes behind what was sent; one that answers, where the server said. */
                        if (state != PROXY_ACKED && (state == PROXY_PENDING || hdr.tcp.ack_flag == 0)) {
                            m.session.delta = delta - bytes;
                        }
                    } else if (hdr.tcp.syn == 1 && m.length.payload == 0) {
                        m.session.delta = delta - bytes;
                    } else if (!m.target.first_fragment) {
                        m.session.delta = delta - bytes;
                        insert();
                        if (state == PROXY_PENDING) { keep(PROXY_SENT); }
                    }
                } else if (!NOT_BEFORE(begins, first)) {
                    m.session.delta = delta - bytes;
                    if (!NOT_BEFORE(first, begins + (bit<32>)m.length.payload)) { drop(); }
                }
            } else if (hdr.tcp.isValid()) {
                bool acked = hdr.tcp.ack_flag == 1 && NOT_BEFORE(hdr.tcp.ack - delta, first);
                m.session.delta = hdr.tcp.ack - OF_CLIENT(hdr.tcp.ack);
                proxy_sack.apply(hdr, m, delta, first, bytes);
                if (acked && state == PROXY_ACKED) {
                    keep(0);
                } else if (acked && state == PROXY_SENT) {
                    keep(PROXY_ACKED);
                } else if (!acked && state == PROXY_ACKED) {
                    keep(PROXY_SENT);
                }
            } else if (hdr.quoted_seq.isValid()) {
                if (!INWARD) {
                    m.target.proxy_bytes = (bit<16>)bytes;
                    m.session.delta = hdr.quoted_seq.seq - OF_CLIENT(hdr.quoted_seq.seq);
                } else if (hdr.quoted_tcp.isValid() && NOT_BEFORE(first, hdr.quoted_tcp.ack)) {
                    m.session.delta = delta - bytes;
                }
            }
        }
    }
}

#endif

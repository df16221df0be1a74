/* v1model: sessions that a cookie began (core/lookup/session.p4): what their entries' actions and RewriteTcp do with a segment.
 *
 * The client had its SYN-ACK before the server was asked. So the server's says nothing to it but how much the server takes: it leaves as
 * an ACK of the same number, and the client, which had a window of one segment, goes on. */
#ifndef _V1MODEL_COOKIE_SPLICE_P4_
#define _V1MODEL_COOKIE_SPLICE_P4_

/* A splice of 0 says that the server has not answered. */
#define AWAIT_SERVER(VALUE) \
        if (VALUE == 0 && hdr.tcp.isValid() && !m.injected && m.segment_fault == 0) { m.verdict.punt = (bit<8>)PuntReason.SPLICE; }

/* The client shifts windows by more than the server does. A SYN-ACK's is not shifted (RFC 7323 2.2). */
#define NARROW_WINDOW(BITS) \
        if (BITS != 0 && hdr.tcp.isValid() && hdr.tcp.syn == 0) { \
            bit<16> whole = hdr.tcp.window; \
            hdr.tcp.window = whole >> BITS; \
            hash(hdr.tcp.checksum, HashAlgorithm.csum16, 16w0, { ~(hdr.tcp.checksum ++ whole), hdr.tcp.window }, 32w65536); \
        }

/* Of a reset of ours, too, which the registers number as the server does. */
#define SPLICE_SEQ hdr.tcp.seq = hdr.tcp.seq + (m.session.direction == (bit<8>)Direction.OUT ? m.session.splice : 0);
#define OPEN_WINDOW else if (m.session.spliced) { OpenWindow.apply(hdr, m); }

#endif

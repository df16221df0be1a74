/* v1model: the real server's SYN-ACK on a session that a cookie began, as its client gets it (cookie/splice.p4). Before UpdateChecksums,
 * which knows of the number. */
#ifndef _V1MODEL_COOKIE_WINDOW_P4_
#define _V1MODEL_COOKIE_WINDOW_P4_

#define TCP_SYN 16w2  /* in the word of the flags */

control OpenWindow(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action open() {
        bit<16> whole = hdr.tcp.window;
        hdr.tcp.window = whole >> m.session.client_scale;
        hdr.tcp.syn = 0;
        hdr.tcp.seq = hdr.tcp.seq + 1;
        hash(hdr.tcp.checksum, HashAlgorithm.csum16, 16w0, {
            ~(hdr.tcp.checksum ++ whole ++ TCP_SYN), hdr.tcp.window
        }, 32w65536);
    }

    apply { open(); }
}

#endif

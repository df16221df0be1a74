/* v1model: puts the header of PROXY protocol in front of a payload, where Proxy has said so. It tells the endpoints as the client knows
 * them. Length and checksum change by the difference; before UpdateChecksums. */
#ifndef _PROXY_INSERT_P4_
#define _PROXY_INSERT_P4_

control InsertProxy(inout headers_t hdr, inout metadata_t m) {
    bit<4>  transport;
    bit<16> urgent;
    bit<16> sum;

    @hidden
    action take_tcp() {
        transport = PROXY_STREAM;
        sum = hdr.tcp.checksum;
        urgent = hdr.tcp.urg == 1 ? m.target.proxy_bytes : 0;
        hdr.tcp.urgent = hdr.tcp.urgent + urgent;
    }

    /* Its length is in the pseudo header and in its own. */
    @hidden
    action take_udp() {
        transport = PROXY_DATAGRAM;
        sum = hdr.udp.checksum;
        urgent = m.target.proxy_bytes;
        hdr.udp.length = hdr.udp.length + m.target.proxy_bytes;
    }

    @hidden
    action insert() {
        hdr.proxy_v4.setValid();
        hdr.proxy_v4.signature = PROXY_SIGNATURE;
        hdr.proxy_v4.version_command = PROXY_VERSION_2;
        hdr.proxy_v4.family = PROXY_OVER_IPV4;
        hdr.proxy_v4.transport = transport;
        hdr.proxy_v4.length = PROXY_V4_BYTES - PROXY_FIXED_BYTES;
        hdr.proxy_v4.src = m.flow.src;
        hdr.proxy_v4.dst = m.flow.dst;
        hdr.proxy_v4.src_port = m.flow.src_port;
        hdr.proxy_v4.dst_port = m.flow.dst_port;
        hash(sum, HashAlgorithm.csum16, 16w0, {
            ~sum, urgent, m.target.proxy_bytes,
            hdr.proxy_v4.signature, hdr.proxy_v4.version_command, hdr.proxy_v4.family, hdr.proxy_v4.transport, hdr.proxy_v4.length,
            hdr.proxy_v4.src, hdr.proxy_v4.dst, hdr.proxy_v4.src_port, hdr.proxy_v4.dst_port
        }, 32w65536);
    }

    @hidden
    action insert6() {
        hdr.proxy_v6.setValid();
        hdr.proxy_v6.signature = PROXY_SIGNATURE;
        hdr.proxy_v6.version_command = PROXY_VERSION_2;
        hdr.proxy_v6.family = PROXY_OVER_IPV6;
        hdr.proxy_v6.transport = transport;
        hdr.proxy_v6.length = PROXY_V6_BYTES - PROXY_FIXED_BYTES;
        hdr.proxy_v6.src = m.flow.src6;
        hdr.proxy_v6.dst = m.flow.dst6;
        hdr.proxy_v6.src_port = m.flow.src_port;
        hdr.proxy_v6.dst_port = m.flow.dst_port;
        hash(sum, HashAlgorithm.csum16, 16w0, {
            ~sum, urgent, m.target.proxy_bytes,
            hdr.proxy_v6.signature, hdr.proxy_v6.version_command, hdr.proxy_v6.family, hdr.proxy_v6.transport, hdr.proxy_v6.length,
            hdr.proxy_v6.src, hdr.proxy_v6.dst, hdr.proxy_v6.src_port, hdr.proxy_v6.dst_port
        }, 32w65536);
    }

    apply {
        if (hdr.tcp.isValid()) { take_tcp(); } else { take_udp(); }
        if (m.target.proxy_bytes == PROXY_V6_BYTES) { insert6(); } else { insert(); }
        if (hdr.ipv6.isValid()) {
            hdr.ipv6.payload_len = hdr.ipv6.payload_len + m.target.proxy_bytes;
        } else {
            hdr.ipv4.total_len = hdr.ipv4.total_len + m.target.proxy_bytes;
        }
        if (hdr.tcp.isValid()) {
            hdr.tcp.checksum = sum;
        } else if (hdr.udp.checksum != 0) {
            /* 0 says that there is none, and is never computed (RFC 768). */
            hdr.udp.checksum = sum == 0 ? 16w0xffff : sum;
        }
    }
}

#endif

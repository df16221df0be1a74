    /* The states of v1model's parser behind the ICMP header: the packet that an error quotes, whose flow reversed is that of the
     * packets which the error's receiver gets. What quotes no flow, or another sender than it is addressed to, has no ports.
     * m.target.quoted_len is what is behind the quoted IP header. */
    state parse_icmp_rest {
        m.target.quoted_len = hdr.ipv4.total_len |-| ((bit<16>)hdr.ipv4.ihl << 2) |-| (ICMP_BYTES + IPV4_BYTES);
        transition select(hdr.icmp.type) {
            ICMP_UNREACHABLE: parse_icmp_error;
            ICMP_SOURCE_QUENCH: parse_icmp_error;
            ICMP_TIME_EXCEEDED: parse_icmp_error;
            ICMP_PARAMETER_PROBLEM: parse_icmp_error;
            ICMP_ECHO_REQUEST: parse_echo_request;
            ICMP_ECHO_REPLY: parse_echo_reply;
            default: accept;
        }
    }

    state parse_echo_request {
        packet.extract(hdr.icmp_echo);
        m.target.echo = true;
        m.flow.src_port = hdr.icmp_echo.identifier;
        transition accept;
    }

    state parse_echo_reply {
        packet.extract(hdr.icmp_echo);
        m.target.echo = true;
        m.flow.dst_port = hdr.icmp_echo.identifier;
        transition accept;
    }

    state parse_icmp_error {
        transition select(m.target.quoted_len) {
            0 .. (QUOTED_LEAST - 1): accept;
            default: parse_quoted;
        }
    }

    state parse_quoted {
        packet.extract(hdr.icmp_error);
        packet.extract(hdr.quoted);
        m.target.to_sender = hdr.quoted.src == hdr.ipv4.dst;
        transition select(m.target.to_sender, hdr.quoted.version, hdr.quoted.ihl, hdr.quoted.fragment_offset, hdr.quoted.protocol) {
            (true, 4, 5, 0, PROTO_TCP): parse_quoted_ports;
            (true, 4, 5, 0, PROTO_UDP): parse_quoted_ports;
            (true, 4, 5, 0, PROTO_ICMP): parse_quoted_echo;
            (true, 4, 6 .. 15, 0, PROTO_TCP): parse_quoted_ihl;
            (true, 4, 6 .. 15, 0, PROTO_UDP): parse_quoted_ihl;
            default: accept;
        }
    }

    state parse_quoted_echo {
        packet.extract(hdr.quoted_echo);
        m.flow.src = hdr.quoted.dst;
        transition select(hdr.quoted_echo.type) {
            ICMP_ECHO_REQUEST: parse_quoted_request;
            ICMP_ECHO_REPLY: parse_quoted_reply;
            default: accept;
        }
    }

    state parse_quoted_request {
        m.target.echo = true;
        m.flow.dst_port = hdr.quoted_echo.identifier;
        transition accept;
    }

    state parse_quoted_reply {
        m.target.echo = true;
        m.flow.src_port = hdr.quoted_echo.identifier;
        transition accept;
    }

    state parse_quoted_ihl {
        m.target.quoted_len = m.target.quoted_len |-| (((bit<16>)hdr.quoted.ihl - 5) << 2);
        transition select(m.target.quoted_len) {
            0 .. (QUOTED_LEAST - 1): accept;
            default: parse_quoted_options;
        }
    }

    state parse_quoted_options {
        packet.extract(hdr.quoted_options, ((bit<32>)hdr.quoted.ihl - 5) << 5);
        transition parse_quoted_ports;
    }

    state parse_quoted_ports {
        packet.extract(hdr.ports);
        m.flow.protocol = hdr.quoted.protocol;
        m.flow.src = hdr.quoted.dst;
        transition parse_quoted_l4;
    }

    state parse_icmpv6_rest {
        m.target.quoted_len = hdr.ipv6.payload_len |-| (ICMP_BYTES + IPV6_BYTES);
        transition select(hdr.icmpv6.type) {
            ICMPV6_UNREACHABLE: parse_icmpv6_error;
            ICMPV6_TOO_BIG: parse_icmpv6_error;
            ICMPV6_TIME_EXCEEDED: parse_icmpv6_error;
            ICMPV6_PARAMETER_PROBLEM: parse_icmpv6_error;
            ICMPV6_ECHO_REQUEST: parse_echo_request;
            ICMPV6_ECHO_REPLY: parse_echo_reply;
            default: accept;
        }
    }

    state parse_icmpv6_error {
        transition select(m.target.quoted_len) {
            0 .. (QUOTED_LEAST - 1): accept;
            default: parse_quoted6;
        }
    }

    /* What has extension headers has no ports that are looked at, quoted or not. */
    state parse_quoted6 {
        packet.extract(hdr.icmp_error);
        packet.extract(hdr.quoted6);
        m.target.to_sender = hdr.quoted6.src == hdr.ipv6.dst;
        transition select(m.target.to_sender, hdr.quoted6.version, hdr.quoted6.next_header) {
            (true, 6, PROTO_TCP): parse_quoted_ports6;
            (true, 6, PROTO_UDP): parse_quoted_ports6;
            (true, 6, PROTO_ICMPV6): parse_quoted_echo6;
            default: accept;
        }
    }

    state parse_quoted_echo6 {
        packet.extract(hdr.quoted_echo);
        m.flow.src6 = hdr.quoted6.dst;
        transition select(hdr.quoted_echo.type) {
            ICMPV6_ECHO_REQUEST: parse_quoted_request;
            ICMPV6_ECHO_REPLY: parse_quoted_reply;
            default: accept;
        }
    }

    state parse_quoted_ports6 {
        packet.extract(hdr.ports);
        m.flow.protocol = hdr.quoted6.next_header;
        m.flow.src6 = hdr.quoted6.dst;
        transition parse_quoted_l4;
    }

    state parse_quoted_l4 {
        m.flow.src_port = hdr.ports.dst;
        m.flow.dst_port = hdr.ports.src;
        transition select(m.flow.protocol) {
            PROTO_TCP: parse_quoted_seq;
            default: parse_quoted_udp;
        }
    }

    state parse_quoted_seq {
        packet.extract(hdr.quoted_seq);
        transition select(m.target.quoted_len) {
            0 .. (QUOTED_TCP_LEAST - 1): accept;
            default: parse_quoted_tcp;
        }
    }

    state parse_quoted_tcp {
        packet.extract(hdr.quoted_tcp);
        transition accept;
    }

    state parse_quoted_udp {
        packet.extract(hdr.quoted_udp);
        transition accept;
    }

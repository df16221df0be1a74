    /* The states of v1model's parser behind the ICMP header: the packet that an error quotes, whose flow reversed is that of the
     * packets which the error's receiver gets. What quotes no flow, or another sender than it is addressed to, has no ports. */
    state parse_icmp_rest {
        m.target.quoted_len = hdr.ipv4.total_len |-| ((bit<16>)hdr.ipv4.ihl << 2) |-| ICMP_BYTES;
        transition select(hdr.icmp.type) {
            ICMP_UNREACHABLE: parse_icmp_error;
            ICMP_SOURCE_QUENCH: parse_icmp_error;
            ICMP_TIME_EXCEEDED: parse_icmp_error;
            ICMP_PARAMETER_PROBLEM: parse_icmp_error;
            default: accept;
        }
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
        m.target.misaddressed = hdr.quoted.src ^ hdr.ipv4.dst;
        transition select(m.target.misaddressed, hdr.quoted.version, hdr.quoted.ihl, hdr.quoted.fragment_offset, hdr.quoted.protocol) {
            (0, 4, 5, 0, PROTO_TCP): parse_quoted_flow;
            (0, 4, 5, 0, PROTO_UDP): parse_quoted_flow;
            (0, 4, 6 .. 15, 0, PROTO_TCP): parse_quoted_ihl;
            (0, 4, 6 .. 15, 0, PROTO_UDP): parse_quoted_ihl;
            default: accept;
        }
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
        transition parse_quoted_flow;
    }

    state parse_quoted_flow {
        packet.extract(hdr.ports);
        m.flow.protocol = hdr.quoted.protocol;
        m.flow.src = hdr.quoted.dst;
        m.flow.src_port = hdr.ports.dst;
        m.flow.dst_port = hdr.ports.src;
        transition select(hdr.quoted.protocol) {
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

    /* The states of v1model's parser for what belongs to a flow and shows no ports: fragments behind the first one, whose ports
     * FollowFragment knows, and AH and ESP, which go with IKE. The first fragment shows its ports if all of its header is there,
     * whatever that is; what is cut within is left alone. */
    state parse_first_udp {
        transition select(hdr.ipv4.total_len) {
            0 .. (FIRST_UDP_LEAST - 1): accept;
            default: parse_first_udp_header;
        }
    }

    state parse_first_udp_header {
        m.target.first_fragment = true;
        transition parse_udp;
    }

    state parse_first_tcp {
        transition select(hdr.ipv4.total_len) {
            0 .. (FIRST_TCP_LEAST - 1): accept;
            default: parse_first_tcp_header;
        }
    }

    state parse_first_tcp_header {
        m.target.first_fragment = true;
        transition parse_tcp;
    }

    state parse_fragment {
        m.target.later_fragment = true;
        transition accept;
    }

    state parse_ipsec {
        m.target.ipsec = true;
        m.flow.protocol = PROTO_UDP;
        m.flow.src_port = PORT_IKE;
        m.flow.dst_port = PORT_IKE;
        transition accept;
    }

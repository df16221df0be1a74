    /* The parser's states from the first header of the wire to UDP or the base TCP header, in every target. They also say, and nothing
     * else does, what a packet belongs to: m.flow, by which sessions and services are looked up; m.addressed; and m.next_hop, as
     * long as no rewrite leads elsewhere.
     *
     * The target has the state that starts, parse_ipv4_options and parse_options, and defines CHECK_IPV4, PASS_TAG, MORE_L4,
     * BEHIND_ICMP and BEHIND_ICMPV6. */
    state parse_packet_out {
        packet.extract(hdr.packet_out);
        transition select(hdr.packet_out.request) {
            PacketOutAction.FORWARD: parse_as_it_is;
            default: parse_ethernet;
        }
    }

    state parse_as_it_is {
        packet.extract(hdr.ethernet);
        transition accept;
    }

    state parse_ethernet {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.type) {
            ETHERTYPE_IPV4: parse_ipv4;
            ETHERTYPE_ARP: parse_arp;
            ETHERTYPE_VLAN: parse_vlan;
#ifdef IPV6
            ETHERTYPE_IPV6: parse_ipv6;
#endif
            default: accept;
        }
    }

    /* A tag that only tells a priority is passed over, one of a VLAN if the target has them. */
    state parse_vlan {
        packet.extract(hdr.vlan);
        transition BEHIND_TAG;
    }

    state parse_tagged {
        PASS_TAG
        transition select(hdr.vlan.type) {
            ETHERTYPE_IPV4: parse_ipv4;
            ETHERTYPE_ARP: parse_arp;
#ifdef IPV6
            ETHERTYPE_IPV6: parse_ipv6;
#endif
            default: accept;
        }
    }

    state parse_arp {
        packet.extract(hdr.arp);
        m.addressed = hdr.arp.target_ip;
        transition accept;
    }

#ifdef IPV6
    /* What has extension headers has no layer-4 header that is looked at. */
    state parse_ipv6 {
        packet.extract(hdr.ipv6);
        m.flow.protocol = hdr.ipv6.next_header;
        m.flow.src6 = hdr.ipv6.src;
        m.flow.dst6 = hdr.ipv6.dst;
        m.next_hop6 = hdr.ipv6.dst;
        m.via6 = true;
        transition select(hdr.ipv6.next_header) {
            PROTO_TCP: parse_tcp;
            PROTO_UDP: parse_udp;
            PROTO_ICMPV6: parse_icmpv6;
            default: accept;
        }
    }

    state parse_icmpv6 {
        packet.extract(hdr.icmpv6);
        transition select(hdr.icmpv6.type) {
            ND_SOLICITATION: parse_solicitation;
            ND_ADVERTISEMENT: parse_advertisement;
            default: BEHIND_ICMPV6;
        }
    }

    state parse_advertisement {
        packet.extract(hdr.nd);
        transition accept;
    }

    state parse_solicitation {
        packet.extract(hdr.nd);
        m.flow.dst6 = hdr.nd.target;
        transition select(hdr.ipv6.payload_len) {
            ND_WITH_OPTION_BYTES: parse_nd_link;
            default: accept;
        }
    }

    state parse_nd_link {
        packet.extract(hdr.nd_link);
        transition accept;
    }
#endif

    state parse_ipv4 {
        packet.extract(hdr.ipv4);
        CHECK_IPV4
        m.flow.protocol = hdr.ipv4.protocol;
        m.flow.src = hdr.ipv4.src;
        m.flow.dst = hdr.ipv4.dst;
        m.addressed = hdr.ipv4.dst;
        m.next_hop = hdr.ipv4.dst;
        transition select(hdr.ipv4.ihl) {
            0 &&& 0xc: accept;
            4: accept;
            5: parse_l4;
            default: parse_ipv4_options;
        }
    }

    /* Only the first fragment has a layer-4 header. */
    state parse_l4 {
        transition select(hdr.ipv4.more_fragments, hdr.ipv4.fragment_offset, hdr.ipv4.protocol) {
            (0, 0, PROTO_TCP): parse_tcp;
            (0, 0, PROTO_UDP): parse_udp;
            (0, 0, PROTO_ICMP): parse_icmp;
            MORE_L4
            default: accept;
        }
    }

    state parse_icmp {
        packet.extract(hdr.icmp);
        transition BEHIND_ICMP;
    }

    state parse_udp {
        packet.extract(hdr.ports);
        m.flow.src_port = hdr.ports.src;
        m.flow.dst_port = hdr.ports.dst;
        packet.extract(hdr.udp);
        transition accept;
    }

    state parse_tcp {
        packet.extract(hdr.ports);
        m.flow.src_port = hdr.ports.src;
        m.flow.dst_port = hdr.ports.dst;
        packet.extract(hdr.tcp);
        transition parse_options;
    }

/* FULLNAT on v1model (BMv2 simple_switch_grpc and p4soft): the pipeline on one page.
 *
 *   packet_out? ── forward ───────────────────────────────────────────────────────────────────────┐
 *      │ inject, reset                                                                            v
 *   Validate ─ Port ─ Session ─┬ hit ── SegmentEvents ─ SessionState ─ Route ─ Fullnat ─ TcpOptions ─ Forward ─ Verdict
 *                              └ miss ─ Service ─┬ ours: punt, answer or drop ─────────────────────^
 *                                                └ not ours: Route ─ Forward ─────────────────────^
 */
#include <core.p4>
#define V1MODEL_VERSION 20200408
#include <v1model.p4>

#include "include/sizes.p4"
#include "include/ids.p4"
#include "include/constants.p4"
#include "arch/v1model/headers.p4"
#include "include/metadata.p4"
#include "arch/v1model/prims.p4"
#include "arch/v1model/parser.p4"
#include "arch/v1model/checksum.p4"
#include "arch/v1model/session_state.p4"
#include "arch/v1model/tcp_options.p4"
#include "arch/v1model/verdict.p4"
#include "arch/v1model/deparser.p4"
#include "core/validate.p4"
#include "core/port.p4"
#include "core/session.p4"
#include "core/service.p4"
#include "core/events.p4"
#include "core/route.p4"
#include "core/fullnat.p4"
#include "core/forward.p4"

@pkginfo(name="p4-fullnat", version="0.1.0", organization="p4-fullnat")

control FullnatIngress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t standard_metadata) {
    Validate() validate;
    Port() port;
    Session() session;
    Service() service;
    SegmentEvents() segment_events;
    SessionState() session_state;
    Route() route;
    Fullnat() fullnat;
    TcpOptions() tcp_options;
    Forward() forward;
    SaveOriginal() save_original;
    UpdateChecksums() update_checksums;
    Verdict() verdict;

    bit<8> toa_result = (bit<8>)ToaResult.TOA_RESULTS;
    bool is_forward = false;

    @hidden
    action drop(DropReason reason) { m.verdict.drop = (bit<8>)reason; }

    /* packet_out: what the controller asks for. */
    @hidden
    action receive() {
        m.ingress_port = (port_num_t)standard_metadata.ingress_port;
        m.frame_len = (bit<16>)standard_metadata.packet_length;
        m.parser_error = standard_metadata.parser_error != error.NoError;
        m.checksum_error = standard_metadata.checksum_error == 1;
    }

    @hidden
    action receive_packet_out() {
        m.ingress_port = hdr.packet_out.port;
        m.frame_len = m.frame_len - PACKET_OUT_BYTES;
        m.injected = true;
        m.new_session = hdr.packet_out.flags & (bit<8>)PacketOutFlag.NEW_SESSION != 0;
    }

    apply {
        receive();
        if (hdr.packet_out.isValid()) {
            receive_packet_out();
            if (hdr.packet_out.request == (bit<8>)PacketOutAction.FORWARD) {
                is_forward = true;
                m.verdict.out_port = hdr.packet_out.port;
            } else if (hdr.packet_out.request == (bit<8>)PacketOutAction.RESET) {
                m.reset = true;
                m.own_packet = true;
            } else if (hdr.packet_out.request != (bit<8>)PacketOutAction.INJECT) {
                drop(DropReason.PACKET_OUT);
            }
        }
        if (!is_forward && m.verdict.drop == (bit<8>)DropReason.NONE) {
            validate.apply(hdr, m);
            if (m.verdict.drop == (bit<8>)DropReason.NONE && !m.reset) {
                port.apply(hdr, m);
            }
            if (m.verdict.drop == (bit<8>)DropReason.NONE) {
                save_original.apply(hdr, m);
                m.next_hop = hdr.ipv4.dst;
                if (hdr.arp.isValid()) { m.next_hop = hdr.arp.target_ip; }
                if (hdr.tcp.isValid()) { session.apply(hdr, m); }
                if (m.session.direction != (bit<8>)Direction.NONE) {
                    if (m.segment_fault != (bit<8>)DropReason.NONE) {
                        m.verdict.drop = m.segment_fault;
                    } else if (m.session.direction == (bit<8>)Direction.IN && hdr.tcp.syn == 1 && hdr.tcp.ack_flag == 0 && !m.injected) {
                        m.verdict.punt = (bit<8>)PuntReason.SESSION_SYN;
                    } else {
                        segment_events.apply(hdr, m);
                        session_state.apply(hdr, m);
                        if (m.reset && !m.state.server_answered) {
                            drop(DropReason.RESET_UNKNOWN);
                        }
                        m.verdict.reported = m.state.new_events != 0;
                        m.next_hop = m.session.dst;
                    }
                } else {
                    if (m.reset) { drop(DropReason.INJECT_MISS); } else { service.apply(hdr, m); }
                }
                if (m.verdict.drop == (bit<8>)DropReason.NONE && m.verdict.punt == 0 && hdr.ipv4.isValid()) {
                    route.apply(hdr, m);
                    if (m.session.direction != (bit<8>)Direction.NONE) {
                        fullnat.apply(hdr, m, toa_result);
                        tcp_options.apply(hdr, m);
                    }
                    forward.apply(hdr, m);
                    update_checksums.apply(hdr, m);
                }
            }
        }
        verdict.apply(hdr, m, toa_result, standard_metadata);
    }
}

/* All per-session state is in ingress; egress has nothing to do. */
control FullnatEgress(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t standard_metadata) {
    apply { }
}

V1Switch(FullnatParser(), VerifyIpv4Checksum(), FullnatIngress(), FullnatEgress(), NoChecksum(), FullnatDeparser()) main;

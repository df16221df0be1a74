/* PacketOutRequest: what the controller wants done with a packet that came by the CPU port.
 *
 * Reads hdr.packet_out; writes m.ingress_port, m.injected, m.reset, the flags and m.verdict. First control of all. */
#ifndef _PACKET_OUT_P4_
#define _PACKET_OUT_P4_

control PacketOutRequest(inout headers_t hdr, inout metadata_t m) {
    apply {
        m.ingress_port = hdr.packet_out.port;
        m.injected = true;
        m.new_session = hdr.packet_out.flags & (bit<8>)PacketOutFlag.NEW_SESSION != 0;
        m.options_edited = hdr.packet_out.flags & (bit<8>)PacketOutFlag.OPTIONS_EDITED != 0;
        if (hdr.packet_out.request == (bit<8>)PacketOutAction.FORWARD) {
            m.verdict.as_it_is = true;
            m.verdict.out_port = hdr.packet_out.port;
        } else if (hdr.packet_out.request == (bit<8>)PacketOutAction.RESET) {
            m.reset = true;
            m.own_packet = true;
        } else if (hdr.packet_out.request != (bit<8>)PacketOutAction.INJECT) {
            m.verdict.drop = (bit<8>)DropReason.PACKET_OUT;
        }
    }
}

#endif

/* PacketOutRequest: what the controller wants done with a packet that came by the CPU port.
 *
 * Reads hdr.packet_out; writes m.ingress_port, m.injected, m.reset, the flags and m.verdict. */
#ifndef _PACKET_OUT_P4_
#define _PACKET_OUT_P4_

#include "../target.p4"

#define EDITED_NEW_SESSION ((bit<8>)PacketOutFlag.NEW_SESSION | (bit<8>)PacketOutFlag.OPTIONS_EDITED)
#define FLAGS(VALUE) (bit<8>)(VALUE) &&& EDITED_NEW_SESSION

control PacketOutRequest(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action forward() {
        m.verdict.as_it_is = true;
        m.verdict.out_port = hdr.packet_out.port;
        KEEP_PRIORITY(hdr.packet_out.port)
    }

    @hidden
    action inject(bit<1> new_session, bit<1> options_edited) {
        m.injected = true;
        m.ingress_port = WITHOUT_PRIORITY(hdr.packet_out.port);
        KEEP_PRIORITY(hdr.packet_out.port)
        m.new_session = (bool)new_session;
        m.options_edited = (bool)options_edited;
    }

    @hidden
    action reset() {
        m.injected = true;
        m.ingress_port = hdr.packet_out.port;
        m.reset = true;
        m.own_packet = true;
    }

    @hidden
    action refuse() { m.verdict.drop = (bit<8>)DropReason.PACKET_OUT; }

    @hidden
    table request {
        key = {
            hdr.packet_out.request : ternary;
            hdr.packet_out.flags   : ternary;
        }
        actions = { forward; inject; reset; refuse; }
        const default_action = refuse();
        const entries = {
            (PacketOutAction.FORWARD, _)                                   : forward();
            (PacketOutAction.RESET, _)                                     : reset();
            (PacketOutAction.INJECT, FLAGS(0))                             : inject(0, 0);
            (PacketOutAction.INJECT, FLAGS(PacketOutFlag.NEW_SESSION))     : inject(1, 0);
            (PacketOutAction.INJECT, FLAGS(PacketOutFlag.OPTIONS_EDITED))  : inject(0, 1);
            (PacketOutAction.INJECT, _)                                    : inject(1, 1);
        }
    }

    apply { request.apply(); }
}

#endif

/* Service: what would become of a TCP segment that is addressed to us, if it had no session.
 *
 * SYNs to a virtual service go to the controller, everything else is dropped for a named reason. Whether there is a
 * session need not be known yet: Miss carries it out. After Addressee. Reads hdr and m.own; writes m.miss. */
#ifndef _SERVICE_P4_
#define _SERVICE_P4_

control Service(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action drop(DropReason reason) { m.miss.drop = (bit<8>)reason; }

    @hidden
    action punt(PuntReason reason) { m.miss.punt = (bit<8>)reason; }

    apply {
        if (m.reset) {
            drop(DropReason.INJECT_MISS);
        } else if (m.own.address) {
            if (!m.own.vip) {
                drop(DropReason.NO_SESSION);
            } else if (!m.own.served) {
                drop(DropReason.NO_SERVICE);
            } else if (m.segment_fault != (bit<8>)DropReason.NONE) {
                m.miss.drop = m.segment_fault;
            } else if (hdr.tcp.syn == 1 && hdr.tcp.ack_flag == 0) {
                if (m.injected) { drop(DropReason.INJECT_MISS); } else { punt(PuntReason.SERVICE_SYN); }
            } else if (m.own.flags & (bit<8>)ServiceFlag.RESET_ON_MISS != 0 && hdr.tcp.rst == 0 && !m.injected) {
                punt(PuntReason.NO_SESSION);
            } else {
                drop(DropReason.NO_SESSION);
            }
        }
    }
}

#endif

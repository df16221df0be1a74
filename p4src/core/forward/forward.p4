/* Forward: the way of a routed packet, and the last checks of what leaves by a port; what goes to the controller is metered.
 * Before any rewrite, so that the MTU is known when TOA is to be inserted. After Decide. */
#ifndef _FORWARD_P4_
#define _FORWARD_P4_

#include "route.p4"
#include "next_hop.p4"
#include "leave.p4"
#ifdef SERVICE_MATCH
#include "outward.p4"
#endif

control Forward(inout headers_t hdr, inout metadata_t m) {
    Route() route;
    NextHop() next_hop;
    Leave() leave;
    PuntLimit() punt_limit;
#ifdef SERVICE_MATCH
    Outward() outward;
#endif

    apply {
        if (AHEAD) { route.apply(hdr, m); }
        if (ROUTED && !DECIDED) {
            if (!AHEAD) { route.apply(hdr, m); }
            next_hop.apply(hdr, m);
#ifdef SERVICE_MATCH
            if (!IN_SESSION && m.verdict.drop == (bit<8>)DropReason.NONE) { outward.apply(hdr, m); }
#endif
        }
        if (m.verdict.punt != 0) {
            punt_limit.apply(m);
        } else if (ROUTED) {
            leave.apply(hdr, m);
        }
        TELL_SENDER
    }
}

#endif

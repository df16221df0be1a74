/* LookUp: what the tables say of a packet. Facts only: nothing is decided here, so an ASIC looks up side by side, and in its
 * first stages, whatever depends on nothing. Others leave out what nobody asks for. After Check. */
#ifndef _LOOKUP_P4_
#define _LOOKUP_P4_

#include "port.p4"
#include "session.p4"
#ifdef SERVICE_MATCH
#include "service_match.p4"
#endif
#include "addressee.p4"
#ifdef STATELESS_SERVICES
#include "stateless.p4"
#endif

control LookUp(inout headers_t hdr, inout metadata_t m) {
    Port() port;
    Session() session;
    Addressee() addressee;
#ifdef STATELESS_SERVICES
    Stateless() stateless;
#endif

    apply {
        WHERE_NEEDED(!DECIDED) { port.apply(hdr, m); }
        WHERE_NEEDED(!DECIDED && !m.foreign) {
            WHERE_NEEDED(HAS_FLOW) { session.apply(hdr, m); }
            WHERE_NEEDED(!IN_SESSION) {
                addressee.apply(hdr, m);
#ifdef STATELESS_SERVICES
                if (IS_STATELESS) { stateless.apply(hdr, m); }
#endif
            }
        }
    }
}

#endif

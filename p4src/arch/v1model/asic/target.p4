/* v1model in the ASIC's place: all that it provides (core/target.p4). */
#ifndef _V1MODEL_ASIC_TARGET_P4_
#define _V1MODEL_ASIC_TARGET_P4_

#include "../prims.p4"
/* As on the ASIC, which looks up whatever it has width for. */
#undef AHEAD
#define AHEAD true
#include "headers.p4"
#include "../headers.p4"
#include "cookie.p4"
#include "../../asic/prims.p4"

struct target_metadata_t {
    bit<16> tag_bytes;        /* of the tag that was passed over */
    bit<16> packet_out_bytes; /* of what the controller has put in front */
    bit<23> clock;            /* of cookies, which there are none of */
    bit<8>  words;            /* of the option list, from where the parser stands; wraps when it has gone beyond */
    bit<16> mss_above_floor;  /* by how much the MSS is above MSS_FLOOR */
    bit<16> mss_above_both;   /* and above the floor and TOA, less 1 */
    bit<32> end_seq;          /* sequence number behind the segment */
    bit<32> received_ack;     /* its ack, before the rewrite */
    bit<32> client_end;       /* what the registers do not know: 0 */
    bit<1>  punted;           /* to the controller, by way of egress */
    bit<1>  toa_fits;         /* with TOA the segment does not pass the MTU */
    bit<1>  acks_first;       /* the segment acknowledges the server's first byte of data and no more */
    ASIC_NEWS
    received_t         received;
    editable_options_t original;
}

#define TOLD_EVENTS (m.target.new_events | m.target.unjudged)

#include "../../../core/target.p4"
#include "../parser.p4"
#include "../../asic/solicitation.p4"
#include "../../asic/families.p4"
#include "../../layouts/edit.p4"
#include "checksum.p4"
#include "../received.p4"
#include "../checksum.p4"
#include "session_state.p4"
#include "unused.p4"
#include "../punt_limit.p4"
#include "../verdict.p4"
#include "../deparser.p4"
#include "../../asic/news.p4"
#include "../../asic/through_egress.p4"

#endif

/* TNA: all that it provides (core/target.p4). */
#ifndef _TNA_TARGET_P4_
#define _TNA_TARGET_P4_

#include "prims.p4"
#include "../asic/prims.p4"
#include "headers.p4"
#include "../../core/target.p4"
#include "parser.p4"
#include "received.p4"
#include "../asic/solicitation.p4"
#include "../asic/families.p4"
#include "banks.p4"
#include "session_state.p4"
#include "session_seq.p4"
#include "punt_limit.p4"
#include "../layouts/edit.p4"
#include "../asic/news.p4"
#include "../asic/through_egress.p4"
#include "verdict.p4"
#include "rewrite.p4"
#include "deparser.p4"

#endif

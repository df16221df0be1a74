/* Miss: a TCP segment has no session; what Service decided comes true. */
#ifndef _MISS_P4_
#define _MISS_P4_

control Miss(inout headers_t hdr, inout metadata_t m) {
    @hidden
    action adopt() {
        m.verdict.drop = m.miss.drop;
        m.verdict.punt = m.miss.punt;
        m.verdict.service_flags = m.own.flags;
    }

    apply { adopt(); }
}

#endif

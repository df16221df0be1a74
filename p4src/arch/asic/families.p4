/* ASIC: no session changes its family. */
#ifndef _ASIC_FAMILIES_P4_
#define _ASIC_FAMILIES_P4_

control JudgeFamilies(inout headers_t hdr, inout metadata_t m) {
    apply { m.route.drop = (bit<8>)DropReason.FAMILY; }
}

#endif

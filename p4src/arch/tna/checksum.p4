/* TNA: which checksums the deparser makes anew. The sum itself is kept by the parser (parser.p4) and the deparser. */
#ifndef _TNA_CHECKSUM_P4_
#define _TNA_CHECKSUM_P4_

control UpdateChecksums(inout headers_t hdr, inout metadata_t m) {
    apply {
        /* What is not rewritten leaves as it came, whatever its checksum. */
        m.target.update_ipv4 = true;
        if (m.session.direction != (bit<8>)Direction.NONE) { m.target.update_tcp = true; }
    }
}

#endif

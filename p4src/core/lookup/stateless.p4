/* Stateless: which real server a flow of a service without sessions goes to.
 *
 * The service has a table of buckets of its own, filled by Maglev's rule, and the flow's hash says which of them: nothing is kept of
 * the flow, and the controller is not asked. What the packet then is, a session's would be; only that nothing of it changes but its
 * frame or its outer header. An error of ICMP goes where the flow goes that it is about. After Addressee. Reads m.flow and m.own;
 * writes m.session, or m.verdict.drop. */
#ifndef _STATELESS_P4_
#define _STATELESS_P4_

#include "../target.p4"

control Stateless(inout headers_t hdr, inout metadata_t m) {
    bit<32> bucket;

    @id(ID_A_BUCKET_SERVER) @name(".bucket_server")
    action bucket_server(@id(1) @refers_to(server_in, server_id) server_id_t server_id) {
        m.session.direction = (bit<8>)Direction.STATELESS;
        m.session.server_id = server_id;
        m.session.src = m.flow.src;
        m.session.src6 = m.flow.src6;
        m.session.src_port = m.flow.src_port;
    }

    @id(ID_A_NO_BUCKET) @name(".no_bucket")
    action no_bucket() { m.verdict.drop = (bit<8>)DropReason.NO_BUCKET; }

    @id(ID_T_BUCKET) @name(".bucket")
    table buckets {
        key = {
            m.own.group       : exact @id(1) @name("group");
            bucket            : exact @id(2) @name("bucket");
        }
        actions = { bucket_server; @defaultonly no_bucket; }
        const default_action = no_bucket();
        size = BUCKET_TABLE_SIZE;
    }

    @hidden
    action hash_ipv4() {
        FLOW_HASH(bucket, m.flow.src, m.flow.dst)
        bucket = bucket & m.own.bucket_mask;
    }

    @hidden
    action hash_ipv6() {
        FLOW_HASH(bucket, m.flow.src6, m.flow.dst6)
        bucket = bucket & m.own.bucket_mask;
    }

    apply {
        if (IS_IPV6) { hash_ipv6(); } else { hash_ipv4(); }
        buckets.apply();
    }
}

#endif

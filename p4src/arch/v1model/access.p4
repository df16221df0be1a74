/* v1model: Access: who may begin something with a service, and how often.
 *
 * Asked for what has no session, so that sessions do not pay. A service has a policy, by its number, and there is one for all of
 * them: each names a list of prefixes, of which the longest that has the source says whether it passes, and says how many
 * connections may begin. A list is replaced as a whole by having the policy name another one. What is refused is dropped, or goes
 * to the controller, which answers it. After LookUp, if a service was found; reads m.flow, m.own and hdr; writes m.verdict. */
#ifndef _V1MODEL_ACCESS_P4_
#define _V1MODEL_ACCESS_P4_

#include "../../core/target.p4"

#define LIST_TABLE(ID, GLOBAL_NAME, NAME, LIST, SOURCE) \
    @id(ID) @name(GLOBAL_NAME) \
    table NAME { \
        key = { \
            LIST   : exact @id(1) @name("list_id"); \
            SOURCE : lpm   @id(2) @name("source"); \
        } \
        actions = { list_pass; list_refuse; @defaultonly NoAction; } \
        const default_action = NoAction(); \
        size = LIST_TABLE_SIZE; \
    }

/* Times are in 1/256 of the microseconds that the target counts. */
struct policy_t {
    bit<16>     list_id;         /* 0 = none */
    bit<8>      flags;         /* PolicyFlag */
    bit<32>     gap;           /* between two connections that begin; 0 = any */
    bit<32>     slack;         /* how far the next may be ahead of its time: a burst */
    bit<32>     source_gap;    /* the same of one source prefix */
    bit<32>     source_slack;
    ipv4_addr_t source_mask;
    ipv6_addr_t source_mask6;
}

control Access(inout headers_t hdr, inout metadata_t m, in bit<48> time) {
    policy_t policy = { 0, 0, 0, 0, 0, 0, 0, 0 };
    policy_t of_all = { 0, 0, 0, 0, 0, 0, 0, 0 };
    bool listed = false;
    bool passes = false;

    @id(ID_A_POLICY_SET) @name(".policy_set")
    action policy_set(@id(1) bit<16> list_id, @id(2) bit<8> flags, @id(3) bit<32> gap, @id(4) bit<32> slack,
                      @id(5) bit<32> source_gap, @id(6) bit<32> source_slack,
                      @id(7) ipv4_addr_t source_mask, @id(8) ipv6_addr_t source_mask6) {
        policy.list_id = list_id;
        policy.flags = flags;
        policy.gap = gap;
        policy.slack = slack;
        policy.source_gap = source_gap;
        policy.source_slack = source_slack;
        policy.source_mask = source_mask;
        policy.source_mask6 = source_mask6;
    }

    @id(ID_A_POLICY_OF_ALL_SET) @name(".policy_of_all_set")
    action policy_of_all_set(@id(1) bit<16> list_id, @id(2) bit<8> flags, @id(3) bit<32> source_gap, @id(4) bit<32> source_slack,
                             @id(5) ipv4_addr_t source_mask, @id(6) ipv6_addr_t source_mask6) {
        of_all.list_id = list_id;
        of_all.flags = flags;
        of_all.source_gap = source_gap;
        of_all.source_slack = source_slack;
        of_all.source_mask = source_mask;
        of_all.source_mask6 = source_mask6;
    }

    @id(ID_T_POLICY) @name(".policy")
    table policies {
        key = { m.own.policy : exact @id(1) @name("policy"); }
        actions = { policy_set; @defaultonly NoAction; }
        const default_action = NoAction();
        size = POLICY_TABLE_SIZE;
    }

    /* One entry, for whatever is served. */
    @id(ID_T_POLICY_OF_ALL) @name(".policy_of_all")
    table policy_of_all {
        key = { m.own.served : exact @id(1) @name("served"); }
        actions = { policy_of_all_set; @defaultonly NoAction; }
        const default_action = NoAction();
        size = 2;
    }

    @id(ID_A_LIST_PASS) @name(".list_pass")
    action list_pass() { listed = true; passes = true; }

    @id(ID_A_LIST_REFUSE) @name(".list_refuse")
    action list_refuse() { listed = true; passes = false; }

    LIST_TABLE(ID_T_LIST, ".list", service_list, policy.list_id, m.flow.src)
    LIST_TABLE(ID_T_LIST6, ".list6", service_list6, policy.list_id, m.flow.src6)
    LIST_TABLE(ID_T_LIST_OF_ALL, ".list_of_all", list_of_all, of_all.list_id, m.flow.src)
    LIST_TABLE(ID_T_LIST_OF_ALL6, ".list_of_all6", list_of_all6, of_all.list_id, m.flow.src6)

    /* When the next connection may begin, of a service and of a source at a hash: a virtual-scheduling token bucket. */
    @id(ID_R_SERVICE_PACE) @name(".service_pace")
    register<bit<64>, bit<32>>(POLICY_TABLE_SIZE) service_pace;
    @id(ID_R_SOURCE_PACE) @name(".source_pace")
    register<bit<64>, bit<32>>(SOURCE_SLOTS) source_pace;

    @hidden
    action refuse(bit<8> flags, DropReason reason) {
        m.verdict.drop = (bit<8>)reason;
        m.verdict.service_flags = flags;
        m.verdict.punt = flags & POLICY_ANSWERS != 0 ? (bit<8>)PuntReason.REFUSED : 0;
    }

    @hidden
    action source_slot(out bit<32> slot, in bit<16> number, in ipv4_addr_t mask, in ipv6_addr_t mask6) {
        ipv4_addr_t source = m.flow.src & mask;
        ipv6_addr_t source6 = m.flow.src6 & mask6;
        hash(slot, HashAlgorithm.crc32, 32w0, { source, source6, number }, (bit<32>)SOURCE_SLOTS);
    }

    /* From when the last one was due to when this one is; one that is due later than now comes too soon. */
    @hidden
    action advance(inout bit<64> next, in bit<64> now, in bit<32> gap, in bit<32> slack) {
        bit<64> earliest = now |-| (bit<64>)slack;
        next = (next < earliest ? earliest : next) + (bit<64>)gap;
    }

    apply {
        if (!m.injected && !m.reset && !DECIDED && !m.foreign && (hdr.tcp.isValid() || hdr.udp.isValid())) {
            bit<64> now = (bit<64>)time << 8;
            bit<64> next;
            bit<32> slot;
            bool begins = hdr.udp.isValid() || (hdr.tcp.syn == 1 && hdr.tcp.ack_flag == 0);
            if (policy_of_all.apply().hit) {
                if (of_all.list_id != 0) {
                    if (IS_IPV6) { list_of_all6.apply(); } else { list_of_all.apply(); }
                    if (listed ? !passes : of_all.flags & (bit<8>)PolicyFlag.CLOSED != 0) { refuse(of_all.flags, DropReason.DENIED_BY_ALL); }
                }
                if (begins && of_all.source_gap != 0 && !DECIDED) {
                    source_slot(slot, 0, of_all.source_mask, of_all.source_mask6);
                    source_pace.read(next, slot);
                    advance(next, now, of_all.source_gap, of_all.source_slack);
                    if (next > now) { refuse(of_all.flags, DropReason.SOURCE_RATE); } else { source_pace.write(slot, next); }
                }
            }
            if (m.own.policy != 0 && !DECIDED) {
                if (policies.apply().hit) {
                    if (policy.list_id != 0) {
                        listed = false;
                        if (IS_IPV6) { service_list6.apply(); } else { service_list.apply(); }
                        if (listed ? !passes : policy.flags & (bit<8>)PolicyFlag.CLOSED != 0) { refuse(policy.flags, DropReason.DENIED); }
                    }
                    if (begins && policy.source_gap != 0 && !DECIDED) {
                        source_slot(slot, m.own.policy, policy.source_mask, policy.source_mask6);
                        source_pace.read(next, slot);
                        advance(next, now, policy.source_gap, policy.source_slack);
                        if (next > now) { refuse(policy.flags, DropReason.SOURCE_RATE); } else { source_pace.write(slot, next); }
                    }
                    /* Where every SYN gets a cookie, the controller counts what acknowledges one. */
                    if (begins && policy.gap != 0 && !DECIDED && m.own.flags & (bit<8>)ServiceFlag.COOKIES == 0) {
                        service_pace.read(next, (bit<32>)m.own.policy);
                        advance(next, now, policy.gap, policy.slack);
                        if (next > now) { refuse(policy.flags, DropReason.NEW_RATE); } else { service_pace.write((bit<32>)m.own.policy, next); }
                    }
                }
            }
        }
    }
}

#endif

/* v1model in the ASIC's order: what only v1model's program uses. */
#ifndef _V1MODEL_ASIC_UNUSED_P4_
#define _V1MODEL_ASIC_UNUSED_P4_

#include "../cookie/asked.p4"

/* What an ASIC does not have of registers, counters and tables, for this program has the P4Info of v1model's. */
control UnusedRegisters(inout metadata_t m) {
    @id(ID_R_CLIENT_END_SEQ) @name(".client_end_seq") @noWarn("unused")
    register<bit<32>, session_id_t>(SESSION_TABLE_SIZE) client_end_seq;
    @id(ID_R_CLIENT_ACK_SEQ) @name(".client_ack_seq") @noWarn("unused")
    register<bit<32>, session_id_t>(SESSION_TABLE_SIZE) client_ack_seq;
    @id(ID_R_LAST_END_SEQ) @name(".last_end_seq") @noWarn("unused")
    register<bit<32>, session_id_t>(SESSION_TABLE_SIZE) last_end_seq;
    @id(ID_R_FRAGMENT_KEY) @name(".fragment_key") @noWarn("unused")
    register<bit<64>, bit<32>>(FRAGMENT_SLOTS) fragment_key;
    @id(ID_R_FRAGMENT_FLOW) @name(".fragment_flow") @noWarn("unused")
    register<bit<64>, bit<32>>(FRAGMENT_SLOTS) fragment_flow;
    @id(ID_R_PROXY) @name(".proxy_first") @noWarn("unused")
    register<bit<64>, session_id_t>(SESSION_TABLE_SIZE) proxy_first;
    @id(ID_R_COOKIE_SENT) @name(".cookie_sent") @noWarn("unused")
    register<bit<32>, bit<32>>(1) cookie_sent;

    @id(ID_C_COOKIE) @name(".cookie_ctr") @noWarn("unused")
    counter<bit<8>>((bit<32>)(bit<8>)CookieEvent.COOKIE_EVENTS, CounterType.packets) cookie_ctr;

    @id(ID_A_COOKIE_KEY_SET) @name(".cookie_key_set")
    action cookie_key_set(@id(1) bit<64> key, @id(2) bit<1> generation, @id(3) bit<16> mss, @id(4) bit<16> mss6, @id(5) bit<8> scale) {
        m.next_hop6 = 23w0 ++ generation ++ scale ++ mss ++ mss6 ++ key;
        digest<asked_event_t>(1, { m.next_hop6, mss });
    }

    @id(ID_A_NO_COOKIE_KEY) @name(".no_cookie_key")
    action no_cookie_key() { }

    @id(ID_T_COOKIE_KEY) @name(".cookie_key")
    table cookie_key {
        key = { m.without_session.drop : exact @id(1) @name("wanted"); }
        actions = { cookie_key_set; @defaultonly no_cookie_key; }
        const default_action = no_cookie_key();
        size = 4;
    }

    apply { cookie_key.apply(); }
}

#endif

/* v1model: the per-session registers. One access to each a packet, as an ASIC allows.
 *
 * events            SessionEvent bits seen so far
 * first_data_seq    seq of the server's first byte of data; valid once SYN_ACK is set
 * server_end_seq    end of what the server sent (its snd_nxt), for a RST to the client
 * server_ack_seq    what the server acknowledged (its rcv_nxt), for a RST to the server
 *
 * The last two never go backwards, except with a SYN-ACK, which starts afresh (LVS: tcp_save_out_seq). A reset leaves with
 * one of them as its seq. */
#ifndef _V1MODEL_SESSION_STATE_P4_
#define _V1MODEL_SESSION_STATE_P4_

/* The segment acknowledges no data of the server. */
#define BEFORE_DATA m.state.before_data
/* The server has sent its SYN-ACK. */
#define SERVER_ANSWERED m.state.server_answered

control SessionState(inout headers_t hdr, inout metadata_t m) {
    @id(ID_R_EVENTS) @name(".events")
    register<bit<8>, session_id_t>(SESSION_TABLE_SIZE) events;
    @id(ID_R_FIRST_DATA_SEQ) @name(".first_data_seq")
    register<bit<32>, session_id_t>(SESSION_TABLE_SIZE) first_data_seq;
    @id(ID_R_SERVER_END_SEQ) @name(".server_end_seq")
    register<bit<32>, session_id_t>(SESSION_TABLE_SIZE) server_end_seq;
    @id(ID_R_SERVER_ACK_SEQ) @name(".server_ack_seq")
    register<bit<32>, session_id_t>(SESSION_TABLE_SIZE) server_ack_seq;

    @hidden
    action keep_events(session_id_t i) {
        bit<8> seen;
        events.read(seen, i);
        seen = m.new_session ? 0 : seen;
        m.state.server_answered = seen & (bit<8>)SessionEvent.SYN_ACK != 0;
        m.state.new_events = m.state.set_events & ~seen;
        events.write(i, seen | m.state.set_events);
    }

    @hidden
    action start_server(session_id_t i) {
        first_data_seq.write(i, hdr.tcp.seq + 1);
        server_end_seq.write(i, hdr.tcp.seq + 1 + (bit<32>)m.state.payload_len);
        server_ack_seq.write(i, hdr.tcp.ack);
    }

    @hidden
    action follow_server(session_id_t i) {
        bit<32> old_end;
        bit<32> old_ack;
        bit<32> end = hdr.tcp.seq + (bit<32>)m.state.payload_len + (bit<32>)hdr.tcp.fin;
        server_end_seq.read(old_end, i);
        server_ack_seq.read(old_ack, i);
        server_end_seq.write(i, (int<32>)(end - old_end) > 0 ? end : old_end);
        server_ack_seq.write(i, (int<32>)(hdr.tcp.ack - old_ack) > 0 ? hdr.tcp.ack : old_ack);
    }

    apply {
        session_id_t i = m.session.id;
        keep_events(i);
        if (m.session.direction == (bit<8>)Direction.IN) {
            bit<32> first;
            first_data_seq.read(first, i);
            m.state.before_data = m.state.server_answered && hdr.tcp.ack == first;
            if (m.reset) { server_ack_seq.read(hdr.tcp.seq, i); }
        } else if (m.reset) {
            server_end_seq.read(hdr.tcp.seq, i);
        } else if (hdr.tcp.rst == 0 && hdr.tcp.ack_flag == 1) {
            if (hdr.tcp.syn == 1) { start_server(i); } else { follow_server(i); }
        }
    }
}

#endif

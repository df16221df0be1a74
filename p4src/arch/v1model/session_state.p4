/* v1model: the per-session registers, which follow both endpoints as RFC 9293 has them check each other's segments. One access
 * to each a packet, as an ASIC allows, and all in one action, which is atomic.
 *
 * events            SessionEvent bits seen so far, and above them those of this file
 * first_data_seq    seq of the server's first byte of data, if its SYN-ACK was seen
 * server_end_seq    end of what the server is known to have sent (SND.NXT)
 * server_ack_seq    what the server acknowledged last (RCV.NXT)
 * client_end_seq    the same of the client, in the numbers that the server sees
 * client_ack_seq
 * last_end_seq      end of the last segment, whosesoever it was
 *
 * Acceptable is a segment that begins within WINDOW of what its receiver acknowledged last, and acknowledges nothing that its
 * receiver has not sent, nor what is further back than WINDOW. Ends and acknowledgements then only move forwards, and so an
 * acknowledgement never passes what the other side is known to have sent: a damaged or forged one moves nothing, or something
 * that the next ordinary ones set right. They do where the two sides agree with each other: one acknowledges exactly the end of
 * the last segment, which was the other's. Then this is what it acknowledges, backwards or not, unless its segment is an old
 * one; and in answer to the other's an end goes back to where both sides have acknowledged all.
 *
 * Numbers that are not known (session found on an empty switch) or are wrong (a stretch longer than WINDOW was not seen) become
 * right when the two sides agree on a segment that was not acceptable. Who guesses one side's numbers is not acknowledged by
 * the other.
 *
 * A reset leaves with what its receiver acknowledged last, the only number that it accepts at once (RFC 5961 3.2). The end of
 * what was sent to it would be another one where it has not received all of it. */
#ifndef _V1MODEL_SESSION_STATE_P4_
#define _V1MODEL_SESSION_STATE_P4_

/* Bits of the register of events that are not told. */
#define SYN_SEEN 16w0x100     /* the client's numbers are known */
#define FIRST_SEEN 16w0x200   /* first_data_seq is valid */
#define LAST_IN 16w0x400      /* last_end_seq is the client's */
#define LAST_OUT 16w0x800     /* the server's */
#define STRAY 16w0x4000       /* of a segment that was not acceptable */
#define STRAY_FIN 16w0x8000   /* and had a FIN */
#define LAST_ANY 16w0xcc00    /* all of these */
#define AHEAD_IN 16w0x1000    /* the client's end is that of a FIN that is not told yet: the switch has not seen all of what
                               * is before it, or the server's FIN has been told, and both are to be acknowledged first */
#define AHEAD_OUT 16w0x2000
#define BIT(EVENT) (bit<16>)(bit<8>)SessionEvent.EVENT

/* Bytes. Not the window that was announced, as its scale is not known. Buffers of real hosts are smaller even on long fat pipes
 * (Linux: at most 6 MB unless tuned); a random number is this close to another one of 16 times. */
#define WINDOW 32w0x8000000

#define ONE_WAY (m.session.flags & (bit<8>)SessionFlag.ONE_WAY != 0)
#define AFTER(A, B) ((int<32>)((A) - (B)) > 0)

control SessionState(inout headers_t hdr, inout metadata_t m) {
    @id(ID_R_EVENTS) @name(".events")
    register<bit<16>, session_id_t>(SESSION_TABLE_SIZE) events;
    @id(ID_R_FIRST_DATA_SEQ) @name(".first_data_seq")
    register<bit<32>, session_id_t>(SESSION_TABLE_SIZE) first_data_seq;
    @id(ID_R_SERVER_END_SEQ) @name(".server_end_seq")
    register<bit<32>, session_id_t>(SESSION_TABLE_SIZE) server_end_seq;
    @id(ID_R_SERVER_ACK_SEQ) @name(".server_ack_seq")
    register<bit<32>, session_id_t>(SESSION_TABLE_SIZE) server_ack_seq;
    @id(ID_R_CLIENT_END_SEQ) @name(".client_end_seq")
    register<bit<32>, session_id_t>(SESSION_TABLE_SIZE) client_end_seq;
    @id(ID_R_CLIENT_ACK_SEQ) @name(".client_ack_seq")
    register<bit<32>, session_id_t>(SESSION_TABLE_SIZE) client_ack_seq;
    @id(ID_R_LAST_END_SEQ) @name(".last_end_seq")
    register<bit<32>, session_id_t>(SESSION_TABLE_SIZE) last_end_seq;

    /* What the registers hold: of both sides, and in follow() of the segment's sender and of its receiver. Not parameters, which p4c
     * would copy to and fro. */
    bit<16> seen;
    bit<32> own_end;
    bit<32> own_ack;
    bit<32> peer_end;
    bit<32> peer_ack;
    bit<32> client_end;
    bit<32> client_ack;
    bit<32> server_end;
    bit<32> server_ack;
    bit<32> last;
    /* What they learn. */
    bit<16> told;
    bit<16> withdrawn;
    bool    peer_learned;

    /* An ordinary segment: ACK without SYN and RST. */
    @hidden
    action follow(bit<32> seq, bit<16> fin, bit<16> peer_fin, bit<16> rst, bit<16> ahead, bit<16> peer_ahead, bit<16> established,
                  bit<16> own_last, bit<16> peer_last) {
        bit<32> end = seq + (bit<32>)m.length.payload + (bit<32>)hdr.tcp.fin;
        bit<32> ack = hdr.tcp.ack;
        told = 0;
        withdrawn = 0;
        peer_learned = false;
        bool agreed = ack == last && seen & peer_last != 0;
        bit<16> refused = 0;
        if (seen & BIT(SYN_ACK) != 0 && seq - peer_ack + WINDOW <= WINDOW + WINDOW
            && ack - own_ack + WINDOW <= peer_end - own_ack + WINDOW) {
            bool beyond = AFTER(end, own_end);
            bool gap = AFTER(seq, own_end);
            /* In answer to the other side: one that comes late, behind what was sent after it, says nothing of that. Nor does
             * one that was sent before a FIN say anything of the FIN. */
            bool settled = seen & peer_last != 0 && end == peer_ack && (ack == peer_end || agreed)
                           && m.length.payload == 0 && hdr.tcp.fin == 0
                           && (seen & (ahead | fin) == 0 || end + 1 != own_end);
            bool newest = beyond || end == own_end;
            if (beyond || settled) { own_end = end; }
            /* Each has acknowledged all that the other has sent. */
            bool all_acked = ack == peer_end && peer_ack == own_end;
            if (ack - own_ack <= peer_end - own_ack) { told = established; }
            /* While neither side has begun to end, most segments end here. */
            if (hdr.tcp.fin == 1 || seen & (rst | fin | ahead | peer_ahead) != 0) {
                if (hdr.tcp.fin == 1) {
                    if (gap || (seen & peer_fin != 0 && AFTER(end, peer_ack))) {
                        seen = seen | ahead;
                    } else if (AFTER(end, peer_ack)) {
                        told = told | fin;
                        seen = seen & ~ahead;
                    }
                } else if (beyond) {
                    withdrawn = seen & (rst | fin);
                    seen = seen & ~ahead;
                } else if (settled || newest) {
                    withdrawn = seen & rst;
                }
                if (seen & ahead != 0 && seen & peer_fin != 0 && all_acked && withdrawn == 0 && hdr.tcp.fin == 0) {
                    told = told | fin;
                }
                if ((settled && !newest) || told & fin != 0) { seen = seen & ~ahead; }
                if (seen & peer_ahead != 0 && ack == peer_end && withdrawn == 0 && (seen & fin == 0 || all_acked)) {
                    told = told | peer_fin;
                    seen = seen & ~peer_ahead;
                }
            }
            if (AFTER(ack, own_ack) || (agreed && newest)) { own_ack = ack; }
        } else if (agreed && seen & STRAY != 0 && seen & (SYN_SEEN | BIT(SYN_ACK)) != SYN_SEEN) {
            own_end = end;
            own_ack = ack;
            peer_end = ack;
            peer_ack = seq;
            peer_learned = true;
            told = BIT(SYN_ACK) | BIT(ESTABLISHED);
            if (seen & STRAY_FIN != 0) { told = told | peer_fin; }
            seen = SYN_SEEN | (seen & 0xff);
            if (hdr.tcp.fin == 1) {
                if ((seen | told) & peer_fin != 0) { seen = seen | ahead; } else { told = told | fin; }
            }
        } else if (hdr.tcp.fin == 1) {
            refused = STRAY | STRAY_FIN;
        } else {
            refused = STRAY;
        }
        last = end;
        seen = (seen & ~LAST_ANY) | own_last | refused;
        m.target.new_events = (bit<8>)(told & ~seen | withdrawn);
        if (withdrawn != 0) { m.target.new_events = m.target.new_events | (bit<8>)SessionEvent.RESUMED; }
        seen = (seen & ~withdrawn) | told;
    }

    @hidden
    action follow_client(session_id_t i) {
        events.read(seen, i);
        bit<32> first;
        first_data_seq.read(first, i);
        client_end_seq.read(own_end, i);
        client_ack_seq.read(own_ack, i);
        server_end_seq.read(peer_end, i);
        server_ack_seq.read(peer_ack, i);
        last_end_seq.read(last, i);
        m.target.before_data = seen & FIRST_SEEN != 0 && hdr.tcp.ack == first;
        follow(hdr.tcp.seq + m.session.delta, BIT(FIN_IN), BIT(FIN_OUT), BIT(RST_IN), AHEAD_IN, AHEAD_OUT,
               BIT(ESTABLISHED), LAST_IN, LAST_OUT);
        m.target.client_end = own_end;
        events.write(i, seen);
        client_end_seq.write(i, own_end);
        client_ack_seq.write(i, own_ack);
        if (peer_learned) {
            server_end_seq.write(i, peer_end);
            server_ack_seq.write(i, peer_ack);
        }
        last_end_seq.write(i, last);
    }

    @hidden
    action follow_server(session_id_t i) {
        events.read(seen, i);
        server_end_seq.read(own_end, i);
        server_ack_seq.read(own_ack, i);
        client_end_seq.read(peer_end, i);
        client_ack_seq.read(peer_ack, i);
        last_end_seq.read(last, i);
        follow(hdr.tcp.seq, BIT(FIN_OUT), BIT(FIN_IN), BIT(RST_OUT), AHEAD_OUT, AHEAD_IN, 0, LAST_OUT, LAST_IN);
        m.target.client_end = peer_end;
        events.write(i, seen);
        server_end_seq.write(i, own_end);
        server_ack_seq.write(i, own_ack);
        if (peer_learned) {
            client_end_seq.write(i, peer_end);
            client_ack_seq.write(i, peer_ack);
        }
        last_end_seq.write(i, last);
    }

    /* The client's SYN, which the controller has let in. One that is sent again tells nothing, unless the server takes it for
     * another connection, and acknowledges it. */
    @hidden
    action start_client(session_id_t i) {
        bit<32> end = hdr.tcp.seq + m.session.delta + 1 + (bit<32>)m.length.payload;
        events.read(seen, i);
        client_end_seq.read(client_end, i);
        server_ack_seq.read(server_ack, i);
        last_end_seq.read(last, i);
        if (m.new_session) {
            seen = SYN_SEEN;
            client_end = end;
            server_ack = hdr.tcp.seq + m.session.delta + 1;
        } else {
            last = end;
            seen = (seen & ~LAST_ANY) | LAST_IN | STRAY;
        }
        events.write(i, seen);
        client_end_seq.write(i, client_end);
        server_ack_seq.write(i, server_ack);
        last_end_seq.write(i, last);
    }

    /* A SYN-ACK begins the server's numbers if it acknowledges the client's SYN, and is not the one that has begun them. Once
     * the client has acknowledged that, none does, but one that acknowledges a later SYN. */
    @hidden
    action start_server(session_id_t i) {
        bit<32> first;
        told = 0;
        bit<32> ack = hdr.tcp.ack;
        events.read(seen, i);
        first_data_seq.read(first, i);
        server_end_seq.read(server_end, i);
        server_ack_seq.read(server_ack, i);
        client_end_seq.read(client_end, i);
        client_ack_seq.read(client_ack, i);
        last_end_seq.read(last, i);
        bool known = seen & SYN_SEEN != 0;
        bool agreed = known && ack == last && seen & LAST_IN != 0 && seen & STRAY != 0;
        if (agreed || !known) {
            server_ack = ack;
            client_end = ack;
        }
        if (agreed || (seen & BIT(ESTABLISHED) == 0 && ack - server_ack <= client_end - server_ack
                       && (seen & BIT(SYN_ACK) == 0 || hdr.tcp.seq + 1 != first))) {
            told = BIT(SYN_ACK);
            first = hdr.tcp.seq + 1;
            server_end = first + (bit<32>)m.length.payload;
            client_ack = first;
            server_ack = ack;
        }
        m.target.new_events = (bit<8>)(told & ~seen);
        m.target.client_end = client_end;
        events.write(i, seen | SYN_SEEN | told | (told != 0 ? FIRST_SEEN : 0));
        first_data_seq.write(i, first);
        server_end_seq.write(i, server_end);
        server_ack_seq.write(i, server_ack);
        client_end_seq.write(i, client_end);
        client_ack_seq.write(i, client_ack);
    }

    /* A RST is accepted at RCV.NXT (RFC 5961 3.2), in answer to a SYN if it acknowledges that (RFC 9293 3.10.7.3). What the
     * receiver has not acknowledged yet, it may yet have received: so the end of what was sent to it will do, too. */
    @hidden
    action close(session_id_t i) {
        told = 0;
        events.read(seen, i);
        server_end_seq.read(server_end, i);
        server_ack_seq.read(server_ack, i);
        client_end_seq.read(client_end, i);
        client_ack_seq.read(client_ack, i);
        if (m.session.direction == (bit<8>)Direction.IN) {
            bit<32> seq = hdr.tcp.seq + m.session.delta;
            if (seen & SYN_SEEN != 0 && (seq == server_ack || seq == client_end)) { told = BIT(RST_IN); }
        } else if (seen & BIT(SYN_ACK) != 0) {
            if (hdr.tcp.seq == client_ack || hdr.tcp.seq == server_end) { told = BIT(RST_OUT); }
        } else if (seen & SYN_SEEN != 0 && hdr.tcp.ack_flag == 1 && hdr.tcp.ack - server_ack <= client_end - server_ack) {
            told = BIT(RST_OUT);
        }
        m.target.new_events = (bit<8>)(told & ~seen);
        m.target.client_end = client_end;
        events.write(i, seen | told);
    }

    /* The client's segment where its server's answers go another way (LVS's table INPUT_ONLY): it acknowledges only what it
     * has got. A segment without data begins where the client is, but for a keep-alive, which begins a byte before. */
    @hidden
    action follow_one_way(session_id_t i) {
        told = 0;
        withdrawn = 0;
        bit<32> end = hdr.tcp.seq + (bit<32>)m.length.payload + (bit<32>)hdr.tcp.fin;
        events.read(seen, i);
        client_end_seq.read(client_end, i);
        client_ack_seq.read(client_ack, i);
        bool known = seen & SYN_SEEN != 0;
        if (!known || hdr.tcp.seq - client_end + WINDOW <= WINDOW + WINDOW) {
            bool beyond = !known || AFTER(end, client_end);
            told = BIT(SYN_ACK) | BIT(ESTABLISHED);
            if (hdr.tcp.fin == 1) {
                if (beyond || end == client_end) { told = told | BIT(FIN_IN); }
            } else if (beyond) {
                withdrawn = seen & (BIT(RST_IN) | BIT(FIN_IN));
            } else if (end == client_end) {
                withdrawn = seen & BIT(RST_IN);
            }
            if (beyond || (m.length.payload == 0 && hdr.tcp.fin == 0 && client_end - end != 1)) { client_end = end; }
            if (seen & BIT(SYN_ACK) == 0 || AFTER(hdr.tcp.ack, client_ack)) { client_ack = hdr.tcp.ack; }
        }
        m.target.new_events = (bit<8>)(told & ~seen | withdrawn);
        if (withdrawn != 0) { m.target.new_events = m.target.new_events | (bit<8>)SessionEvent.RESUMED; }
        m.target.client_end = client_end;
        events.write(i, (seen & ~withdrawn) | told | SYN_SEEN);
        client_end_seq.write(i, client_end);
        client_ack_seq.write(i, client_ack);
        server_ack_seq.write(i, client_end);
    }

    /* The controller's own RST. */
    @hidden
    action number(session_id_t i) {
        events.read(seen, i);
        server_ack_seq.read(server_ack, i);
        client_ack_seq.read(client_ack, i);
        m.target.server_answered = seen & BIT(SYN_ACK) != 0;
        hdr.tcp.seq = m.session.direction == (bit<8>)Direction.IN ? server_ack : client_ack;
    }

    /* Of UDP only whether the server has sent anything. */
    @hidden
    action note_datagram(session_id_t i) {
        told = m.session.direction == (bit<8>)Direction.OUT ? BIT(SYN_ACK) : 0;
        events.read(seen, i);
        seen = m.new_session ? 0 : seen;
        m.target.new_events = (bit<8>)(told & ~seen);
        events.write(i, seen | told);
    }

    /* For the controller, which asks for another SYN's sake. */
    @hidden
    action tell_end(session_id_t i) { client_end_seq.read(m.target.client_end, i); }

    apply {
        /* First what most are, of all that the others ask. */
        if (hdr.tcp.isValid() && hdr.tcp.ack_flag == 1 && hdr.tcp.syn == 0 && hdr.tcp.rst == 0 && m.verdict.punt == 0 && !m.reset
            && !ONE_WAY) {
            if (m.session.direction == (bit<8>)Direction.IN) {
                follow_client(m.session.id);
            } else {
                follow_server(m.session.id);
            }
        } else if (m.verdict.punt == (bit<8>)PuntReason.SPLICE) {
            /* What it answers is known before anything else passes. */
            if (m.session.direction == (bit<8>)Direction.OUT && hdr.tcp.syn == 1 && hdr.tcp.ack_flag == 1) { start_server(m.session.id); }
        } else if (m.verdict.punt != 0) {
            tell_end(m.session.id);
        } else if (hdr.udp.isValid()) {
            note_datagram(m.session.id);
        } else if (m.reset) {
            number(m.session.id);
        } else if (ONE_WAY && m.session.direction == (bit<8>)Direction.OUT) {
            /* Should one answer come by after all, the others do not. */
        } else if (hdr.tcp.rst == 1) {
            close(m.session.id);
        } else if (hdr.tcp.syn == 1) {
            if (m.session.direction == (bit<8>)Direction.OUT) {
                if (hdr.tcp.ack_flag == 1) { start_server(m.session.id); }
            } else if (hdr.tcp.ack_flag == 0) {
                start_client(m.session.id);
            }
        } else if (hdr.tcp.ack_flag == 1) {
            follow_one_way(m.session.id);
        }
    }
}

#endif

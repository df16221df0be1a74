"""Named counters of the controller core. Names that LVS has (ip_vs_ext_stats) keep them."""

from __future__ import annotations

Stats = dict[str, int]

NAMES: dict[str, str] = {
    "sessions_created": "sessions installed in the switch",
    "sessions_adopted": "sessions found on the switch and taken over",
    "sessions_expired": "sessions removed for want of packets or after their end",
    "sessions_lost": "sessions that had vanished from the switch",
    "sessions_unanswered": "sessions that ended without any answer of the real server",
    "sessions_resumed": "ended sessions whose traffic went on: the end had not been accepted",
    "sessions_reset": "sessions ended with a RST to both sides",
    "persistent_sessions": "sessions that went to the server that a template remembers for their client",
    "quic_by_connection_id": "UDP sessions that went to the server that their QUIC connection id names",
    "templates_full": "clients of which no template could be made, because there are as many as there may be",
    "syn_received": "SYNs that asked for a new session",
    "syn_shed": "SYNs and datagrams dropped because more came than sessions can be made; their clients repeat them",
    "syn_retransmitted": "SYNs with the ISN of their session",
    "syn_deferred": "SYNs that wait for an old session of their client to be removed",
    "syn_without_service": "SYNs and datagrams to a service that is configured no more",
    "syn_in_established": "SYNs with a new ISN inside a session that the server has answered, or may have",
    "datagram_received": "datagrams that asked for a new session",
    "datagram_dropped": "datagrams dropped while they waited for their session: too many, or there is none",
    "datagram_rescheduled": "UDP sessions removed because their real server left or has weight 0",
    "conn_sched_unreach": "SYNs and datagrams refused: no real server, or no local port",
    "no_real_server": "SYNs and datagrams refused because every real server has weight 0",
    "servers_full": "SYNs and datagrams dropped because every real server is at its upper threshold",
    "no_local_port": "SYNs and datagrams refused because every local port towards the server is in use",
    "client_port_in_use": "SYNs and datagrams whose client has a session with the server by another service (nat)",
    "service_full": "SYNs and datagrams dropped because their service has max_sessions",
    "service_rate": "SYNs and datagrams dropped because their service begins new_rate sessions a second",
    "table_full": "SYNs and datagrams dropped because the switch has no room, or no session id or server id is free",
    "session_conflict": "sessions that the switch already had entries of",
    "write_failed": "writes of sessions that failed for other reasons",
    "fullnat_conn_reused": "sessions taken over by a new connection of their client",
    "fullnat_conn_reused_close": "sessions that a new connection took over in state CLOSE",
    "fullnat_conn_reused_timewait": "sessions that a new connection took over in state TIME_WAIT",
    "fullnat_conn_reused_finwait": "sessions that a new connection took over in state FIN_WAIT, idle for too long",
    "fullnat_conn_reused_closewait": "sessions that a new connection took over in state CLOSE_WAIT, idle for too long",
    "fullnat_conn_reused_estab": "sessions that a new connection took over in state ESTABLISHED, idle for too long",
    "fullnat_conn_reused_synrecv": "sessions that a new connection took over in state SYN_RECV",
    "rst_in_established": "RSTs to real servers at the expiry of established sessions",
    "rst_out_established": "RSTs to clients at the expiry of established sessions",
    "rst_in_half_closed": "RSTs to real servers at the expiry of sessions that one side has closed",
    "rst_out_half_closed": "RSTs to clients at the expiry of sessions that one side has closed",
    "rst_in_synrecv": "RSTs to real servers whose SYN-ACK no client acknowledged",
    "rst_out_synrecv": "RSTs to clients that did not acknowledge a SYN-ACK",
    "rst_in_close": "RSTs to real servers at the expiry of sessions that a RST has ended, should it be lost or damaged",
    "rst_out_close": "RSTs to clients at the expiry of sessions that a RST has ended, should it be lost or damaged",
    "rst_in_unjudged": "RSTs to real servers after an end that the switch could not judge",
    "rst_out_unjudged": "RSTs to clients after an end that the switch could not judge",
    "options_edited": "segments whose TCP options the controller edited for the switch",
    "options_refused": "such segments dropped: malformed options, or no session of theirs",
    "reset_on_miss": "RSTs to segments without session",
    "reset_on_miss_limited": "segments without session that got no RST because there were too many",
    "too_big": "ICMP fragmentation needed to clients of servers in a tunnel",
    "too_big_limited": "segments too long for their tunnel whose client was not told because there were too many",
    "events_unknown": "digests of sessions that are gone or not yet in use",
    "events_repeated": "digests that told nothing new",
    "idle_notices": "idle notifications",
    "probes": "sessions whose time since last hit was asked for",
    "promoted": "sessions found established by their traffic because a digest was lost",
    "neighbor_resolved": "neighbors resolved or changed",
    "neighbor_failed": "neighbors that did not answer",
    "neighbor_queue_dropped": "packets dropped while their neighbor was unresolved",
    "neighbor_unroutable": "packets without neighbor to addresses that no interface reaches",
    "arp_ignored": "ARP packets that told nothing wanted",
    "address_conflict": "ARP packets of a stranger that uses an address of ours",
    "bad_checksum": "SYNs, late segments and datagrams that are damaged or not all there: no session, no answer",
    "bad_frame": "packet-ins that are not what their reason says",
}

RESETS = {
    "ESTABLISHED": ("rst_in_established", "rst_out_established"),
    "FIN_WAIT": ("rst_in_half_closed", "rst_out_half_closed"),
    "CLOSE_WAIT": ("rst_in_half_closed", "rst_out_half_closed"),
    "SYN_RECV": ("rst_in_synrecv", "rst_out_synrecv"),
    "TIME_WAIT": ("rst_in_unjudged", "rst_out_unjudged"),
    "CLOSE": ("rst_in_close", "rst_out_close"),
}
"""By TCP state: the counters of resets to the real server and to the client."""

REUSED = {
    "CLOSE": "fullnat_conn_reused_close",
    "TIME_WAIT": "fullnat_conn_reused_timewait",
    "FIN_WAIT": "fullnat_conn_reused_finwait",
    "CLOSE_WAIT": "fullnat_conn_reused_closewait",
    "ESTABLISHED": "fullnat_conn_reused_estab",
    "SYN_RECV": "fullnat_conn_reused_synrecv",
}


def new_stats() -> Stats:
    return dict.fromkeys(NAMES, 0)

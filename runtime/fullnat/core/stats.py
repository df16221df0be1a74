"""Named counters of the controller core. Names that LVS has (ip_vs_ext_stats) keep them."""

from __future__ import annotations

Stats = dict[str, int]

NAMES: dict[str, str] = {
    "sessions_created": "sessions installed in the switch",
    "sessions_adopted": "sessions found on the switch and taken over",
    "sessions_expired": "sessions removed for want of packets or after their end",
    "sessions_lost": "sessions that had vanished from the switch",
    "sessions_reset": "sessions ended with a RST to both sides",
    "syn_received": "SYNs that asked for a new session",
    "syn_retransmitted": "SYNs with the ISN of their session",
    "syn_deferred": "SYNs that wait for an old session of their client to be removed",
    "syn_without_service": "SYNs to a service that is configured no more",
    "syn_in_established": "SYNs with a new ISN inside an established session",
    "conn_sched_unreach": "SYNs refused: no real server, or no local port",
    "no_real_server": "SYNs refused because every real server has weight 0",
    "no_local_port": "SYNs refused because every local port towards the server is in use",
    "table_full": "SYNs dropped because the switch has no room, or no session id or server id is free",
    "session_conflict": "sessions that the switch already had entries of",
    "write_failed": "writes of sessions that failed for other reasons",
    "fullnat_conn_reused": "sessions taken over by a new connection of their client",
    "fullnat_conn_reused_close": "... in state CLOSE",
    "fullnat_conn_reused_timewait": "... in state TIME_WAIT",
    "fullnat_conn_reused_finwait": "... in state FIN_WAIT",
    "fullnat_conn_reused_closewait": "... in state CLOSE_WAIT",
    "fullnat_conn_reused_lastack": "... in state LAST_ACK",
    "fullnat_conn_reused_synrecv": "... in state SYN_RECV",
    "rst_in_established": "RSTs to real servers at the expiry of established sessions",
    "rst_out_established": "RSTs to clients at the expiry of established sessions",
    "options_edited": "segments whose TCP options the controller edited for the switch",
    "options_refused": "such segments dropped: malformed options, or no session of theirs",
    "reset_on_miss": "RSTs to segments without session",
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
    "bad_frame": "packet-ins that are not what their reason says",
}

REUSED = {
    "CLOSE": "fullnat_conn_reused_close",
    "TIME_WAIT": "fullnat_conn_reused_timewait",
    "FIN_WAIT": "fullnat_conn_reused_finwait",
    "CLOSE_WAIT": "fullnat_conn_reused_closewait",
    "LAST_ACK": "fullnat_conn_reused_lastack",
    "SYN_RECV": "fullnat_conn_reused_synrecv",
}


def new_stats() -> Stats:
    return dict.fromkeys(NAMES, 0)

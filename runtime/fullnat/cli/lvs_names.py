"""What LVS with FULLNAT tells in /proc/net/ip_vs_ext_stats, by its names (ip_vs_ctl.c: ip_vs_ext_stats)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
Place = tuple[str, str]
"""A group of the answer to ``stats``, and a name in it."""

LVS_NAMES: dict[str, tuple[Place, ...]] = {
    "fullnat_add_toa_ok": (("toa", "ok"),),
    "fullnat_add_toa_fail_len": (("toa", "fail_len"),),
    "fullnat_add_toa_head_full": (("toa", "head_full"),),
    "fullnat_add_toa_fail_mem": (),
    "fullnat_add_toa_fail_proto": (),
    "fullnat_conn_reused": (("controller", "fullnat_conn_reused"),),
    "fullnat_conn_reused_close": (("controller", "fullnat_conn_reused_close"),),
    "fullnat_conn_reused_timewait": (("controller", "fullnat_conn_reused_timewait"),),
    "fullnat_conn_reused_finwait": (("controller", "fullnat_conn_reused_finwait"),),
    "fullnat_conn_reused_closewait": (("controller", "fullnat_conn_reused_closewait"),),
    "fullnat_conn_reused_lastack": (),
    "fullnat_conn_reused_estab": (("controller", "fullnat_conn_reused_estab"),),
    "synproxy_rs_error": (("controller", "cookie_server_silent"), ("controller", "cookie_server_refused")),
    "synproxy_null_ack": (),
    "synproxy_bad_ack": (("cookies", "wrong"),),
    "synproxy_ok_ack": (("cookies", "right"),),
    "synproxy_syn_cnt": (("cookies", "sent"),),
    "synproxy_ackstorm": (),
    "synproxy_synsend_qlen": (("controller", "cookie_segments_dropped"),),
    "synproxy_no_dest": (),
    "synproxy_conn_reused": (),
    "synproxy_conn_reused_close": (),
    "synproxy_conn_reused_timewait": (),
    "synproxy_conn_reused_finwait": (),
    "synproxy_conn_reused_closewait": (),
    "synproxy_conn_reused_lastack": (),
    "defence_ip_frag_drop": (("drops", "fragment"),),
    "defence_tcp_drop": (("drops", "no_session"),),
    "defence_udp_drop": (("drops", "no_service"),),
    "fast_xmit_reject": (),
    "fast_xmit_pass": (),
    "fast_xmit_skb_copy": (),
    "fast_xmit_no_mac": (),
    "fast_xmit_synproxy_save": (),
    "fast_xmit_dev_lost": (),
    "rst_in_syn_sent": (),
    "rst_out_syn_sent": (),
    "rst_in_established": (("controller", "rst_in_established"),),
    "rst_out_established": (("controller", "rst_out_established"),),
    "gro_pass": (),
    "lro_reject": (),
    "xmit_unexpected_mtu": (("drops", "mtu"), ("drops", "tunnel_mtu"), ("punts", "too_big")),
    "conn_sched_unreach": (("controller", "conn_sched_unreach"),),
    "fast_xmit_reject_inside": (),
    "fast_xmit_pass_inside": (),
    "fast_xmit_synproxy_save_inside": (),
    "conn_exceeded": (("controller", "table_full"),),
}
"""In LVS's order; what counts the same here. Nothing: what it counts is not there (docs/from-lvs.md)."""


def ext_stats(found: Json) -> Iterator[str]:
    """The lines of the file, with one column for the whole switch, of an answer to ``stats``."""
    for name, places in LVS_NAMES.items():
        yield f"{name:<25}:{sum(_value(found, *place) for place in places):10}"


def _value(found: Json, group: str, name: str) -> int:
    """The switch's counters are left out while it does not tell them."""
    value = found[group].get(name, 0)
    return int(value["packets"] if isinstance(value, dict) else value)

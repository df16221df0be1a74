"""What a new configuration changes, in words."""

from __future__ import annotations

from fullnat.config import file
from fullnat.config.describe import described
from fullnat.config.diff import diff, model_of

BEFORE = """\
[[interface]]
port = 1
mac = "02:00:00:00:00:01"
address = "192.0.2.1/24"
[[interface]]
port = 2
mac = "02:00:00:00:00:02"
address = "10.0.0.1/24"
[[route]]
prefix = "198.51.100.0/24"
gateway = "192.0.2.9"
[[virtual_server]]
address = "203.0.113.80"
port = 80
local_addresses = ["10.0.0.100", "10.0.0.101"]
[[virtual_server.real_server]]
address = "10.0.0.11"
port = 80
[[virtual_server.real_server]]
address = "10.0.0.12"
port = 80
"""
AFTER = (
    BEFORE.replace('"10.0.0.11"\nport = 80', '"10.0.0.11"\nport = 80\nweight = 0')
    .replace("10.0.0.12", "10.0.0.13")
    .replace('"10.0.0.100", ', "")
    .replace("port = 80\nlocal", 'port = 80\nscheduler = "rr"\nmax_sessions = 9\nlocal')
    .replace('"10.0.0.1/24"', '"10.0.0.1/24"\nmtu = 9000')
    .replace("198.51.100.0/24", "198.51.0.0/16")
)


def test_every_change_is_named() -> None:
    old, new = model_of(file.parse(BEFORE)), model_of(file.parse("punt_rate = 9\n" + AFTER))
    assert described(diff(old, new), old) == [
        "options of all services: changed (punt_rate 20000 -> 9)",
        "[[interface]] of port 2: changed (mtu 1500 -> 9000)",
        "route to 198.51.100.0/24: removed",
        "route to 198.51.0.0/16: added",
        "virtual server tcp 203.0.113.80:80: changed (scheduler wrr -> rr, max_sessions 0 -> 9)",
        "virtual server tcp 203.0.113.80:80, real server 10.0.0.12:80: removed",
        "virtual server tcp 203.0.113.80:80, real server 10.0.0.11:80: changed (weight 1 -> 0)",
        "virtual server tcp 203.0.113.80:80, real server 10.0.0.13:80: added",
        "virtual server tcp 203.0.113.80:80, local address 10.0.0.100: removed",
    ]


def test_order_and_what_is_wholly_new_or_gone() -> None:
    old = model_of(file.parse(BEFORE))
    turned = file.parse(BEFORE.replace("10.0.0.11", "?").replace("10.0.0.12", "10.0.0.11").replace("?", "10.0.0.12"))
    assert described(diff(old, model_of(turned)), old) == [
        "virtual server tcp 203.0.113.80:80, real servers: put into another order",
    ]
    udp = file.parse(BEFORE.replace("port = 80\nlocal", 'port = 80\nprotocol = "udp"\nlocal'))
    lines = described(diff(old, model_of(udp)), old)
    assert lines[:2] == ["virtual server tcp 203.0.113.80:80: removed", "virtual server udp 203.0.113.80:80: added"]

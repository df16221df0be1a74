"""What the fake core of these tests shows."""

from __future__ import annotations

from fullnat.core.declared.modes import Mode
from fullnat.core.interface import ProbeResult
from fullnat.core.views import LocalAddressView, ServerView, ServiceView, SessionView, TemplateView
from fullnat.net.flow import Endpoint, v4
from p4rt.entries import session

CONFIG_TEXT = """\
[[interface]]
port = 1
mac = "02:00:00:00:00:01"
address = "10.0.0.1/24"

[[virtual_server]]
address = "203.0.113.80"
port = 80
local_addresses = ["10.0.1.1"]
[[virtual_server.real_server]]
address = "10.0.0.11"
port = 8080
"""

NO_ROUTE = (
    "warning: no [[route]] of IPv4 has a gateway: clients outside the subnets of the interfaces get no answer "
    '(prefix = "0.0.0.0/0" leads to all)'
)
"""What is told of CONFIG_TEXT."""

_FIRST = session(1, client=v4(0xC0000209), client_port=1024, local_port=5000, delta=77)
_SECOND = _FIRST._replace(
    session_id=2, client=v4(0xC0000208), client_port=1025, local=v4(0x0A000102), local_port=5001, server=v4(0x0A00000C)
)

VIEWS = [
    SessionView(_FIRST, "ESTABLISHED", "INSTALLED", 4.5, 90.25, ProbeResult(0.1, 1, 2, 3, 4)),
    SessionView(_SECOND, "SYN_RECV", "INSERTING", 0.5, None, None),
]
SERVICES = (
    ServiceView(
        6,
        Endpoint(v4(0xCB007150), 80),
        "rr",
        (
            ServerView(Endpoint(v4(0x0A00000B), 8080), 1, (3,), False, 2, 4, 9, 2),
            ServerView(Endpoint(v4(0x0A00000C), 8080), 0, (4,), True, 1, 1, 1, 1, Mode.NAT),
        ),
        12,
        4,
        {"no_local_port": 3},
    ),
)
LOCALS = (LocalAddressView(v4(0x0A000101), 7, 8, 0, 0, False, 21),)
_WEB = Endpoint(v4(0xCB007150), 80)
TEMPLATES = [
    TemplateView(6, _WEB, v4(0xC0000209), 32, Endpoint(v4(0x0A00000B), 8080), 300.0, 2),
    TemplateView(6, _WEB, v4(0xC6336400), 24, Endpoint(v4(0x0A00000C), 8080), 65.25, 0),
]

"""The table of calls: gRPC, HTTP, their description and the command line tools go by it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fullnat.api.handlers import Handlers
from fullnat.api.identity import Identity, Role
from fullnat.api.v1 import admin_pb2

SERVICE = admin_pb2.DESCRIPTOR.services_by_name["Admin"]
Answer = Callable[[Handlers, Any, Identity], Awaitable[dict[str, Any]]]
Answers = Callable[[Handlers, Any, Identity], AsyncIterator[list[dict[str, Any]]]]


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    """Of the RPC."""
    method: str
    """Of HTTP. A GET has the fields of its message in its query, a POST has it as its body."""
    path: str
    role: Role
    """The least that the caller has to have."""
    answer: Answer | None = None
    answers: Answers | None = None
    """Of a call that streams."""

    @property
    def request(self) -> type[Any]:
        return _message(SERVICE.methods_by_name[self.name].input_type)

    @property
    def response(self) -> type[Any]:
        return _message(SERVICE.methods_by_name[self.name].output_type)

    @property
    def is_audited(self) -> bool:
        """It changes something."""
        return self.role is not Role.READ


def _message(descriptor: Any) -> type[Any]:
    found: type[Any] = getattr(admin_pb2, descriptor.name)
    return found


_READ, _OPERATOR = Role.READ, Role.OPERATOR
CALLS = (
    Call("GetAbout", "GET", "/v1/about", _READ, answer=Handlers.about),
    Call("ListServices", "GET", "/v1/services", _READ, answers=Handlers.services),
    Call("ListLocalAddresses", "GET", "/v1/local_addresses", _READ, answers=Handlers.local_addresses),
    Call("GetNetwork", "GET", "/v1/network", _READ, answer=Handlers.network),
    Call("GetAccess", "GET", "/v1/access", _READ, answer=Handlers.access),
    Call("ListTalkers", "GET", "/v1/talkers", _READ, answers=Handlers.talkers),
    Call("ListSessions", "GET", "/v1/sessions", _READ, answers=Handlers.sessions),
    Call("ListTemplates", "GET", "/v1/templates", _READ, answers=Handlers.templates),
    Call("GetStats", "GET", "/v1/stats", _READ, answer=Handlers.stats),
    # What an operator may not do of it, the commands themselves tell.
    Call("Apply", "POST", "/v1/apply", _OPERATOR, answer=Handlers.apply),
    Call("Zero", "POST", "/v1/zero", _OPERATOR, answer=Handlers.zero),
    Call("Reload", "POST", "/v1/reload", _OPERATOR, answer=Handlers.reload),
    Call("Compare", "POST", "/v1/compare", _READ, answer=Handlers.compare),
    Call("Trace", "POST", "/v1/trace", _READ, answers=Handlers.trace),
    Call("ListSwitches", "GET", "/v1/switches", _READ, answers=Handlers.switches),
    Call("Activate", "POST", "/v1/activate", _OPERATOR, answer=Handlers.activate),
    Call("AddSwitch", "POST", "/v1/add_switch", Role.ADMIN, answer=Handlers.add_switch),
    Call("RemoveSwitch", "POST", "/v1/remove_switch", Role.ADMIN, answer=Handlers.remove_switch),
    Call("UpgradeSwitch", "POST", "/v1/upgrade_switch", Role.ADMIN, answer=Handlers.upgrade_switch),
    Call("DrainSwitch", "POST", "/v1/drain_switch", _OPERATOR, answer=Handlers.drain_switch),
)
BY_NAME: Mapping[str, Call] = {call.name: call for call in CALLS}
BY_PATH: Mapping[str, Call] = {call.path: call for call in CALLS}

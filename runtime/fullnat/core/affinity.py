"""Affinity: the server that a client has already, whatever the scheduler would say."""

from __future__ import annotations

from fullnat.core.servers import Server
from fullnat.core.services import Service
from fullnat.core.templates import Templates
from fullnat.net.flow import Flow


def known_server(templates: Templates, service: Service, flow: Flow, now: float) -> Server | None:
    """The server that the new ``flow`` belongs to; None: the scheduler chooses."""
    return templates.find(service, flow, now)

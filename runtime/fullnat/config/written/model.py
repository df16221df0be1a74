"""A model as the configuration that says it: the inverse of :func:`fullnat.config.diff.model_of`."""

from __future__ import annotations

from dataclasses import fields
from ipaddress import ip_address
from typing import Any

from fullnat.config.model import Config, RealServer, VirtualServer
from fullnat.config.written import toml
from fullnat.config.written.document import document
from fullnat.core.declared.commands import ServiceKey
from fullnat.core.declared.model import Declared, Model
from fullnat.core.protocols.base import BY_NUMBER
from fullnat.net.flow import Endpoint, text


def text_of(model: Model) -> str:
    """``model`` as TOML, of which :func:`fullnat.config.file.parse` makes the same again."""
    return toml.text(document(config_of(model)))


def config_of(model: Model) -> Config:
    return Config(
        **_values(model.settings),
        interfaces=tuple(model.interfaces.values()),
        routes=tuple(model.routes.values()),
        access=model.access,
        virtual_servers=tuple(_virtual(key, declared) for key, declared in model.services.items()),
    )


def _virtual(key: ServiceKey, declared: Declared) -> VirtualServer:
    protocol, virtual = key
    return VirtualServer(
        **_values(declared.settings),
        **_endpoint(virtual),
        protocol=BY_NUMBER[protocol].name,
        access=declared.access,
        local_addresses=tuple(ip_address(text(local)) for local in declared.locals),
        real_servers=tuple(
            RealServer(**_values(settings), **_endpoint(server)) for server, settings in declared.servers.items()
        ),
    )


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    return {"address": ip_address(text(endpoint.address)), "port": endpoint.port}


def _values(settings: Any) -> dict[str, Any]:
    return {each.name: getattr(settings, each.name) for each in fields(settings)}

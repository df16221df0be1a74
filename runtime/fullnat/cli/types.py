"""What options of the command line are made of."""

from __future__ import annotations

import click

from fullnat.config.servers import host_and_port, is_grpc
from fullnat.net.match import interface

MAX_PORT = 510
"""Of a v1model switch."""


class InterfaceType(click.ParamType[tuple[int, str]]):
    """``PORT@INTERFACE``, as simple_switch_grpc has it."""

    name = "PORT@INTERFACE"

    def convert(
        self, value: str | tuple[int, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, str]:
        if isinstance(value, tuple):
            return value
        port, at, name = value.partition("@")
        if not at or not name or not port.isdecimal() or int(port) > MAX_PORT:
            self.fail(f"{value!r} is not PORT@INTERFACE with a port in 0..{MAX_PORT}", param, ctx)
        return int(port), name


class PortType(click.ParamType[int]):
    """``PORT`` or ``PORT.VLAN``, as its number."""

    name = "PORT[.VLAN]"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return interface(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class AddressType(click.ParamType[tuple[str, int]]):
    """``HOST:PORT``."""

    name = "HOST:PORT"

    def convert(
        self, value: str | tuple[str, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        host, port = host_and_port(value)
        if not host or port is None:
            self.fail(f"{value!r} is not HOST:PORT", param, ctx)
        return host.strip("[]"), port


class GrpcType(click.ParamType[str]):
    """An address as gRPC has it (its naming.md), of one server: a host, with or without a scheme, or a Unix socket."""

    name = "HOST:PORT"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not is_grpc(value):
            self.fail(f"{value!r} is neither HOST:PORT nor unix:PATH", param, ctx)
        return value

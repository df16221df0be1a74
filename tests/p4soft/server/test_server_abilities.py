"""What an engine may do beyond the contract, and what is said where it cannot."""

from __future__ import annotations

import ast
from pathlib import Path

import p4soft.api
import pytest
from fake_engine import FakeEngine
from p4soft import api_optional
from p4soft.api import Engine
from p4soft.api_optional import Captures, Compiles, LogsPackets, MissesPorts, Reattaches, WritesBytes
from p4soft.device_socket import PortEngine
from p4soft.embedded import Switch, native_engine
from p4soft.launch import StartError, _start_trace
from p4soft.server.service import P4RuntimeService
from p4switch import NATIVE

SOURCES = Path(p4soft.api.__file__).parent
ABILITIES = {Captures, Compiles, LogsPackets, MissesPorts, Reattaches, WritesBytes}


def able(engine: Engine) -> set[type]:
    return {ability for ability in ABILITIES | {PortEngine} if isinstance(engine, ability)}


@pytest.mark.skipif(not NATIVE, reason="no native engine")
def test_the_native_engine_has_all_abilities() -> None:
    declared = {
        thing for thing in vars(api_optional).values() if getattr(thing, "__module__", None) == api_optional.__name__
    }
    engine = native_engine(0, None)
    assert declared == ABILITIES
    assert able(engine) == ABILITIES | {PortEngine}
    engine.close()


def test_an_engine_may_have_none() -> None:
    switch = Switch(engine_factory=FakeEngine)
    assert able(switch.engine) == set()
    assert P4RuntimeService(switch.engine, 0).wire_writer is None
    with pytest.raises(StartError, match="--log-level trace: this engine does not log packets"):
        _start_trace(switch, 1, False)
    switch.engine.close()


def test_nobody_asks_an_engine_for_an_attribute_by_name() -> None:
    asked = []
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Name) and called.id in ("getattr", "hasattr"):
                asked += [(path.name, text) for text in [ast.unparse(node)] if "engine" in text]
    assert asked == []

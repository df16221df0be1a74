"""Whatever option a service has, each grammar keeps it: TOML, keepalived.conf, the API, and the lines of fnatadm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fnatadm.test_lines import Controller
from fullnat.config import file, keepalived
from fullnat.config.diff import diff, model_of
from fullnat.config.model import Config, VirtualServer
from fullnat.config.written import GRAMMARS, document
from fullnat.fnatadm import saved
from hypothesis import HealthCheck, given, settings

from config.anyservice import NETWORK, configs

FEW = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
PROGRAMS: dict[str, Any] = {"notify_up": "", "notify_down": "", "notify_user": ""}
OF_SERVICES: dict[str, Any] = {
    "quorum_up": "",
    "quorum_down": "",
    "notify_user": "",
    "notify_timeout": 10.0,
    "omega": False,
}


@FEW
@given(configs())
def test_files_say_it(config: Config) -> None:
    toml, unsaid = GRAMMARS["toml"](document(config))
    assert (file.parse(toml), unsaid) == (config, [])
    text, _ = GRAMMARS["keepalived"](document(config))
    values, problems, vain = keepalived.parse(text)
    assert (problems.sorted(), vain) == ([], ())
    assert file.of_document(values, problems) == config


def by_command(virtual: VirtualServer) -> VirtualServer:
    """Without programs, which no command sets; modes are those of the servers, as of ipvsadm's."""
    reals = (replace(real, mode=real.mode or virtual.mode, **PROGRAMS) for real in virtual.real_servers)
    return replace(virtual, real_servers=tuple(reals), **OF_SERVICES)


@pytest.fixture(scope="module")
def controllers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Controller, Controller]:
    first, second = (Controller(tmp_path_factory.mktemp(name)) for name in ("first", "second"))
    return first, second


@FEW
@given(config=configs())
def test_commands_say_it(controllers: tuple[Controller, Controller], config: Config) -> None:
    """What -S writes of it, -R makes another controller of, and the file is written from."""
    first, second = controllers
    config = replace(config, virtual_servers=tuple(map(by_command, config.virtual_servers)))
    for controller in controllers:
        controller.api.runner.apply(diff(controller.api.model, model_of(replace(config, virtual_servers=()))))
    first.api.runner.apply(diff(first.api.model, model_of(config)))
    lines = first.saved()
    second.restore(lines)
    assert second.saved() == lines
    assert diff(second.api.model, first.api.model) == []
    found, problems = saved.document(lines)
    toml, _ = GRAMMARS["toml"](found)
    assert problems == []
    again = file.parse(NETWORK + toml)
    assert diff(model_of(again), first.api.model) == []


OF_ALL: dict[str, Any] = {
    "deny": ["192.0.2.66", "2001:db8:bad::/48"],
    "allow": ["192.0.2.0/24"],
    "refused": "rst",
    "local_port_min": 6000,
    "local_port_max": 7000,
    "punt_rate": 5,
    "punt_burst": 6,
    "source_rate": 7,
    "source_prefix": 24,
    "source_prefix6": 48,
    "syn_proxy_mss": 1400,
    "syn_proxy_scale": 9,
    "syn_proxy_half_open": 100,
}


def test_files_say_what_holds_for_all_services() -> None:
    assert {*OF_ALL} == {*file.GLOBAL}
    text, _ = GRAMMARS["toml"](OF_ALL)
    tagged = NETWORK.replace("port = 1\n", "port = 1\nvlan = 30\nmtu = 9000\n")
    config = file.parse(f"{text}\n{tagged}[timeouts]\nfin_wait = 60\nudp_oneway = 5.5\n")
    written, unsaid = GRAMMARS["toml"](document(config))
    assert (file.parse(written), unsaid) == (config, [])
    values, problems, vain = keepalived.parse(GRAMMARS["keepalived"](document(config))[0])
    assert (problems.sorted(), vain) == ([], ())
    assert file.of_document(values, problems) == config

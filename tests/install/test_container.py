"""Containerfile, compose file, alarms and dashboard. No container runs here: what is tested is their syntax, and that
all that they name is there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from fullnat.app.metrics import described
from fullnat.config import file

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).resolve().parents[2]
CONTAINER = ROOT / "deploy" / "container"
COMPOSE = yaml.safe_load((CONTAINER / "compose.yaml").read_text())
ALARMS = yaml.safe_load((CONTAINER / "prometheus" / "alarms.yml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((CONTAINER / "grafana" / "fullnat.json").read_text())
INSTRUCTIONS = {"FROM", "COPY", "RUN", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}


def metrics() -> set[str]:
    """The names of everything that the controller tells."""
    return set(_labels())


def _labels() -> dict[str, set[str]]:
    """By metric as expressions name it."""
    found: dict[str, set[str]] = {"up": set()}
    for name, kind, labels, _ in described():
        for suffix in ("_bucket", "_sum", "_count") if kind == "histogram" else ("",):
            found[f"{name}{suffix}"] = set(labels)
    return found


def named(expression: str) -> set[str]:
    return set(re.findall(r"\b(fullnat_\w+|up)\b", expression))


def logical(text: str) -> list[str]:
    """The instructions of a Containerfile, without comments and with continued lines joined."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return [line for line in "\n".join(lines).replace("\\\n", " ").splitlines() if line.strip()]


def test_containerfile() -> None:
    instructions = logical((CONTAINER / "Containerfile").read_text())
    assert instructions[0].startswith("FROM ")
    assert {line.split()[0] for line in instructions} == INSTRUCTIONS
    for line in instructions:
        word, _, rest = line.partition(" ")
        if word in ("VOLUME", "ENTRYPOINT", "CMD"):
            assert isinstance(json.loads(rest), list)
    copied = [line.split()[1] for line in instructions if line.startswith("COPY ")]
    assert copied == ["build/dist/fullnat_*.deb", "deploy/container/balancer"]
    assert (ROOT / copied[1]).stat().st_mode & 0o111


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_entry_point() -> None:
    done = subprocess.run(["shellcheck", CONTAINER / "balancer"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_compose_names_what_is_there() -> None:
    services = COMPOSE["services"]
    assert set(services) == {"balancer", "client", "server1", "server2", "prometheus", "grafana"}
    for name, service in services.items():
        assert set(service["networks"]) <= set(COMPOSE["networks"]), name
        assert ("image" in service) != ("build" in service), name
        for volume in service.get("volumes", ()):
            assert (CONTAINER / volume.partition(":")[0]).is_file(), volume
    build = services["balancer"]["build"]
    assert (CONTAINER / build["context"] / build["dockerfile"]).is_file()


def test_the_balancers_configuration_fits_the_networks() -> None:
    config = file.load(CONTAINER / "fullnat.toml")
    services = COMPOSE["services"]
    ports = dict(pair.split("@") for pair in services["balancer"]["environment"]["BALANCER_PORTS"].split())
    assert {str(i.port): str(i.address.ip) for i in config.interfaces} == ports
    given = {network["ipv4_address"] for network in services["balancer"]["networks"].values() if network}
    assert given == set(ports.values())
    (virtual,) = config.virtual_servers
    servers = {services[name]["networks"]["inside"]["ipv4_address"] for name in ("server1", "server2")}
    assert {str(server.address) for server in virtual.real_servers} == servers
    route = f"{virtual.address.exploded.rpartition('.')[0]}.0/24 via {ports['1']}"
    assert route in services["client"]["command"]


def test_alarms_and_dashboard_ask_for_metrics_that_there_are() -> None:
    expressions = [alarm["expr"] for alarm in ALARMS]
    expressions += [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    for expression in expressions:
        assert named(expression), expression
        assert named(expression) <= metrics(), expression


def test_every_alarm_has_its_runbook() -> None:
    sections = re.findall(r"^## (\w+)$", (ROOT / "docs" / "runbooks.md").read_text(), flags=re.MULTILINE)
    assert [alarm["alert"] for alarm in ALARMS] == sections
    assert len(sections) == 25
    for alarm in ALARMS:
        assert set(alarm) <= {"alert", "expr", "for", "annotations"}
        assert set(alarm["annotations"]) == {"summary"}


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed: it is in the package prometheus"
)
def test_prometheus_takes_its_files() -> None:
    """The rules that it asks for are checked with it."""
    done = subprocess.run(
        ["promtool", "check", "config", CONTAINER / "prometheus" / "prometheus.yml"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(ALARMS)} rules found" in done.stdout


def test_alarms_and_dashboard_ask_for_labels_that_there_are() -> None:
    """What is summed by, and what a legend or a summary shows."""
    labels = _labels()
    expressions = [(alarm["expr"], alarm["annotations"]["summary"]) for alarm in ALARMS]
    for panel in DASHBOARD["panels"]:
        expressions += [(target["expr"], target.get("legendFormat", "")) for target in panel["targets"]]
    for expression, words in expressions:
        there = {"instance", "job", "le"}.union(*(labels[name] for name in named(expression)))
        summed = {label for found in re.findall(r"by \(([^)]*)\)", expression) for label in re.split(r",\s*", found)}
        shown = set(re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", words))
        assert summed | shown <= there, expression

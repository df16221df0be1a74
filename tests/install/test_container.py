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
    assert len(sections) == 29
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


def series(instance: str, metric: str, value: float, **labels: str) -> dict[str, str]:
    """One that has this value for an hour."""
    of = ", ".join(f'{name}="{text}"' for name, text in {"instance": instance, **labels}.items())
    return {"series": f"{metric}{{{of}}}", "values": f"{value:g}x60"}


def group(instance: str, leads: bool, left: str, right: str, announced: str) -> list[dict[str, str]]:
    """What a controller of two switches tells, that stands by or leads, when these do that."""
    told = [series(instance, "fullnat_leader", leads), series(instance, "fullnat_etcd_up", 1)]
    told.append(series(instance, "fullnat_switch_up", leads))
    for switch, role in (("left", left), ("right", right)):
        told.append(series(instance, "fullnat_member_role", 1, switch=switch, role=role))
        told.append(series(instance, "fullnat_member_announced", 1, switch=switch, announced=announced))
    return told


def raised(told: list[dict[str, str]], tmp_path: Path) -> set[str]:
    """The alarms that there are after 10 minutes, with their labels, by promtool, which expects none."""
    asked = [{"eval_time": "10m", "alertname": alarm["alert"]} for alarm in ALARMS]
    test = {"interval": "1m", "input_series": told, "alert_rule_test": asked}
    path, rules = tmp_path / "tests.yml", str(CONTAINER / "prometheus" / "alarms.yml")
    path.write_text(yaml.safe_dump({"rule_files": [rules], "evaluation_interval": "1m", "tests": [test]}))
    done = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True, check=False)
    return set(re.findall(r'Labels:\{alertname="(.*)\}$', done.stdout + done.stderr, re.MULTILINE))


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed: it is in the package prometheus"
)
def test_alarms_of_a_group(tmp_path: Path) -> None:
    """Who stands by has switches that are elsewhere, and raises none."""
    stands_by = group("two", False, "elsewhere", "elsewhere", "unknown")
    assert raised(group("one", True, "active", "standby", "announcing") + stands_by, tmp_path) == set()
    assert raised(group("one", True, "active", "away", "announcing") + stands_by, tmp_path) == {
        'FullnatMemberAway", instance="one", role="away", switch="right"',
        'FullnatNoStandby", instance="one"',
    }
    assert raised(group("one", True, "active", "active", "withdrawn") + stands_by, tmp_path) == {
        f'FullnatNotAnnounced", announced="withdrawn", instance="one", switch="{switch}"'
        for switch in ("left", "right")
    }
    lost = [each for each in stands_by if "etcd_up" not in each["series"]] + [series("two", "fullnat_etcd_up", 0)]
    assert raised(lost, tmp_path) == {'FullnatEtcdLost", instance="two"', 'FullnatNoLeader"'}


def test_panels_are_side_by_side() -> None:
    panels = DASHBOARD["panels"]
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert places == [(12 * (number % 2), 8 * (number // 2)) for number in range(len(panels))]


def test_alarms_and_dashboard_ask_for_labels_that_there_are() -> None:
    """What is summed by, and what a legend or a summary shows."""
    labels = _labels()
    expressions = [(alarm["expr"], alarm["annotations"]["summary"]) for alarm in ALARMS]
    for panel in DASHBOARD["panels"]:
        expressions += [(target["expr"], target.get("legendFormat", "")) for target in panel["targets"]]
    for expression, words in expressions:
        there = {"instance", "job", "le", "group"}.union(*(labels[name] for name in named(expression)))
        summed = {label for found in re.findall(r"by \(([^)]*)\)", expression) for label in re.split(r",\s*", found)}
        shown = set(re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", words))
        assert summed | shown <= there, expression

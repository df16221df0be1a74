"""One truth: the calls, the messages, the commands of the core and the settings agree."""

from __future__ import annotations

import subprocess
import typing
from dataclasses import fields
from importlib import util
from pathlib import Path

import pytest
from cli.samples import LOCALS, SERVICES, TEMPLATES, VIEWS
from fullnat.api import openapi, translate
from fullnat.api.calls import CALLS, SERVICE
from fullnat.api.v1 import admin_pb2
from fullnat.app.filters import FILTERS, OF_TEMPLATES
from fullnat.app.shown import histogram_json, server_json, service_json, session_json, template_json
from fullnat.app.traces import TRACED
from fullnat.config import describe
from fullnat.config.model import (
    Check,
    GlobalSettings,
    Interface,
    ServerSettings,
    ServiceSettings,
    StaticRoute,
    Timeouts,
)
from fullnat.core.declared import commands
from fullnat.core.histogram import Histogram

from deploy import proto


def names(message: str) -> set[str]:
    return set(admin_pb2.DESCRIPTOR.message_types_by_name[message].fields_by_name)


def test_what_is_generated_is_of_this_source() -> None:
    assert all(map(proto.is_fresh, proto.SOURCES))


@pytest.mark.skipif(util.find_spec("grpc_tools") is None, reason="grpcio-tools is not here")
@pytest.mark.parametrize("source", proto.SOURCES, ids=lambda source: source.stem)
def test_the_compiler_makes_the_same_again(source: Path, tmp_path: Path) -> None:
    try:
        made = proto.compiled(source, tmp_path)
    except subprocess.CalledProcessError as error:
        pytest.fail(str(error))

    def of_the_messages(text: str) -> list[str]:
        """Without the version of the compiler."""
        return [line for line in text.splitlines() if "AddSerializedFile" in line]

    assert of_the_messages(made) == of_the_messages(proto.made_of(source).read_text())


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("ServiceSettings", ServiceSettings),
        ("ServerSettings", ServerSettings),
        ("Timeouts", Timeouts),
        ("GlobalSettings", GlobalSettings),
        ("Interface", Interface),
        ("Route", StaticRoute),
        ("Check", Check),
    ],
)
def test_messages_have_the_fields_of_the_model(message: str, kind: type) -> None:
    assert names(message) == {each.name for each in fields(kind)} - translate.UNSAID


def test_listings_have_the_fields_of_their_messages() -> None:
    assert names("Session") == set(session_json(VIEWS[0]))
    assert names("Server") == set(server_json(SERVICES[0].servers[0], {}, {})) | {"rates", "checks"}
    assert names("ServiceStats") == set(service_json(SERVICES[0], [])) | {"rates"}
    assert names("LocalAddress") == set(LOCALS[0]._fields)
    assert names("Histogram") == set(histogram_json(Histogram(())))
    assert names("ListSessionsRequest") == set(FILTERS)
    assert names("Traced") == TRACED
    assert names("Template") == set(template_json(TEMPLATES[0]))
    assert names("ListTemplatesRequest") == set(OF_TEMPLATES)


def test_every_command_is_told_and_can_be_given() -> None:
    every = set(typing.get_args(commands.Command))
    words = {f"{verb}{noun}" for verb in describe._VERBS for noun in describe._NOUNS}
    assert {kind.__name__ for kind in every} <= words
    assert set(translate._TRANSLATE) == names("Command")
    named = {"".join(part.title() for part in name.split("_")) for name in names("Command")}
    assert named == {kind.__name__ for kind in every} | {"Clear"}


def test_every_call_is_in_the_table() -> None:
    assert [call.name for call in CALLS] == [method.name for method in SERVICE.methods]
    for call in CALLS:
        assert SERVICE.methods_by_name[call.name].server_streaming == (call.answers is not None)
        assert (call.answer is None) != (call.answers is None)


def test_the_description_is_whole() -> None:
    document = openapi.document()
    assert document["openapi"] == "3.1.0"
    assert list(document["paths"]) == [call.path for call in CALLS]
    assert all(next(iter(path.values()))["summary"] for path in document["paths"].values())
    schemas = document["components"]["schemas"]

    def references(node: object) -> set[str]:
        if isinstance(node, dict):
            found = {node["$ref"].rpartition("/")[2]} if "$ref" in node else set()
            return found.union(*map(references, node.values()))
        return set().union(*map(references, node)) if isinstance(node, list) else set()

    assert references(document) <= set(schemas)
    weight = schemas["ServerSettings"]["properties"]["weight"]
    assert weight == {"type": "integer", "minimum": 0, "maximum": 4294967295}
    assert (
        schemas["ServiceSettings"]["properties"]["new_rate"]["description"] == "New sessions per second; 0 is no limit."
    )
    sessions = document["paths"]["/v1/sessions"]["get"]
    assert [each["name"] for each in sessions["parameters"]] == list(FILTERS)
    assert list(sessions["responses"]["200"]["content"]) == ["application/x-ndjson"]

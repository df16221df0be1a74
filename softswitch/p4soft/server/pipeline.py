"""A loaded pipeline: every P4Info object bound to the engine's, checked once.

:func:`bind` compares the P4Info with the program it claims to describe: names must exist in both and widths be
equal, or the config is refused with INVALID_ARGUMENT naming the object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from finsy.proto import p4i, p4r

from p4soft.api import Action, MatchKind, Program, Table
from p4soft.server.actions import ActionCodec, ActionSet, action_params
from p4soft.server.cells import CounterHandler, MeterHandler, RegisterHandler
from p4soft.server.digest_data import DigestDecoder
from p4soft.server.digests import DigestHandler
from p4soft.server.direct import DirectCounterHandler, DirectMeterHandler
from p4soft.server.errors import invalid
from p4soft.server.indirect import IndirectTableHandler
from p4soft.server.keys import KeyCodec, KeyField, key_fields
from p4soft.server.meters import MeterRules
from p4soft.server.packetio import ControllerHeader, controller_header
from p4soft.server.profiles import ProfileHandler
from p4soft.server.removed import Handlers, digest_names, find_removed
from p4soft.server.replication import ReplicationHandler
from p4soft.server.tables import State, TableHandler
from p4soft.server.translation import Translations
from p4soft.server.value_sets import ValueSetHandler

_Object = TypeVar("_Object")


@dataclass(slots=True)
class Pipeline:
    """Handlers of everything a client can name, by P4Info id."""

    config: p4r.ForwardingPipelineConfig
    engine: State
    tables: Handlers[TableHandler] = field(default_factory=Handlers)
    tables_by_index: dict[int, TableHandler] = field(default_factory=dict)
    direct_counters: dict[int, DirectCounterHandler] = field(default_factory=dict)
    """By table id."""
    direct_meters: dict[int, DirectMeterHandler] = field(default_factory=dict)
    """By table id."""
    counters: Handlers[CounterHandler] = field(default_factory=Handlers)
    meters: Handlers[MeterHandler] = field(default_factory=Handlers)
    registers: Handlers[RegisterHandler] = field(default_factory=Handlers)
    digests: Handlers[DigestHandler] = field(default_factory=Handlers)
    digests_by_name: dict[str, DigestHandler] = field(default_factory=dict)
    replication: ReplicationHandler = field(init=False)
    packet_in: ControllerHeader = field(init=False)
    packet_out: ControllerHeader = field(init=False)
    profiles: Handlers[ProfileHandler] = field(default_factory=Handlers)
    value_sets: Handlers[ValueSetHandler] = field(default_factory=Handlers)
    removed: list[str] = field(default_factory=list)
    """What P4Info lists and the compiler has removed from the program, with its kind."""
    translations: Translations = field(init=False)


def bind(config: p4r.ForwardingPipelineConfig, program: Program, engine: State) -> Pipeline:
    """The handlers of ``config`` over ``engine``, which has loaded ``program``; INVALID_ARGUMENT if they do not fit."""
    pipeline = Pipeline(config, engine)
    info = _without_removed(config.p4info, program, pipeline)
    translations = pipeline.translations = Translations(info.type_info)
    actions = {action.preamble.id: action for action in info.actions}
    meters = {meter.preamble.id: meter for meter in info.direct_meters}
    counters = {counter.preamble.id for counter in info.direct_counters}
    for profile in info.action_profiles:
        pipeline.profiles[profile.preamble.id] = _bind_profile(profile, info, program, engine, actions, translations)
    for table in info.tables:
        handler = _bind_table(table, program, engine, actions, meters, pipeline.profiles, translations)
        pipeline.tables[handler.id] = handler
        pipeline.tables_by_index[handler.index] = handler
        if counters.intersection(table.direct_resource_ids):
            if not handler.has_counter:
                raise invalid(f"table {handler.name}: has a direct counter in P4Info, but none in the program")
            pipeline.direct_counters[handler.id] = DirectCounterHandler(engine, handler)
        else:
            handler.has_counter = False
        if handler.meter is not None:
            pipeline.direct_meters[handler.id] = DirectMeterHandler(engine, handler)
    for counter in info.counters:
        size = _find(program.counters, "counter", counter.preamble.name)
        pipeline.counters[counter.preamble.id] = CounterHandler(engine, counter, size)
    for meter in info.meters:
        size = _find(program.meters, "meter", meter.preamble.name)
        pipeline.meters[meter.preamble.id] = MeterHandler(engine, meter, size)
    for register in info.registers:
        size, bits = _find(program.registers, "register", register.preamble.name)
        pipeline.registers[register.preamble.id] = RegisterHandler(
            engine, register, size, bits, info.type_info, translations
        )
    for digest in info.digests:
        _bind_digest(pipeline, digest, program)
    pipeline.replication = ReplicationHandler(engine, translations.ports)
    pipeline.packet_in = controller_header(info, "packet_in", program.headers, translations)
    pipeline.packet_out = controller_header(info, "packet_out", program.headers, translations)
    for value_set in info.value_sets:
        found = _find(program.value_sets, "value set", value_set.preamble.name)
        pipeline.value_sets[value_set.preamble.id] = ValueSetHandler(engine, value_set, found, translations)
    return pipeline


def _without_removed(info: p4i.P4Info, program: Program, pipeline: Pipeline) -> p4i.P4Info:
    """P4Info without the objects that the compiler removed from the program, of which ``pipeline`` is told."""
    removed = find_removed(info, program)
    if not any(removed.values()):
        return info
    kept = p4i.P4Info()
    kept.CopyFrom(info)
    for kind, names in removed.items():
        handlers: Handlers[Any] = getattr(pipeline, "profiles" if kind == "action_profiles" else kind)
        handlers.removed = names
        pipeline.removed += names.values()
        remaining = [item for item in getattr(info, kind) if item.preamble.id not in names]
        kept.ClearField(kind)  # type: ignore[arg-type]
        getattr(kept, kind).extend(remaining)
    return kept


def _find(objects: Mapping[str, _Object], kind: str, name: str) -> _Object:
    try:
        return objects[name]
    except KeyError:
        raise invalid(f"{kind} {name}: is in P4Info, but not in the program") from None


def _bind_table(
    info: p4i.Table,
    program: Program,
    engine: State,
    actions: Mapping[int, p4i.Action],
    meters: Mapping[int, p4i.DirectMeter],
    profiles: Mapping[int, ProfileHandler],
    translations: Translations,
) -> TableHandler:
    name = info.preamble.name
    table = _find(program.tables, "table", name)
    fields = _bind_key(info, table, translations)
    codecs = _bind_actions(f"table {name}", info.action_refs, table.actions, actions, translations)
    if info.idle_timeout_behavior == p4i.Table.NOTIFY_CONTROL and not table.support_timeout:
        raise invalid(f"table {name}: supports idle timeout in P4Info, but not in the program")
    meter = next((meters[number] for number in info.direct_resource_ids if number in meters), None)
    if meter is not None and not table.has_meter:
        raise invalid(f"table {name}: has a direct meter in P4Info, but none in the program")
    keys = KeyCodec(f"table {name}", fields)
    rules = MeterRules(meter.preamble.name, meter.spec) if meter is not None else None
    profile = profiles.get(info.implementation_id)
    named = profile.name if profile is not None else None
    if info.implementation_id and profile is None:
        raise invalid(f"table {name}: refers to action profile id {info.implementation_id}, which P4Info does not have")
    if named != table.profile:
        raise invalid(f"table {name}: action profile {named} in P4Info, {table.profile} in the program")
    if profile is not None:
        return IndirectTableHandler(engine, info, table, keys, codecs, rules, profile)
    return TableHandler(engine, info, table, keys, codecs, rules)


def _bind_actions(
    owner: str,
    references: Iterable[p4i.ActionRef],
    numbered: Iterable[Action],
    actions: Mapping[int, p4i.Action],
    translations: Translations,
) -> ActionSet:
    numbers = {action.name: action for action in numbered}
    codecs = []
    for reference in references:
        action = actions.get(reference.id)
        if action is None:
            raise invalid(f"{owner}: refers to action id {reference.id}, which P4Info does not have")
        number = _find(numbers, f"{owner}: action", action.preamble.name)
        params = action_params(action, number.param_bits, translations)
        codecs.append(ActionCodec(owner, action, number.index, reference.scope, params))
    return ActionSet(owner, codecs)


def _bind_profile(
    info: p4i.ActionProfile,
    p4info: p4i.P4Info,
    program: Program,
    engine: State,
    actions: Mapping[int, p4i.Action],
    translations: Translations,
) -> ProfileHandler:
    name = info.preamble.name
    profile = _find(program.profiles, "action profile", name)
    if info.with_selector != profile.selector:
        raise invalid(f"action profile {name}: P4Info and the program disagree on whether it has a selector")
    references = {
        reference.id: reference
        for table in p4info.tables
        if table.implementation_id == info.preamble.id
        for reference in table.action_refs
    }
    codecs = _bind_actions(f"action profile {name}", references.values(), profile.actions, actions, translations)
    return ProfileHandler(engine, info, profile, codecs, translations.ports)


def _bind_key(info: p4i.Table, table: Table, translations: Translations) -> tuple[KeyField, ...]:
    name = info.preamble.name
    if len(info.match_fields) != len(table.fields):
        raise invalid(
            f"table {name}: {len(info.match_fields)} match fields in P4Info, {len(table.fields)} in the program"
        )
    fields = key_fields(f"table {name}", info.match_fields, [held.bits for held in table.fields], translations)
    for ours, theirs in zip(fields, table.fields, strict=True):
        # The BMv2 JSON writes optional fields as ternary ones.
        as_written = MatchKind.TERNARY if ours.kind is MatchKind.OPTIONAL else ours.kind
        if theirs.kind not in (ours.kind, as_written):
            raise invalid(f"{ours.what}: {ours.kind.value} in P4Info, {theirs.kind.value} in the program")
    return fields


def _bind_digest(pipeline: Pipeline, info: p4i.Digest, program: Program) -> None:
    name = info.preamble.name
    held = digest_names(pipeline.config.p4info, program).get(name, name)
    bits = _find(program.digests, "digest", held)
    decoder = DigestDecoder(info, pipeline.config.p4info.type_info, bits, pipeline.translations)
    if decoder.bits != bits:
        raise invalid(f"digest {name}: fields of {decoder.bits} bits in P4Info, {bits} in the program")
    handler = DigestHandler(info, decoder)
    pipeline.digests[handler.id] = handler
    pipeline.digests_by_name[held] = handler

"""Actions of a table: ``Action`` messages to the engine's number and packed parameters, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from finsy.proto import p4i, p4r

from p4soft.server.bytestrings import ZERO, has_spare_bits, width
from p4soft.server.errors import RpcError, denied, invalid
from p4soft.server.translation import Translation, Translations, check_width, to_client, to_data


@dataclass(frozen=True, slots=True)
class Param:
    id: int
    name: str
    bits: int
    """In the data plane."""
    what: str
    translation: Translation | None = None


def action_params(action: p4i.Action, bits: Sequence[int], translations: Translations) -> tuple[Param, ...]:
    """The parameters of ``action``, which the program has with so many ``bits``; INVALID_ARGUMENT where the two
    disagree."""
    name = action.preamble.name
    if len(action.params) != len(bits):
        raise invalid(f"action {name}: {len(action.params)} parameters in P4Info, {len(bits)} in the program")
    params = []
    for info, held in zip(action.params, bits, strict=True):
        what = f"action {name}: parameter {info.name}"
        param = Param(info.id, info.name, held, what, translations.of(info.type_name.name))
        check_width(what, info.bitwidth, held, param.translation)
        params.append(param)
    return tuple(params)


class ActionCodec:
    """One action as one table or action profile, the ``owner``, uses it ("table t" in messages). ``index`` is the
    engine's number of it there."""

    def __init__(
        self,
        owner: str,
        action: p4i.Action,
        index: int,
        scope: p4i.ActionRef.Scope.ValueType,
        params: tuple[Param, ...],
    ) -> None:
        self.id = action.preamble.id
        self.name = action.preamble.name
        self.index = index
        self._scope = scope
        self._owner = owner
        self.params = params
        self.native = all(param.translation is None or param.translation.native(param.bits) for param in params)
        """Whether the engine knows what clients mean without us."""
        self._plan = tuple((param.id, width(param.bits)) for param in self.params)
        self._size = sum(size for _, size in self._plan)
        self._spare = []
        start = 0
        for param in self.params:
            if param.bits % 8:
                self._spare.append((start, param.bits % 8))
            start += width(param.bits)

    def encode(self, params: Sequence[p4r.Action.Param]) -> bytes:
        """The packed parameters; INVALID_ARGUMENT for ids, OUT_OF_RANGE for values that do not fit."""
        if not self.native or len(params) != len(self._plan):
            return self._encode_checked(params)
        parts = []
        for param, (param_id, size) in zip(params, self._plan, strict=True):
            value = param.value
            if param.param_id != param_id or not value:
                return self._encode_checked(params)
            parts.append(value.rjust(size, ZERO))
        packed = b"".join(parts)
        if len(packed) == self._size and not (self._spare and has_spare_bits(packed, self._spare)):
            return packed
        return self._encode_checked(params)

    def _encode_checked(self, params: Sequence[p4r.Action.Param]) -> bytes:
        given: dict[int, bytes] = {}
        known = {param.id for param in self.params}
        for param in params:
            if param.param_id not in known:
                raise invalid(f"action {self.name}: no parameter with id {param.param_id}")
            if param.param_id in given:
                raise invalid(f"action {self.name}: parameter {param.param_id} is given twice")
            given[param.param_id] = param.value
        missing = [param.name for param in self.params if param.id not in given]
        if missing:
            raise invalid(f"action {self.name}: missing parameter {', '.join(missing)}")
        return b"".join(to_data(param.translation, given[param.id], param.bits, param.what) for param in self.params)

    def decode_into(self, packed: bytes, action: p4r.Action) -> None:
        """Fill in an Action message from packed parameters."""
        action.action_id = self.id
        start = 0
        if not self.native:
            for param in self.params:
                end = start + width(param.bits)
                action.params.add(param_id=param.id, value=to_client(param.translation, packed[start:end]))
                start = end
            return
        for param_id, size in self._plan:
            end = start + size
            action.params.add(param_id=param_id, value=packed[start:end].lstrip(ZERO) or ZERO)
            start = end

    @property
    def for_entries(self) -> bool:
        """Whether the program lets entries have it."""
        return self._scope != p4i.ActionRef.DEFAULT_ONLY

    def check_scope(self, *, default: bool) -> None:
        """PERMISSION_DENIED where the program marked the action ``@tableonly`` or ``@defaultonly``."""
        if default and self._scope == p4i.ActionRef.TABLE_ONLY:
            raise denied(f"{self._owner}: action {self.name} is not allowed as the default action (@tableonly)")
        if not default and not self.for_entries:
            raise denied(f"{self._owner}: action {self.name} is allowed as the default action only (@defaultonly)")


class ActionSet:
    """All actions of one table or action profile, by P4Info id and by the engine's number."""

    def __init__(self, owner: str, codecs: Sequence[ActionCodec]) -> None:
        self._owner = owner
        self.by_id = {codec.id: codec for codec in codecs}
        self.by_index = {codec.index: codec for codec in codecs}

    def encode(self, action: p4r.TableAction, *, default: bool = False) -> tuple[int, bytes]:
        """(engine action number, packed parameters) of a direct table's action."""
        message = action.action
        codec = self.by_id.get(message.action_id)
        if codec is None:
            raise self._refusal(action)
        codec.check_scope(default=default)
        return codec.index, codec.encode(message.params)

    def encode_action(self, action: p4r.Action) -> tuple[int, bytes]:
        """The same of a member's action."""
        return self.encode(p4r.TableAction(action=action))

    def _refusal(self, action: p4r.TableAction) -> RpcError:
        kind = action.WhichOneof("type")
        if kind != "action":
            return invalid(f"{self._owner}: needs a direct action, {kind or 'nothing'} is given")
        return invalid(f"{self._owner}: has no action with id {action.action.action_id}")

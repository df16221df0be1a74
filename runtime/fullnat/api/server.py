"""A call, from whichever protocol: whether the caller may, what comes of it, and the audit log."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

from fullnat.api import audit
from fullnat.api.calls import Call
from fullnat.api.errors import CallError, Kind
from fullnat.api.handlers import Handlers
from fullnat.api.identity import Identity

Json = dict[str, Any]
_LOGGER = logging.getLogger(__name__)
_FAILED = "the controller failed on this request: see its log"


class Dispatcher:
    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    async def run(self, call: Call, request: Any, caller: Identity) -> AsyncIterator[list[Json]]:
        """The answers, those of one turn at a time; just one for a call that does not stream. Raises CallError and
        nothing else."""
        try:
            allow(call, caller)
            if call.answer is not None:
                yield [await call.answer(self._handlers, request, caller)]
            elif call.answers is not None:
                async for turn in call.answers(self._handlers, request, caller):
                    yield turn
        except CallError as error:
            audit.record(caller, call, request, str(error))
            raise
        except Exception:
            _LOGGER.exception("%s failed for an unforeseen reason", call.name)
            audit.record(caller, call, request, _FAILED)
            raise CallError(Kind.FAILED, _FAILED) from None
        else:
            audit.record(caller, call, request, "done")


def allow(call: Call, caller: Identity) -> None:
    """Raises CallError when the caller's role does not suffice."""
    if caller.role < call.role:
        has = caller.role.name.lower()
        need = call.role.name.lower()
        raise CallError(Kind.DENIED, f"{call.name} needs the role {need}, and {caller.name} has {has}")

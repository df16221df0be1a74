"""The running pipeline, and the one that is saved but not committed yet."""

from __future__ import annotations

import logging
import time

from finsy.proto import p4r

from p4soft.api import Engine, EngineError
from p4soft.server.errors import Code, RpcError, from_engine, invalid, not_found
from p4soft.server.pipeline import Pipeline, bind
from p4soft.server.reconcile import carry_over
from p4soft.server.sizes import sized
from p4soft.server.staging import StagedEngine, replay

_log = logging.getLogger(__name__)


class PipelineStore:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._saved: tuple[Pipeline, StagedEngine] | None = None
        self.running: Pipeline | None = None
        """The pipeline packets take."""

    @property
    def current(self) -> Pipeline | None:
        """The pipeline reads and writes refer to: the saved one if there is one, else the running one."""
        return self._saved[0] if self._saved is not None else self.running

    def to_compile(
        self,
        action: p4r.SetForwardingPipelineConfigRequest.Action.ValueType,
        config: p4r.ForwardingPipelineConfig | None,
    ) -> bytes | None:
        """The program that ``action`` would have the engine compile; INVALID_ARGUMENT where that would be in vain."""
        actions = p4r.SetForwardingPipelineConfigRequest
        if action == actions.COMMIT:
            return sized(self._saved[0].config) if self._saved is not None else None
        checked, _ = self._check(config)
        if action == actions.RECONCILE_AND_COMMIT and self.running is not None:
            running = self.running.config
            if running.p4_device_config == checked.p4_device_config:
                return None
        return sized(checked)

    def verify(self, config: p4r.ForwardingPipelineConfig | None) -> None:
        """INVALID_ARGUMENT unless the engine could run ``config``; changes nothing."""
        checked, _ = self._check(config)
        self._engine_verify(checked)

    def save(self, config: p4r.ForwardingPipelineConfig | None) -> None:
        """Verify and keep ``config``; from now on reads and writes refer to it, packets still take the old one."""
        checked, staged = self._check(config)
        self._engine_verify(checked)
        self._saved = (bind(checked, staged.state.program, staged), staged)

    def commit(self, config: p4r.ForwardingPipelineConfig | None) -> None:
        """Replace the running pipeline; all state is empty afterwards."""
        checked, _ = self._check(config)
        self._load(checked)
        self._saved = None

    def commit_saved(self, config: p4r.ForwardingPipelineConfig | None) -> None:
        """Run the saved pipeline with everything written since it was saved."""
        if config is not None:
            raise invalid("COMMIT takes no config; it commits the saved one")
        if self._saved is None:
            raise not_found("there is no saved config to commit (VERIFY_AND_SAVE comes first)")
        self._run(*self._saved)

    def _run(self, saved: Pipeline, staged: StagedEngine) -> None:
        """Run a pipeline with what was written into it while it was only ``staged``."""
        running = self._load(saved.config)
        self._saved = None
        program = self._engine.program
        assert program is not None
        try:
            replay(staged, self._engine, program)
        except EngineError as error:
            raise from_engine(error, "the pipeline runs, but what was written since it was saved did not fit") from None
        running.translations.adopt(saved.translations)
        running.replication.adopt(saved.replication)
        for number, table in saved.tables.items():
            running.tables[number].adopt(table)
        for number, profile in saved.profiles.items():
            running.profiles[number].adopt(profile)
        for number, digest in saved.digests.items():
            running.digests[number].adopt(digest)

    def reconcile(self, config: p4r.ForwardingPipelineConfig | None) -> None:
        """Run ``config`` with everything that is in the running pipeline. INVALID_ARGUMENT, before anything is changed,
        if some of it does not fit the new one."""
        checked, staged = self._check(config)
        running = self.running
        if running is None:
            self._load(checked)
        elif running.config.p4_device_config == checked.p4_device_config and running.config.p4info == checked.p4info:
            running.config = checked
        else:
            self._engine_verify(checked)
            future = bind(checked, staged.state.program, staged)
            future.translations.adopt(running.translations)
            carry_over(running, self._engine, future, staged)
            self._run(future, staged)
        self._saved = None

    def _check(self, config: p4r.ForwardingPipelineConfig | None) -> tuple[p4r.ForwardingPipelineConfig, StagedEngine]:
        """A private copy of ``config``, checked against its own BMv2 JSON, and a state-only engine for it."""
        if config is None:
            raise invalid("the config is missing")
        if not config.p4_device_config:
            raise invalid("p4_device_config is empty; it takes the BMv2 JSON file that p4c-bm2-ss writes")
        if not config.HasField("p4info"):
            raise invalid("p4info is missing")
        copy = p4r.ForwardingPipelineConfig()
        copy.CopyFrom(config)
        staged = StagedEngine()
        try:
            program = staged.load(sized(copy))
        except EngineError as error:
            raise from_engine(error, "pipeline") from None
        bind(copy, program, staged)
        return copy, staged

    def _engine_verify(self, config: p4r.ForwardingPipelineConfig) -> None:
        try:
            self._engine.verify(sized(config))
        except EngineError as error:
            raise from_engine(error, "pipeline") from None

    def _discard_events(self) -> None:
        """Packets and reports of the old pipeline mean nothing in the new one's terms."""
        for _ in range(64):
            if not self._engine.poll():
                break

    def _load(self, config: p4r.ForwardingPipelineConfig) -> Pipeline:
        start = time.monotonic()
        try:
            program = self._engine.load(sized(config))
        except EngineError as error:
            raise from_engine(error, "pipeline") from None
        self.running = None
        self._discard_events()
        try:
            self.running = bind(config, program, self._engine)
        except RpcError as error:
            # What was read of the same JSON before agreed with the P4Info: a defect of ours.
            raise RpcError(Code.INTERNAL, f"the engine read the program differently: {error.message}") from None
        if self.running.removed:
            _log.info("the compiler removed, since nothing uses them: %s", ", ".join(self.running.removed))
        _log.info("pipeline with %d tables loaded in %.2f s", len(program.tables), time.monotonic() - start)
        return self.running

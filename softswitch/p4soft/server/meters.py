"""MeterConfig messages: which ones a meter may take, and their engine form."""

from __future__ import annotations

from finsy.proto import p4i, p4r

from p4soft.api import MeterConfig
from p4soft.server.errors import invalid, unimplemented


class MeterRules:
    """What the declared type of one meter (direct or indexed) allows."""

    def __init__(self, name: str, spec: p4i.MeterSpec) -> None:
        self._what = f"meter {name}"
        self._type = spec.type

    def encode(self, config: p4r.MeterConfig) -> MeterConfig:
        """The engine's configuration; INVALID_ARGUMENT when the rates do not fit the meter's type."""
        if min(config.cir, config.cburst, config.pir, config.pburst, config.eburst) < 0:
            raise invalid(f"{self._what}: rates and burst sizes cannot be negative")
        if config.pir < config.cir:
            raise invalid(f"{self._what}: pir {config.pir} is below cir {config.cir}")
        if self._type != p4i.MeterSpec.TWO_RATE_THREE_COLOR and (
            config.pir != config.cir or config.pburst != config.cburst
        ):
            raise invalid(f"{self._what}: is a single-rate meter, so pir and pburst must equal cir and cburst")
        if config.eburst:
            if self._type == p4i.MeterSpec.SINGLE_RATE_THREE_COLOR:
                raise unimplemented(f"{self._what}: eburst is not supported")
            raise invalid(f"{self._what}: only a single-rate three-colour meter has an eburst")
        return MeterConfig(config.cir, config.cburst, config.pir, config.pburst)

    @staticmethod
    def decode_into(config: MeterConfig, message: p4r.MeterConfig) -> None:
        message.cir = config.cir
        message.cburst = config.cburst
        message.pir = config.pir
        message.pburst = config.pburst

"""Loihi's number formats, read from the target's file."""

from __future__ import annotations

from dataclasses import dataclass, fields

from snn2chip.errors import ConfigError
from snn2chip.targets.families import format_faults, missing_formats
from snn2chip.targets.types import Target


@dataclass(frozen=True, slots=True)
class LoihiFormats:
    """Bit widths and ranges of one Loihi chip.

    Attributes:
        weight_bits: bits of a stored weight, its sign included.
        weight_exponent_min, weight_exponent_max: range of the shift on synaptic sums.
        decay_bits: of du and dv; 2^decay_bits is a full decay.
        threshold_bits: of the unsigned threshold mantissa, which is shifted left by 6.
        bias_mantissa_bits, bias_exponent_max: of the bias, sign included.
        state_bits: of u and v, sign included.
        delay_max: largest synaptic delay beyond the synapse's own step.
    """

    weight_bits: int
    weight_exponent_min: int
    weight_exponent_max: int
    decay_bits: int
    threshold_bits: int
    bias_mantissa_bits: int
    bias_exponent_max: int
    state_bits: int
    delay_max: int

    @property
    def threshold_max(self) -> int:
        return (1 << self.threshold_bits) - 1

    @property
    def input_max(self) -> int:
        """Largest magnitude of a synaptic sum whose u, shifted by 6, stays in the state's bits."""
        return (1 << (self.state_bits - 1 - 6)) - 1


def formats_of(target: Target) -> LoihiFormats:
    """The formats of a target of the Loihi family.

    Raises:
        ConfigError: formats that are missing, that this arithmetic has not, or that contradict
            each other; all of them are listed.
    """
    names = [f.name for f in fields(LoihiFormats)]
    missing = missing_formats("loihi", target.formats)
    if missing:
        raise ConfigError(
            f"target {target.name!r}: [formats] lacks " + ", ".join(missing),
            needs="every number format of the Loihi family",
            remedy="copy them from `snn2chip targets show loihi2`",
        )
    values = {name: int(constant.value) for name, constant in target.formats.items()}
    faults = [f"{name} {fault}" for name, fault in format_faults("loihi", values)]
    if faults:
        raise ConfigError(
            f"target {target.name!r}: [formats]: " + "; ".join(faults),
            needs="number formats of Loihi's fixed-point arithmetic",
            remedy="correct the values; `snn2chip targets validate` names their lines",
        )
    return LoihiFormats(**{name: int(target.formats[name].value) for name in names})

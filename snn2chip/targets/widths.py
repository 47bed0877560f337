"""A target with narrower weights than its file says."""

from __future__ import annotations

from dataclasses import replace

from snn2chip.errors import ConfigError
from snn2chip.targets.families import format_faults, loihi_weights
from snn2chip.targets.types import Target


def with_weight_bits(target: Target, bits: int) -> Target:
    """The target as a chip whose weights are stored with ``bits`` bits; all else is kept.

    Raises:
        ConfigError: the target has no integer weights, or none of so many bits.
    """
    own = target.formats.get("weight_bits")
    if own is None:
        raise ConfigError(
            f"{bits}-bit weights on target {target.name!r}",
            needs="a chip that computes in integers",
            remedy="another target, such as loihi2",
        )
    faults = [fault for _, fault in format_faults(target.family, {"weight_bits": bits})]
    if bits > own.value:
        faults.append(f"must be at most the {own.value} bits of {target.name}, not {bits}")
    if faults:
        raise ConfigError(f"weight bits {bits}: {faults[0]}", remedy=f"1 to {own.value} bits")
    source = f"{own.source}; narrowed to {bits} bits by the user"
    formats = {**target.formats, "weight_bits": replace(own, value=bits, source=source)}
    if target.family == "loihi":
        for name, end in loihi_weights(bits).items():
            if name in formats:
                formats[name] = replace(formats[name], value=end)
    return replace(target, formats=formats)

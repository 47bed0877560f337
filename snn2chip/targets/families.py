"""Number formats that families of chips have: ranges, and which values contradict each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points

ENTRY_POINT_GROUP = "snn2chip.backends"
"""Group in which installed packages name further families."""

FAMILIES = ("loihi", "none", "reference", "spinnaker", "spinnaker2")
"""Families of this package; ``none`` has limits and prices, and runs as the float reference."""

Range = tuple[int, int]

ANY: dict[str, Range] = {
    "weight_bits": (1, 32),
    "weight_exponent_min": (-62, 62),
    "weight_exponent_max": (-62, 62),
    "decay_bits": (1, 32),
    "bias_mantissa_bits": (0, 32),
    "bias_exponent_max": (0, 62),
    "threshold_bits": (1, 62),
    "state_bits": (1, 62),
    "delay_max": (0, 2**31 - 1),
    "payload_bits": (0, 62),
    "ring_buffer_bits": (1, 62),
    "delayed_weight_bits": (1, 32),
}
"""Lowest and highest value of each format, whatever the chip: what 64-bit integers can hold."""

LOIHI: dict[str, Range] = {
    "weight_bits": (1, 8),
    "weight_exponent_min": (-24, 0),
    "weight_exponent_max": (0, 24),
    "decay_bits": (12, 12),
    "bias_mantissa_bits": (2, 24),
    "bias_exponent_max": (0, 24),
    "threshold_bits": (1, 17),
    "state_bits": (24, 24),
    "delay_max": (0, 2**31 - 1),
}
"""The formats that the Loihi family needs, with the ranges that its arithmetic has. The threshold
is shifted left by 6 and stays within the 23 bits of a membrane."""

SPINNAKER: dict[str, Range] = {
    "weight_bits": (16, 16),
    "ring_buffer_bits": (16, 16),
    "state_bits": (32, 32),
    "delay_max": (0, 15),
}
"""The formats of the SpiNNaker family: those of its firmware, which are not to be had otherwise."""

SPINNAKER2: dict[str, Range] = {
    "weight_bits": (2, 16),
    "delayed_weight_bits": (2, 16),
    "delay_max": (0, 2**31 - 1),
}
"""The formats of the SpiNNaker 2 family; membranes are floats."""

_RANGES = {"loihi": LOIHI, "spinnaker": SPINNAKER, "spinnaker2": SPINNAKER2}
_MAGNITUDE_BITS = 8


def known_families() -> tuple[str, ...]:
    """Families of this package and of installed ones, sorted."""
    installed = {point.name for point in entry_points(group=ENTRY_POINT_GROUP)}
    return tuple(sorted({*FAMILIES, *installed}))


def missing_formats(family: str, formats: Mapping[str, object]) -> tuple[str, ...]:
    """Formats that the family's arithmetic needs and ``formats`` lacks."""
    return tuple(name for name in _RANGES.get(family, ()) if name not in formats)


def format_faults(family: str, values: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Each format that is out of range or contradicts another: its name, and what is wrong."""
    ranges = {**ANY, **_RANGES.get(family, {})}
    whose = f" in the family {family!r}" if family in _RANGES else ""
    for name, value in values.items():
        low, high = ranges.get(name, (value, value))
        if not low <= value <= high:
            allowed = f"{low}" if low == high else f"{low} to {high}"
            yield name, f"must be {allowed}{whose}, not {value}"
    yield from _order(values)
    if family == "loihi":
        yield from _loihi_weights(values)


def _order(values: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    for low, high in (
        ("weight_min", "weight_max"),
        ("weight_exponent_min", "weight_exponent_max"),
        ("weight_inhibitory_min", "weight_excitatory_max"),
    ):
        if low in values and high in values and values[low] > values[high]:
            yield high, f"must be at least {low} = {values[low]}, not {values[high]}"


def loihi_weights(bits: int) -> dict[str, int]:
    """Ends of the weights of ``bits`` bits: a magnitude of 8, and a mixed sign takes one of them.

    Source: Lava 0.10.0, as ``snn2chip.quantize.rounding.weight_range``.
    """
    step = 1 << (_MAGNITUDE_BITS - bits)
    full = 1 << _MAGNITUDE_BITS
    single, mixed = ((full - 1) // s * s for s in (step, 2 * step))
    return {
        "weight_min": -full,
        "weight_max": mixed,
        "weight_excitatory_max": single,
        "weight_inhibitory_min": -single,
    }


def _loihi_weights(values: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    bits = values.get("weight_bits", 0)
    if not 1 <= bits <= _MAGNITUDE_BITS:
        return
    for name, expected in loihi_weights(bits).items():
        if values.get(name, expected) != expected:
            yield (
                name,
                f"must be {expected} where weight_bits is {bits}, or left out, not {values[name]}",
            )

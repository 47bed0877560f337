"""Every key that a target file may hold, with its type, unit and meaning.

A new kind of constant is one line here; the validator, the documentation and the suggestions for
mistyped keys all read these tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["size", "count", "integer", "number", "positive", "range", "lookup"]


@dataclass(frozen=True, slots=True)
class Key:
    """What one constant is.

    Attributes:
        kind: ``size`` (integer >= 1), ``count`` (integer >= 0), ``integer`` (of any sign),
            ``number`` (>= 0), ``positive`` (> 0), ``range`` (two numbers, the lower one first),
            ``lookup`` (integer keys to numbers >= 0).
    """

    kind: Kind
    unit: str
    meaning: str


RESOURCES: dict[str, Key] = {
    "cores": Key("size", "", "cores of the chip"),
    "neurons_per_core": Key("size", "", "neurons of one core"),
    "synaptic_words_per_core": Key("size", "words", "synaptic memory of one core"),
    "word_bits": Key("size", "bit", "width of a word of synaptic memory"),
    "axon_header_bits": Key("count", "bit", "header of the synapses of one axon on one core"),
    "synapse_index_bits": Key("count", "bit", "index stored with each weight"),
    "synapses_per_header": Key("size", "", "synapses that share one header; more start another"),
    "stored_weight_bits": Key("lookup", "bit", "bits of a weight -> bits it occupies"),
    "axons_in_per_core": Key("count", "", "distinct source neurons that reach one core"),
    "axons_out_per_core": Key("count", "", "pairs of a neuron of one core and a destination core"),
    "synapses_per_core": Key("size", "", "synapses into the neurons of one core, all unrolled"),
    "fan_in_per_neuron": Key("size", "", "synapses into one neuron"),
    "populations_per_core": Key("size", "", "populations whose neurons share a core"),
    "routing_entries": Key("size", "", "rows of the routing table of one chip"),
    "sdram_bytes_per_chip": Key("size", "byte", "memory that the cores of a chip share"),
    "dtcm_bytes_per_core": Key("size", "byte", "data memory of one core"),
    "thresholds_per_core": Key("size", "", "distinct thresholds of the neurons of one core"),
}

FORMATS: dict[str, Key] = {
    "weight_bits": Key("size", "bit", "stored weight, its sign included"),
    "delayed_weight_bits": Key("size", "bit", "stored weight beside a delay, its sign included"),
    "weight_min": Key("integer", "", "lowest weight of mixed signs"),
    "weight_max": Key("integer", "", "highest weight of mixed signs"),
    "weight_excitatory_max": Key("integer", "", "highest weight where none is negative"),
    "weight_inhibitory_min": Key("integer", "", "lowest weight where none is positive"),
    "weight_exponent_min": Key("integer", "", "lowest shift of a synaptic sum"),
    "weight_exponent_max": Key("integer", "", "highest shift of a synaptic sum"),
    "decay_bits": Key("size", "bit", "decay factors"),
    "bias_mantissa_bits": Key("count", "bit", "bias mantissa, its sign included"),
    "bias_exponent_max": Key("count", "", "largest shift of a bias"),
    "threshold_bits": Key("size", "bit", "unsigned threshold mantissa"),
    "state_bits": Key("size", "bit", "current and membrane, the sign included"),
    "delay_max": Key("count", "steps", "largest synaptic delay beyond the synapse's own step"),
    "payload_bits": Key("count", "bit", "payload of a spike, 0 where spikes carry none"),
    "ring_buffer_bits": Key("size", "bit", "slot of a ring buffer for what arrives in a step"),
}

MESH: dict[str, Key] = {
    "columns": Key("size", "tiles", "tiles from west to east"),
    "rows": Key("size", "tiles", "tiles from north to south"),
    "cores_per_tile": Key("size", "", "cores that share a router"),
    "multicast": Key("count", "", "1 where routers copy packets on their way to several cores"),
}

_PRICES: dict[str, Key] = {
    "synop": Key("number", "", "synaptic event of any operator"),
    "synop_dense": Key("number", "", "synaptic event of a dense operator"),
    "synop_conv": Key("number", "", "synaptic event of a convolution"),
    "synop_sparse": Key("number", "", "synaptic event of an identity or a sparse operator"),
    "synapse_step": Key("number", "", "synapse and step, with a spike or without"),
    "neuron": Key("number", "", "neuron and step"),
    "neuron_active": Key("number", "", "neuron and step with state, input, bias or a spike"),
    "neuron_inactive": Key("number", "", "neuron and step without any of these"),
    "neuron_access": Key("number", "", "neuron and step, active or not"),
    "neuron_update_extra": Key("number", "", "active neuron and step, on top of the access"),
    "spike_out_extra": Key("number", "", "spike of a neuron, on top of its update"),
    "packet_out": Key("number", "", "packet sent"),
    "packet_in": Key("number", "", "packet received"),
    "spike_tile": Key("number", "", "packet whose destination shares the sender's tile"),
    "hop_ew": Key("number", "", "hop of a packet to the tile in the east or west"),
    "hop_ns": Key("number", "", "hop of a packet to the tile in the north or south"),
    "chip_hop": Key("number", "", "packet over a link between two chips"),
}

PREFIXES = {"e": "pJ", "t": "ns", "cycles": "cycles"}
"""What a price of an event may be stated in; cycles need ``clock_mhz``."""

_CLOCK: dict[str, Key] = {
    "clock_mhz": Key("positive", "MHz", "clock of the cores"),
    "t_core_step": Key("number", "ns", "what a core does in each step whatever happens"),
    "cycles_core_step": Key("number", "cycles", "what a core does in each step whatever happens"),
    "t_tick": Key("positive", "ns", "length of a step in real time"),
    "t_barrier": Key("lookup", "ns", "barrier by mapped tiles, linear between the entries"),
    "t_barrier_by_tiles": Key("lookup", "ns", "barrier by mapped tiles, floor look-up"),
}

_POWER: dict[str, Key] = {
    "p_static_chip": Key("number", "mW", "static power of one chip"),
    "p_clock_per_mhz": Key("number", "mW/MHz", "power of the idle clock, on top of the static one"),
    "p_active_core": Key("number", "mW", "power of one core that is used, on top of the chip's"),
}

_INFORMATION: dict[str, Key] = {
    "vdd": Key("number", "V", "supply voltage of the figures"),
    "e_barrier": Key("number", "pJ", "barrier synchronization of a step"),
    "e_weight_load": Key("number", "pJ", "loading a weight"),
    "e_io": Key("number", "pJ", "input and output of the chip"),
    "e_register": Key("number", "pJ", "register access"),
    "e_clock": Key("number", "pJ", "clock tree"),
    "e_control": Key("number", "pJ", "control logic"),
    "e_leak_event": Key("number", "pJ", "event that makes all neurons of a core leak"),
    "e_stdp_update": Key("number", "pJ", "synaptic plasticity update"),
    "e_chip_link_bit": Key("number", "pJ", "bit over a link between chips"),
    "e_dram_access": Key("number", "pJ", "access to memory beside the chip"),
    "e_packet_payload": Key("number", "pJ", "packet with a payload"),
    "t_step_min": Key("number", "ns", "least time of a step"),
    "p_idle_chip": Key("number", "mW", "chip that is idle"),
    "p_host_active": Key("number", "mW", "host processors beside the cores"),
    "p_board_idle": Key("number", "mW", "board that is idle, all its chips included"),
    "e_synop_measured_bound": Key("range", "pJ", "measured upper bound per synaptic event"),
    "t_synop_measured_bound": Key("range", "ns", "measured upper bound per synaptic event"),
}

_LOGIC: dict[str, Key] = {
    **{
        f"e_{operation}_{width}": Key("number", "pJ", f"{word} of {width}")
        for operation, word in (("add", "addition"), ("mul", "multiplication"))
        for width in ("int8", "int16", "int32", "fp16", "fp32")
    },
    "memory_word_bits": Key("size", "bit", "weight, membrane or address in memory"),
    "e_sram64b_by_bytes": Key("lookup", "pJ", "64-bit access to an SRAM of so many bytes"),
    "e_dram64b": Key("range", "pJ", "64-bit access to DRAM"),
}

_CONGESTION: dict[str, Key] = {
    "link_buffer": Key("size", "packets", "packets that a link of the mesh holds before one waits"),
}

COSTS: dict[str, Key] = {
    **{
        f"{prefix}_{name}": Key(key.kind, unit, key.meaning)
        for prefix, unit in PREFIXES.items()
        for name, key in _PRICES.items()
    },
    **_CLOCK,
    **_POWER,
    **_INFORMATION,
    **_LOGIC,
    **_CONGESTION,
}

ENERGIES = tuple(f"e_{name}" for name in _PRICES)
"""Energy prices of events; a table of scope ``all_in`` has none beside ``e_synop``."""

MEMORY_FORMULA = ("memory_word_bits", "e_add_int32", "e_mul_int32", "e_sram64b_by_bytes")
"""What a table of the formula ``memory`` cannot do without."""

_EACH = ("neuron",)
_SPLIT = ("neuron_active", "neuron_inactive")
_EXTRA = ("neuron_access", "neuron_update_extra")
_EVENTS = ("synop", "synop_dense", "synop_conv", "synop_sparse")
_ALL = ("synapse_step",)

EXCLUSIVE: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    *(
        (tuple(f"{prefix}_{name}" for name in one), tuple(f"{prefix}_{name}" for name in other))
        for prefix in PREFIXES
        for one, other in ((_EACH, _SPLIT), (_EACH, _EXTRA), (_SPLIT, _EXTRA), (_EVENTS, _ALL))
    ),
    *(((f"t_{name}",), (f"cycles_{name}",)) for name in (*_PRICES, "core_step")),
    (("t_barrier",), ("t_barrier_by_tiles",)),
)
"""Pairs of groups of prices that would count the same event twice."""

NEEDS: tuple[tuple[tuple[str, ...], str], ...] = (
    ((*(f"cycles_{name}" for name in _PRICES), "cycles_core_step", "p_clock_per_mhz"), "clock_mhz"),
)
"""Constants that mean nothing without another one."""

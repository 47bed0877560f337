"""SDNN and RF neurons of a ``.net`` file as parameters of Lava's processes.

SDNN: Delta in an input layer, Sigma where the group has ``sigma_output``, else SigmaDelta with
RELU; spike_exp = state_exp = 6, vth = vThMant and the bias in units of 2^-12 of their values. RF:
resonators without reset where the type has PHASE, else RF_IZ; state_exp = 6, decay_bits = 12. Their
decays go through a period and an amplitude in float64 and back, as in netx, which may cut them by
one. Source: lava-dl 0.6.0, ``netx.hdf5`` and ``slayer.neuron.rf.neuron_params``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi.netx.neurons import (
    CUBA,
    bias_array,
    cuba_notes,
    cuba_parameters,
    neuron_array,
)
from snn2chip.backends.loihi.netx.storage import EXPORT_AGAIN, NetLayer, NetNeuron
from snn2chip.backends.loihi.neurons.cuba_driven import DRIVEN
from snn2chip.backends.loihi.neurons.sigma_delta import DRIVEN_DELTA
from snn2chip.errors import InputFileError
from snn2chip.graph.operators import Shape

SDNN = "SDNN"
_SPIKE_EXP = _STATE_EXP = 6
_DECAY_BITS = 12
_ONE = 1 << _DECAY_BITS


class Made(NamedTuple):
    """Neurons of a layer.

    Attributes:
        kind: what reports call them.
        graded: they send whole numbers, which the next layer's synapses multiply.
    """

    model: str
    kind: str
    parameters: dict[str, NDArray[np.int64]]
    graded: bool = False


def is_resonator(neuron: NetNeuron | None) -> bool:
    """Whether the group's neurons resonate, as netx tells it."""
    return neuron is not None and neuron.kind not in (*CUBA, SDNN) and "RF" in neuron.kind


def make_neurons(layer: NetLayer, shape: Shape) -> Made:
    """The neurons of a layer; parameters broadcast to ``shape``.

    Raises:
        InputFileError: values that make no such neurons.
    """
    neuron, driven = layer.neuron, layer.kind == "input"
    if neuron is not None and neuron.kind == SDNN:
        return _sigma_delta(layer, neuron, shape)
    if neuron is not None and is_resonator(neuron):
        return _resonator(layer, neuron)
    return Made(DRIVEN if driven else "cuba", "CubaLIF", cuba_parameters(layer, shape))


def neuron_notes(layer: NetLayer, made: Made) -> Iterator[str]:
    """What Lava computes with, although the chip has not so many bits, or the file says else."""
    if made.kind == "CubaLIF":
        yield from cuba_notes(layer, made.parameters)
    if made.model.startswith("rf"):
        for key in ("bias", "delay"):
            if key in layer.arrays:
                yield f"{layer.name}: {key} of resonators is ignored, as in netx"
    if made.graded and made.model != "sigma":
        yield f"{layer.name}: {made.kind} neurons, whose 1.0 is 64 (lava-dl's fixed point)"


def _sigma_delta(layer: NetLayer, neuron: NetNeuron, shape: Shape) -> Made:
    if layer.kind != "input" and "sigma_output" in neuron.arrays:
        return Made("sigma", "Sigma", {}, graded=True)
    unit = _SPIKE_EXP + _STATE_EXP
    threshold = _single(layer, neuron, "vThMant", "vThMant")
    encoder = {
        "vth": _int32(threshold << unit),
        "cum_error": np.array(0),
        "spike_exp": np.array(_SPIKE_EXP),
        "state_exp": np.array(_STATE_EXP),
    }
    if layer.kind == "input":
        return Made(DRIVEN_DELTA, "Delta", encoder, graded=True)
    bias = _int32(bias_array(layer, shape) << unit)
    parameters = {**encoder, "bias": bias, "relu": np.array(1)}
    return Made("sigma_delta", "SigmaDelta", parameters, graded=True)


def _resonator(layer: NetLayer, neuron: NetNeuron) -> Made:
    needed = "sinDecay, cosDecay and vThMant"
    sine, cosine, threshold = (
        _single(layer, neuron, key, needed) for key in ("sinDecay", "cosDecay", "vThMant")
    )
    sin, cos = _through_period(int(sine), int(cosine))
    parameters = {
        "cos": np.array(cos),
        "sin": np.array(sin),
        "decay_bits": np.array(_DECAY_BITS),
        "state_exp": np.array(_STATE_EXP),
        "vth": _int32(threshold << _STATE_EXP),
    }
    phase = "PHASE" in neuron.kind
    return Made("rf" if phase else "rf_iz", "RF" if phase else "RF_IZ", parameters)


def _through_period(sine: int, cosine: int) -> tuple[int, int]:
    """(sin, cos) as Lava's RF process holds them, in the float64 steps that netx takes."""
    with np.errstate(divide="ignore"):
        sin, cos = np.float64(sine) / _ONE, np.float64(cosine) / _ONE
        alpha = 1 - np.sqrt(sin**2 + cos**2)
        period = 1 / (np.arctan2(sin, cos) / 2 / np.pi)
        angle = np.pi * 2 * 1 / period
    return int((1 - alpha) * np.sin(angle) * _ONE), int((1 - alpha) * np.cos(angle) * _ONE)


def _single(layer: NetLayer, neuron: NetNeuron, key: str, needed: str) -> NDArray[np.int64]:
    values = neuron_array(layer, neuron, key, (1,), needed) if _is_single(neuron, key) else None
    if values is None:
        raise InputFileError(
            f"{layer.name}: {key} of {neuron.kind} neurons",
            needs="one value for the layer",
            has=f"shape {neuron.arrays[key].shape}",
            remedy=EXPORT_AGAIN,
        )
    return values.reshape(())


def _is_single(neuron: NetNeuron, key: str) -> bool:
    return key not in neuron.arrays or neuron.arrays[key].size == 1


def _int32(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return values.astype(np.int32).astype(np.int64)

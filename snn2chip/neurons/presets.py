"""What each framework does in one step: the presets, and where each line of them is read.

========== =====================================================================================
norse      norse 1.1.0 ``torch/functional``; a recurrent layer's bias is missing at step 0
snntorch   snntorch 1.0.0 ``import_nir`` and ``_neurons`` with ``reset_delay=False``, as NIR files
           are imported; a network trained with the defaults has reset=subtract, reset_time=fire
           and cuba_reset_time=fire, which the exporter writes
spikingjelly  spikingjelly 2.0.0 ``activation_based/neuron``, ``nir_exchange``
sinabs     sinabs 3.1.3 ``nir``, ``layers/functional``: R is ignored, an IF's v is kept above minus
           its threshold; tau in steps, so dt = 1
rockpool   rockpool 3.1.0 ``nn/modules/torch/lif_torch``: R is ignored
lava       Lava's CUBA neuron in floats; every synapse adds a step
nengo      nengo 4 ``neurons.LIF`` with tau_ref = 0: v is kept above 0
spyx       spyx 1.0.0 ``nn``: a neuron sends the spike of its state before the step
spinnaker2 py-spinnaker2 ``s2_nir`` with the forward integrator: a spike is seen one step later, the
           bias does not pass the synapse, weights are int8
========== =====================================================================================

Each was compared with the published rasters and traces of the frameworks in the NIR paper's
repository (github.com/neuromorphs/NIR, folder ``paper``).
"""

from __future__ import annotations

from typing import Any

from snn2chip.errors import ConfigError, did_you_mean
from snn2chip.neurons.discretization import Discretization, from_options

PRESETS: dict[str, dict[str, str | int]] = {
    "norse": {"early_bias": "dropped"},
    "snntorch": {"reset_time": "both", "cuba_reset_time": "both", "initial_v": "zero"},
    "spikingjelly": {"if_gain": "dt", "fires": ">=", "initial_v": "v_reset"},
    "sinabs": {
        "integrator": "exact",
        "input_gain": "one",
        "synapse_gain": "decay",
        "reset": "multi",
        "fires": ">=",
        "initial_v": "zero",
        "if_floor": "threshold",
    },
    "rockpool": {
        "integrator": "exact",
        "input_gain": "one",
        "synapse_gain": "decay",
        "reset": "multi",
        "fires": ">=",
        "initial_v": "zero",
    },
    "lava": {"initial_v": "zero", "input_latency": 1},
    "nengo": {
        "integrator": "exact",
        "initial_v": "zero",
        "v_floor": "zero",
    },
    "spyx": {
        "reset": "subtract",
        "reset_time": "fire",
        "cuba_reset_time": "leak",
        "initial_v": "zero",
        "recurrent_delay": 0,
        "output_latency": 1,
    },
    "spinnaker2": {
        "initial_v": "zero",
        "bias_path": "membrane",
        "weights": "int8",
        "input_latency": 1,
    },
}
"""Options of each preset that differ from Discretization's defaults."""


def from_preset(preset: str, dt: float, **overrides: Any) -> Discretization:
    """The discretization named ``preset`` with step ``dt`` and single overrides.

    Raises:
        ConfigError: no such preset or option, with a suggestion.
    """
    if preset not in PRESETS:
        raise ConfigError(
            f"unknown preset {preset!r}",
            has=", ".join(PRESETS),
            remedy=did_you_mean(preset, list(PRESETS)),
        )
    return from_options(preset, float(dt), {**PRESETS[preset], **overrides})


def overrides_of(discretization: Discretization) -> dict[str, str | int]:
    """Options that differ from those of the preset the value is named after.

    Those of single populations are called ``population.option``.
    """
    plain = from_preset(discretization.preset, discretization.dt).options()
    found = {
        name: value for name, value in discretization.options().items() if value != plain[name]
    }
    return found | {f"{owner}.{name}": value for owner, name, value in discretization.exceptions}


def summary(discretization: Discretization) -> str:
    """One line: preset, dt, and every option that differs from the preset's."""
    told = (f", {name} {value}" for name, value in overrides_of(discretization).items())
    return f"{discretization.preset}, dt {discretization.dt:g}" + "".join(told)

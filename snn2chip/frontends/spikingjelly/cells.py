"""SpikingJelly's neurons as NIR neurons.

The equations were read in spikingjelly 2.0.0 ``activation_based/neuron`` and
``activation_based/functional/neuron``, and hold with the preset ``spikingjelly``. With tau in steps
and v_0 = v_reset, or 0 where v_reset is None::

    IFNode, SimpleIFNode      v += x                                   -> IF, r = 1/dt
    LIFNode, SimpleLIFNode    v += (x - (v - v_0)) / tau               -> LIF, r = 1
      decay_input=False       v += x - (v - v_0) / tau                 -> LIF, r = tau
    ParametricLIFNode         as LIFNode with 1/tau = sigmoid(w)       -> LIF
    CUBALIFNode               c = c_decay c + x ; v = v_decay v + c    -> CubaLIF, v_leak = 0,
                              w_in = 1 / (1 - c_decay), r = 1 / (1 - v_decay)
    NonSpikingLIFNode         v += (x - v) / tau                       -> LI, r = 1
    all that spike            z = v >= v_threshold ; v = v_reset, or v - v_threshold if it is None

An input that does not decay counts 1 whatever the leak is: the option ``input_gain`` (of a synapse
``synapse_gain``) says so without rounding, and r and w_in say it to readers that have no such
option.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.nir.nodes import Param
from snn2chip.frontends.torch.builder import Builder, numbers, spread
from snn2chip.frontends.torch.framework import Emit
from snn2chip.graph.operators import Array, Shape

KINDS = {
    "IFNode": "IF",
    "SimpleIFNode": "IF",
    "LIFNode": "LIF",
    "SimpleLIFNode": "LIF",
    "ParametricLIFNode": "LIF",
    "CUBALIFNode": "CubaLIF",
    "NonSpikingLIFNode": "LI",
}
"""SpikingJelly's neurons by name, and what NIR calls them."""

_PROBE = (-2.0, -0.75, -1e-12, 0.0, 1e-12, 0.75, 2.0)
"""Values of v - v_threshold at which a surrogate function must give 0 or 1."""


def cell(builder: Builder, module: Any, path: str) -> None:
    """A layer of neurons under its own path.

    Raises:
        UnsupportedError: neurons that do not give spikes of 1 at the threshold, a membrane that
            starts neither at rest nor at 0, or a current or membrane without leak.
    """
    kind = KINDS[type(module).__name__]
    name = path or type(module).__name__
    match kind:
        case "IF":
            params, options = _integrate(builder)
        case "CubaLIF":
            params, options = _current(builder, module, name)
        case _:
            params, options = _leaky(builder, module, name)
    if kind != "LI":
        _check_fires(module, name)
        shape = builder.shape
        params["v_threshold"] = _spread(module.v_threshold, shape, name, "v_threshold")
        params["v_reset"] = _spread(_bottom(module), shape, name, "v_reset")
        options["reset"] = "subtract" if module.v_reset is None else "zero"
    options["initial_v"] = _start(module, params, name)
    builder.cell(path, module, kind, options, **params)


CELLS: dict[str, Emit] = dict.fromkeys(KINDS, cell)


def _integrate(builder: Builder) -> tuple[dict[str, Param], dict[str, str]]:
    """An IF that adds its input; dt times r is 1 up to rounding."""
    r = 1.0 / builder.dt
    gain = "matched" if builder.dt * r == 1.0 else "one"
    return {"r": np.full(builder.shape, r)}, {"input_gain": gain}


def _leaky(builder: Builder, module: Any, name: str) -> tuple[dict[str, Param], dict[str, str]]:
    """A LIF or LI, whose input decays or not."""
    shape = builder.shape
    if hasattr(module, "w"):
        steps = 1.0 / _spread(module.w.detach().double().sigmoid(), shape, name, "w")
    else:
        steps = _spread(module.tau, shape, name, "tau")
    decays = getattr(module, "decay_input", True)
    params: dict[str, Param] = {
        "tau": steps * builder.dt,
        "r": np.ones(shape) if decays else steps,
        "v_leak": _spread(_bottom(module), shape, name, "v_reset"),
    }
    return params, {"input_gain": "matched" if decays else "one"}


def _current(builder: Builder, module: Any, name: str) -> tuple[dict[str, Param], dict[str, str]]:
    """A CubaLIF whose current and membrane add their inputs."""
    shape = builder.shape
    synapse, membrane = (
        _steps(module, decay, shape, name, builder.dt) for decay in ("c_decay", "v_decay")
    )
    params: dict[str, Param] = {
        "tau_syn": synapse * builder.dt,
        "tau_mem": membrane * builder.dt,
        "r": membrane,
        "w_in": synapse,
        "v_leak": np.zeros(shape),
    }
    return params, {"input_gain": "one", "synapse_gain": "one"}


def _steps(module: Any, decay: str, shape: Shape, name: str, dt: float) -> Array:
    """The time constant of a decay per step, in steps: 1 / (1 - decay)."""
    value = _spread(getattr(module, decay), shape, name, decay)
    if not ((value >= 0.0) & (value < 1.0)).all():
        raise UnsupportedError(
            f"module {name!r}: {decay} is {getattr(module, decay)}",
            needs="a decay from 0 up to, but not, 1: NIR has a time constant there",
        )
    steps: Array = 1.0 / (1.0 - value)
    return steps


def _spread(value: Any, shape: Shape, path: str, name: str) -> Array:
    """A number or tensor in the population's shape; Python's floats keep their double precision."""
    import torch

    return spread(torch.as_tensor(value, dtype=torch.float64), shape, path, name)


def _bottom(module: Any) -> Any:
    """v_reset, or 0 where a spike subtracts the threshold or there are no spikes."""
    found = getattr(module, "v_reset", None)
    return 0.0 if found is None else found


def _start(module: Any, params: dict[str, Param], name: str) -> str:
    """Option initial_v: what the value that SpikingJelly resets the membrane to is."""
    import torch

    if not hasattr(module, "get_reset_value"):
        return "v_leak"
    start = numbers(torch.as_tensor(module.get_reset_value("v"), dtype=torch.float64))
    for option in ("v_reset", "v_leak"):
        if option in params and (start == params[option]).all():
            return option
    if (start == 0.0).all():
        return "zero"
    raise UnsupportedError(
        f"module {name!r} ({type(module).__name__}) starts at v = {start.reshape(-1)[0]}",
        needs="a membrane that starts at v_reset, at rest or at 0",
        remedy="leave the reset value of v as it was built",
    )


def _check_fires(module: Any, name: str) -> None:
    """Refuses what does not give 1 from the threshold on and 0 below it."""
    import torch

    distance = torch.tensor(_PROBE, dtype=torch.float64)
    with torch.no_grad():
        spikes = module.surrogate_function.forward(distance)  # no call: those are being followed
    if not torch.equal(spikes, (distance >= 0).to(spikes)):
        raise UnsupportedError(
            f"module {name!r} ({type(module).__name__}) gives no spikes of 0 and 1",
            needs="spikes of 1 from the threshold on",
            has=f"surrogate_function {module.surrogate_function}",
            remedy="a surrogate function with spiking=True; in evaluation they are all the same",
        )

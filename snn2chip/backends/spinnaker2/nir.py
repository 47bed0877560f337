"""A program as NIR that py-spinnaker2's ``s2_nir.from_nir`` turns into the same neurons.

Weights are whole already and are not scaled again; with the exponential integrator and r = 1 / (1 -
alpha) its formulas give the program's own alpha, threshold and constant current. It sums biases of
several projections wrongly, so that a bias is the leak's where there is one, and else that of the
only projection. Membranes start at 0 there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Program, ProgramPopulation, ProgramProjection, chip_delay
from snn2chip.errors import UnsupportedError, combine
from snn2chip.frontends.nir.storage.writer import write_plain
from snn2chip.frontends.nir.write import nodes_of
from snn2chip.graph import Conv, Dense, Graph, Population, Projection, Readout
from snn2chip.graph.operators import with_weights
from snn2chip.neurons import IF, LIF, CubaLIF, Input, Neuron
from snn2chip.neurons.presets import from_preset

STEP_S = 1e-3

CONVERSION = {
    "dt": STEP_S,
    "conn_delay": 0,
    "scale_weights": False,
    "integrator": "Exponential-Euler",
}
"""Of ``ConversionConfig``, which the network needs; its ``reset`` is in the network's metadata."""

_NO_MEMORY = STEP_S / 800.0
"""A time constant of which nothing is left after a step, in float64."""

Floats = NDArray[np.float64]


def nir_file(program: Program) -> bytes:
    """The file's content.

    Raises:
        UnsupportedError: what ``s2_nir`` would not take or take for something else, all at once.
    """
    if errors := list(_errors(program)):
        raise combine(errors)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.nir"
        write_plain(nodes_of(as_graph(program)), path)
        return path.read_bytes()


def as_graph(program: Program) -> Graph:
    """The program in NIR's terms, weights whole."""
    subtracts = any(_subtracts(p) for p in program.populations)
    discretization = from_preset(
        "spinnaker2",
        STEP_S,
        integrator="exact",
        weights="float",
        input_latency=0,
        reset="subtract" if subtracts else "zero",
    )
    return Graph(
        name=program.name,
        populations=tuple(Population(p.name, _neuron(p), p.shape) for p in program.populations),
        projections=tuple(
            Projection(
                source=p.source,
                target=p.target,
                operator=with_weights(p.operator, _weights(p)),
                bias=_bias(program, p),
                delay=p.delay,
            )
            for p in program.projections
        ),
        outputs=program.outputs,
        discretization=discretization,
        readout=_readout(program),
        encoding=program.encoding,
        classes=program.classes,
    )


def _readout(program: Program) -> Readout:
    """Membranes are read of neurons that never fire here, which a graph's readout cannot say."""
    return program.readout if program.readout.kind == "spike_count" else Readout()


def _weights(projection: ProgramProjection) -> Floats:
    operator: Any = projection.operator
    found: Floats = operator.weight.astype(np.float64)
    return found


def _bias(program: Program, projection: ProgramProjection) -> Floats | None:
    """The constant current of neurons without a leak, whose NIR has no other place for it."""
    target = program.population(projection.target)
    if not _leakless(target) or not np.any(target.parameters["i_offset"]):
        return None
    first = program.incoming(target.name)[0]
    return (
        np.broadcast_to(target.parameters["i_offset"], target.shape)
        if first is projection
        else None
    )


def _neuron(p: ProgramPopulation) -> Neuron:
    if p.is_input:
        return Input()
    alpha, offset, threshold = (
        np.broadcast_to(p.parameters[name], p.shape).astype(np.float64)
        for name in ("alpha", "i_offset", "threshold")
    )
    zero, one = np.zeros(p.shape), np.ones(p.shape)
    if _leakless(p):
        return IF(r=one, v_threshold=threshold, v_reset=zero)
    lost = 1.0 - alpha
    leak = {"r": 1.0 / lost, "v_leak": offset / lost, "v_threshold": threshold, "v_reset": zero}
    if "decay" not in p.parameters:
        return LIF(tau=_tau(alpha), **leak)
    decay = np.broadcast_to(p.parameters["decay"], p.shape).astype(np.float64)
    return CubaLIF(tau_syn=_tau(decay), tau_mem=_tau(alpha), w_in=1.0 / (1.0 - decay), **leak)


def _tau(factor: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        found: Floats = np.maximum(-STEP_S / np.log(factor), _NO_MEMORY)
    return found


def _leakless(p: ProgramPopulation) -> bool:
    return "decay" not in p.parameters and bool((p.parameters["alpha"] == 1.0).all())


def _subtracts(p: ProgramPopulation) -> bool:
    return not p.is_input and bool(p.parameters["subtracts"])


def _errors(program: Program) -> Iterator[UnsupportedError]:
    neurons = [p for p in program.populations if not p.is_input]
    if len({_subtracts(p) for p in neurons if p.spiking}) > 1:
        yield _error(
            f"network {program.name!r}: resets to 0 and by subtraction", "one kind of reset"
        )
    for p in neurons:
        alpha = p.parameters["alpha"]
        if (alpha == 1.0).any() and not _leakless(p):
            yield _error(f"population {p.name!r}: some neurons leak and some do not", "all or none")
        convolved = any(isinstance(q.operator, Conv) for q in program.incoming(p.name))
        if convolved and "decay" in p.parameters:
            yield _error(
                f"population {p.name!r}: a synaptic current behind a convolution", "LIF or IF"
            )
        if convolved and _leakless(p) and np.any(p.parameters["i_offset"]):
            yield _error(
                f"population {p.name!r}: biases behind a convolution", "a leak, or no bias"
            )
    for q in program.hosted:
        yield _error(f"population {q.target!r}: constant currents that change by sample", "spikes")
    for q in program.projections:
        operator = q.operator
        if int(chip_delay(program, q).max()) > 1:
            yield _error(f"projection {q.name}: a delay", "synapses of one step")
        plain = isinstance(operator, Dense) or is_plain(operator)
        if not plain:
            kind = type(operator).__name__.lower()
            yield _error(f"projection {q.name}: {kind}", "matrices and plain 2-D convolutions")


def is_plain(operator: Any) -> bool:
    """A convolution in two dimensions that py-spinnaker2 has: no groups, no dilation."""
    return (
        isinstance(operator, Conv)
        and len(operator.stride) == 2
        and operator.groups == 1
        and set(operator.dilation) == {1}
    )


def _error(what: str, needs: str) -> UnsupportedError:
    return UnsupportedError(
        f"{what} in NIR for py-spinnaker2",
        has=f"in s2_nir.from_nir: {needs}",
        remedy="run_spinnaker2.py, which builds the network without it",
    )

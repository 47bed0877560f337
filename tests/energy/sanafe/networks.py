"""Random networks over several cores and tiles of SANA-FE's Loihi: dense, conv and sparse.

Weights, thresholds and membranes are multiples of 1/64, so that sums do not depend on their order.
A population has one kind of incoming synapse, as in SANA-FE, whose neurons have one synapse unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Mapping, Program, ProgramPopulation, ProgramProjection
from snn2chip.graph import Conv, Delay, Dense, Encoding, Identity, Readout, Sparse
from snn2chip.graph.operators import Operator, Shape
from snn2chip.mapping.place import place_all
from snn2chip.targets import Target, load_target

KINDS = ("dense", "conv", "sparse")
FRACTION = 64
TARGET = "loihi1"
CORES = 128

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Case:
    """A network with its input and its mapping.

    Attributes:
        kind: of its synapses.
        inputs: name -> spikes [step, 1, *shape].
        target: the chip, with a cost table ``sanafe_nahuku``.
    """

    name: str
    kind: str
    program: Program
    inputs: dict[str, Flags]
    mapping: Mapping
    target: Target

    @property
    def steps(self) -> int:
        return int(next(iter(self.inputs.values())).shape[0])


def random_case(seed: int) -> Case:
    """Network number ``seed``; the kinds take turns."""
    rng = np.random.default_rng([seed, 2299])
    kind = KINDS[seed % len(KINDS)]
    make = {"dense": _dense, "conv": _conv, "sparse": _sparse}[kind]
    populations, projections = make(rng)
    name = f"{kind}{seed}"
    program = program_of(name, populations, projections)
    steps = int(rng.integers(8, 25))
    rate = rng.choice([0.05, 0.3, 0.9])
    inputs = {
        p.name: rng.random((steps, 1, *p.shape)) < rate for p in program.populations if p.is_input
    }
    return Case(name, kind, program, inputs, random_mapping(rng, program), load_target(TARGET))


def program_of(
    name: str,
    populations: list[ProgramPopulation],
    projections: list[tuple[str, str, Operator]],
) -> Program:
    """A program of SANA-FE's arithmetic: every delay is one step."""
    delay = Delay(np.array(1))
    return Program(
        name,
        "sanafe",
        tuple(populations),
        tuple(ProgramProjection(source, to, op, delay) for source, to, op in projections),
        (populations[-1].name,),
        Readout(),
        Encoding(),
    )


def inputs_of(name: str, shape: Shape) -> ProgramPopulation:
    """An input population."""
    return ProgramPopulation(name, "input", "input", shape)


def neurons(name: str, shape: Shape, threshold: float, leak: float) -> ProgramPopulation:
    """A population of SANA-FE's leaky integrate-and-fire neurons."""
    parameters = {"threshold": np.array(threshold), "leak": np.array(leak)}
    return ProgramPopulation(name, "sanafe-lif", "LIF", shape, parameters)


def random_mapping(rng: np.random.Generator, program: Program) -> Mapping:
    """Each population on cores of its own choice, which others may share."""
    most = int(rng.choice([4, 12, 40]))
    used = rng.choice(CORES, int(rng.integers(2, most + 1)), replace=False)
    assignment = {}
    for population in program.populations:
        some = rng.choice(used, int(rng.integers(1, len(used) + 1)), replace=False)
        chosen = rng.integers(0, len(some), population.size)
        if rng.random() < 0.5:
            chosen = np.sort(chosen)
        assignment[population.name] = some[chosen].astype(np.int32)
    cores = np.unique(np.concatenate(list(assignment.values())))
    return Mapping(TARGET, assignment, place_all(cores.tolist(), load_target(TARGET).mesh))


def _weights(rng: np.random.Generator, shape: Shape, fan_in: int) -> NDArray[np.float64]:
    """Multiples of 1/64, mostly positive, such that a third of the inputs makes a neuron fire."""
    largest = max(2, 3 * FRACTION // max(1, fan_in) + 1)
    return rng.integers(-largest // 2, largest + 1, shape) / FRACTION


def _threshold(rng: np.random.Generator) -> float:
    return float(rng.integers(FRACTION // 4, 2 * FRACTION) / FRACTION)


def _lif(rng: np.random.Generator, name: str, shape: Shape) -> ProgramPopulation:
    return neurons(name, shape, _threshold(rng), float(rng.choice([0.5, 0.9, 0.97, 1.0])))


Parts = tuple[list[ProgramPopulation], list[tuple[str, str, Operator]]]


def _dense(rng: np.random.Generator) -> Parts:
    sizes = rng.integers(3, 60, int(rng.integers(2, 5))).tolist()
    names = ["input", *(f"layer{k}" for k in range(1, len(sizes)))]
    populations = [inputs_of("input", (sizes[0],))]
    populations += [_lif(rng, n, (s,)) for n, s in zip(names[1:], sizes[1:], strict=True)]
    links = [(k, k + 1) for k in range(len(sizes) - 1)]
    if rng.random() < 0.5:
        links.append((len(sizes) - 1, int(rng.integers(1, len(sizes)))))
    return populations, [
        (
            names[a],
            names[b],
            Dense(_weights(rng, (sizes[b], sizes[a]), sizes[a]), (sizes[a],), (sizes[b],)),
        )
        for a, b in links
    ]


def _conv(rng: np.random.Generator) -> Parts:
    shape: Shape = (int(rng.integers(1, 3)) * 2, *rng.integers(5, 11, 2).tolist())
    populations, projections = [inputs_of("input", shape)], []
    for k in range(1, int(rng.integers(2, 4))):
        conv = _random_convolution(rng, shape)
        shape = conv.target_shape
        populations.append(_lif(rng, f"layer{k}", shape))
        projections.append((populations[-2].name, populations[-1].name, conv))
    head = int(rng.integers(2, 12))
    weight = _weights(rng, (head, prod(shape)), prod(shape))
    projections.append((populations[-1].name, "output", Dense(weight, shape, (head,))))
    return [*populations, _lif(rng, "output", (head,))], projections


def _random_convolution(rng: np.random.Generator, shape: Shape) -> Conv:
    """A kernel that fits, with padding, strides, dilation and groups of all kinds."""
    while True:
        kernel, stride = rng.integers(1, 4, 2).tolist(), rng.integers(1, 3, 2).tolist()
        padding = rng.integers(0, 3, (2, 2)).tolist()
        dilation = rng.integers(1, 3, 2).tolist()
        groups = 2 if shape[0] % 2 == 0 and rng.random() < 0.4 else 1
        channels = 2 * int(rng.integers(1, 4))
        size = (channels, shape[0] // groups, *kernel)
        try:
            return Conv(
                _weights(rng, size, prod(size[1:])),
                shape,
                tuple(stride),
                tuple((a, b) for a, b in padding),
                tuple(dilation),
                groups,
            )
        except ValueError:
            continue


def _sparse(rng: np.random.Generator) -> Parts:
    """Single synapses: one to one, then at random, and sometimes back."""
    first, second = rng.integers(5, 200, 2).tolist()
    populations = [
        inputs_of("input", (first,)), _lif(rng, "layer1", (first,)), _lif(rng, "layer2", (second,))
    ]  # fmt: skip
    scale = rng.integers(-FRACTION // 4, 2 * FRACTION, first) / FRACTION
    projections: list[tuple[str, str, Operator]] = [
        ("input", "layer1", Identity(scale, (first,), (first,))),
        ("layer1", "layer2", random_synapses(rng, first, second, int(rng.integers(1, 20)))),
    ]
    if rng.random() < 0.5:
        projections.append(("layer2", "layer1", random_synapses(rng, second, first, 3)))
    return populations, projections


def random_synapses(rng: np.random.Generator, sources: int, targets: int, fan_out: int) -> Sparse:
    """About ``fan_out`` synapses from each source, to any targets."""
    count = sources * min(fan_out, targets)
    source, target = rng.integers(0, sources, count), rng.integers(0, targets, count)
    pairs = np.unique(source * targets + target)
    first = np.searchsorted(pairs, np.arange(sources + 1) * targets)
    weight = _weights(rng, pairs.shape, count // targets)
    return Sparse(weight, pairs % targets, first, (sources,), (targets,))


def most_inputs(case: Case) -> int:
    """Inputs of the core that has most of them."""
    inputs = [p.name for p in case.program.populations if p.is_input]
    homes = np.concatenate([case.mapping.assignment[name] for name in inputs])
    return int(np.bincount(homes).max())

"""Synthetic results: real types, small numbers, and energies that follow from the counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from snn2chip.backends import Fidelity
from snn2chip.core import (
    Activity,
    Divergence,
    Drift,
    PopulationActivity,
    PopulationDrift,
    PredictionChange,
    Program,
    ProgramPopulation,
    ProgramProjection,
    Raster,
    Violation,
)
from snn2chip.core.mapping import Mapping, Place, Slice
from snn2chip.energy import core_costs, count
from snn2chip.energy.types import (
    Baseline,
    Bottleneck,
    CoreCosts,
    Counts,
    EnergyReport,
    Layer,
    LayerCounts,
    LayerEnergy,
)
from snn2chip.graph import Dense, Discretization, Encoding, Graph, Population, Projection, Readout
from snn2chip.neurons.models import IF, Input
from snn2chip.pipeline import Quantization, Result
from snn2chip.targets.types import Constant, CostTable, Mesh, Target

PRICES: dict[str, float | None] = {"synapse": 23.6, "neuron": 81.0, "packet": 1.7, "hop": 3.5}
SHAPES: tuple[tuple[int, ...], ...] = ((1, 8, 8), (4, 4, 4), (32,), (10,))
RATES = (0.25, 0.08, 0.12, 0.05)
NEURONS_PER_CORE = 24
LABEL = "Loihi 1 energies x 1.0: not a Loihi 2 measurement"


@dataclass(frozen=True)
class Spec:
    """What a synthetic result is made of."""

    names: tuple[str, ...] = ("input", "conv", "hidden", "output")
    shapes: tuple[tuple[int, ...], ...] = SHAPES
    rates: tuple[float, ...] = RATES
    prices: dict[str, float | None] = field(default_factory=lambda: dict(PRICES))
    network: str = "digits_student"
    samples: int = 5
    steps: int = 12
    static_mw: float | None = 104.4
    violations: tuple[Violation, ...] = ()
    drift: bool = True
    labels: bool = True
    baseline: bool = True
    latency: bool = True
    data: str = "digits"
    neurons_per_core: int = NEURONS_PER_CORE
    mapping: Mapping | None = None


VIOLATION = Violation(
    rule="loihi2.neurons-per-core",
    object="hidden",
    needs="9,000 neurons on one core",
    has="8,192 neurons per core",
    source="Intel technology brief 2021",
    remedy="let the mapper split the population",
)


def result(spec: Spec | None = None, **changes: Any) -> Result:
    """A consistent result; ``changes`` replace fields of the spec."""
    spec = replace(spec or Spec(), **changes)
    graph, program, activity = _graph(spec), _program(spec), _activity(spec)
    mapping = spec.mapping or _mapping(spec)
    return Result(
        graph=graph,
        target=_target(spec),
        program=program,
        activity=activity,
        reference=None,
        mapping=mapping,
        violations=spec.violations,
        energy=_energy(spec, program, activity, mapping),
        baseline=_baseline() if spec.baseline else None,
        drift=(_drift(spec),) if spec.drift else (),
        fidelity=Fidelity(
            bit_accurate=("neuron dynamics and weights as Lava's fixed-point model",),
            modelled=("time and energy from a cost table",),
            omitted=("host I/O", "weight loading"),
        ),
        labels=np.arange(spec.samples) % 10 if spec.labels else None,
        accuracy=0.9639 if spec.labels else None,
        data=spec.data,
        calibrated_on="1,077 training samples of digits",
        quantization=Quantization("percentile", 99.9, "neuron", 6),
        seed=7,
        wall_times={"simulate": 1.25},
    )


def _graph(spec: Spec) -> Graph:
    populations = tuple(
        Population(name, Input() if i == 0 else IF(*(np.ones(shape),) * 3), shape)
        for i, (name, shape) in enumerate(zip(spec.names, spec.shapes, strict=True))
    )
    return Graph(
        name=spec.network,
        populations=populations,
        projections=tuple(
            Projection(a.name, b.name, _dense(a.shape, b.shape)) for a, b in pairwise(populations)
        ),
        outputs=(spec.names[-1],),
        discretization=Discretization("norse", 1e-3),
        readout=Readout("spike_count"),
        encoding=Encoding("if", steps=spec.steps),
        classes=tuple(str(i) for i in range(10)),
        data=spec.data,
    )


def _dense(source: tuple[int, ...], target: tuple[int, ...]) -> Dense:
    weight = np.zeros((int(np.prod(target)), int(np.prod(source))))
    return Dense(weight, source, target)


def _program(spec: Spec) -> Program:
    populations = tuple(
        ProgramPopulation(
            name, "input" if i == 0 else "cuba", "Input" if i == 0 else "IF", shape, latency=i
        )
        for i, (name, shape) in enumerate(zip(spec.names, spec.shapes, strict=True))
    )
    return Program(
        name=spec.network,
        arithmetic="loihi-chip",
        populations=populations,
        projections=tuple(
            ProgramProjection(a.name, b.name, _dense(a.shape, b.shape), weight_bits=8)
            for a, b in pairwise(populations)
        ),
        outputs=(spec.names[-1],),
        readout=Readout("spike_count"),
        encoding=Encoding("if", steps=spec.steps),
        notes=("hidden: fires at >= threshold, realised as > threshold - 1",),
    )


def _activity(spec: Spec) -> Activity:
    rng = np.random.default_rng(3)
    populations = {}
    for name, shape, rate in zip(spec.names, spec.shapes, spec.rates, strict=True):
        each = rate * rng.gamma(1.2, 1 / 1.2, size=shape) * (rng.random(shape) > 0.1)
        fired = rng.random((spec.steps, spec.samples, *shape)) < each
        warnings = {"v_saturated": 3} if name == "hidden" else {}
        raster = Raster.pack(fired, shape)
        updated = Raster.pack(fired | (rng.random(fired.shape) < 0.6), shape)
        populations[name] = PopulationActivity(raster, updated, warnings)
    scores = rng.random((spec.samples, 10))
    return Activity("loihi-chip", spec.steps, spec.samples, populations, scores)


def _mapping(spec: Spec) -> Mapping:
    cores: dict[str, tuple[Slice, ...]] = {}
    core = 0
    for name, shape in zip(spec.names, spec.shapes, strict=True):
        size, slices = int(np.prod(shape)), []
        for first in range(0, size, spec.neurons_per_core):
            last = min(first + spec.neurons_per_core, size) - 1
            slices.append(Slice(first, last, core))
            core += 1
        cores[name] = tuple(slices)
    places = {c: Place(c // 4, (c // 4) % 8, c // 4 // 8) for c in range(core)}
    return Mapping.from_slices("loihi2", cores, places)


def _target(spec: Spec) -> Target:
    constants = {
        "e_synop": Constant(23.6, "presilicon", "Davies 2018 Table 2"),
        "e_neuron_active": Constant(81.0, "presilicon", "Davies 2018 Table 2"),
        "e_spike_tile": Constant(1.7, "derived", "Davies 2018 Table 2, x 1.0"),
        "t_barrier": Constant([113.0, 465.0], "presilicon", "Davies 2018, 1 to 32 tiles"),
        "p_static_chip": Constant(104.4, "measured", "Frady 2020, 3.34 W / 32 chips"),
    }
    table = CostTable("loihi2_from_loihi1", LABEL, "per_term", constants, ("e_barrier",))
    return Target(
        name="loihi2",
        title="Intel Loihi 2",
        family="loihi",
        resources={
            "cores": Constant(128, "vendor", "Intel technology brief 2021"),
            "neurons_per_core": Constant(spec.neurons_per_core, "vendor", "the same"),
        },
        formats={"weight_bits": Constant(8, "vendor", "the same")},
        mesh=Mesh(8, 4, 4),
        costs={table.name: table},
        default_costs=table.name,
        sha256="ab" * 32,
    )


def _energy(spec: Spec, program: Program, activity: Activity, mapping: Mapping) -> EnergyReport:
    counts = count(program, activity, mapping)
    layers = tuple(_layer(spec, activity, mapping, position) for position in range(len(spec.names)))
    dynamic = _known_sum(layer.energy_pj.total for layer in layers)
    latency = 18.4 if spec.latency else None
    time_s = (latency or 0.0) * 1e-6 * spec.samples
    static = None if spec.static_mw is None else spec.static_mw * 1e9 * time_s
    unpriced = tuple(f"{term}: no price" for term, price in spec.prices.items() if price is None)
    return EnergyReport(
        table="loihi2_from_loihi1",
        label=LABEL,
        samples=spec.samples,
        layers=layers,
        dynamic_pj=dynamic,
        static_pj=static,
        total_pj=_known_sum((dynamic, static)),
        latency_us=latency,
        step_ns=_step_ns(spec) if spec.latency else (),
        bottleneck=Bottleneck(3, spec.names[1], "t_synop") if spec.latency else None,
        unpriced=(*unpriced, "e_barrier: barrier energy is not published"),
        assumptions=("No credit is taken for the smaller node.", "Inputs come from a neighbour."),
        links=counts.links,
        by_core=_by_core(spec, program, mapping, counts),
    )


def _step_ns(spec: Spec) -> tuple[float, ...]:
    return tuple(800.0 + 100.0 * (step % 7) for step in range(spec.steps))


def _by_core(spec: Spec, program: Program, mapping: Mapping, counts: Counts) -> CoreCosts:
    """Costs of the target's table, and busy times and bottlenecks that are made up."""
    target = _target(spec)
    costs = core_costs(program, mapping, counts, target, None)
    if not spec.latency:
        return costs
    last = max(mapping.places, default=0)
    slowest = (
        Bottleneck(3, spec.names[1], "t_synop"),
        Bottleneck(last, spec.names[-1], "t_neuron"),
    )
    return replace(
        costs,
        cores=tuple(replace(core, busy_ns=100.0 * (1 + core.core % 5)) for core in costs.cores),
        slowest=tuple(slowest[step % 3 == 2] for step in range(spec.steps)),
        barrier_ns=120.0,
    )


def _layer(spec: Spec, activity: Activity, mapping: Mapping, position: int) -> Layer:
    name, shape = spec.names[position], spec.shapes[position]
    neurons, is_input = int(np.prod(shape)), position == 0
    spikes = activity.populations[name].spikes.total()
    before = 0 if is_input else activity.populations[spec.names[position - 1]].spikes.total()
    after = len(mapping.cores[spec.names[position + 1]]) if position + 1 < len(spec.names) else 0
    opportunities = neurons * spec.steps * spec.samples
    counts = LayerCounts(
        name=name,
        kind="input" if is_input else "IF",
        shape=shape,
        neurons=neurons,
        synapses=0 if is_input else neurons * int(np.prod(spec.shapes[position - 1])),
        cores=len(mapping.cores[name]),
        spikes=spikes,
        spike_rate=spikes / opportunities,
        synaptic_events=before * neurons,
        events_by_operator={} if is_input else {"dense": before * neurons},
        neuron_steps=0 if is_input else opportunities,
        neuron_updates=0 if is_input else activity.populations[name].updated.total(),
        packets=spikes * after,
        packets_sent=spikes * after,
        packets_within_tile=0,
        hops_x=2 * spikes * after,
        hops_y=spikes * after,
    )
    return Layer(counts, _price(spec, counts), None if is_input else 1000.0 * position)


def _price(spec: Spec, counts: LayerCounts) -> LayerEnergy:
    numbers = {
        "synapse": counts.synaptic_events,
        "neuron": counts.neuron_updates,
        "packet": counts.packets,
        "hop": counts.hops,
    }
    terms = {
        term: None if price is None else price * numbers[term]
        for term, price in spec.prices.items()
    }
    return LayerEnergy(**terms, total=_known_sum(terms.values()))


def _known_sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _baseline() -> Baseline:
    return Baseline(
        name="int8 ANN, 45 nm",
        macs_per_inference=6_464,
        energy_per_inference_nj=52.7,
        compute_nj=1.5,
        memory_nj=51.2,
        assumptions=("every weight is read once per inference",),
        source="Horowitz 2014",
    )


def _drift(spec: Spec) -> Drift:
    return Drift(
        stage="quantize",
        samples=spec.samples,
        steps=spec.steps,
        output_spikes_differing=4,
        predictions_differing=2,
        accuracy_before=0.9694 if spec.labels else None,
        accuracy_after=0.9639 if spec.labels else None,
        populations=tuple(
            PopulationDrift(name, i, rate, rate * 1.02, 3 * i)
            for i, (name, rate) in enumerate(zip(spec.names, spec.rates, strict=True))
        ),
        first=Divergence(1, 3, spec.names[1], 17),
        changed=(
            PredictionChange(1, 8, 3, 8 if spec.labels else None),
            PredictionChange(4, 9, 4, 4 if spec.labels else None),
        ),
    )

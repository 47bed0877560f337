"""A program file changed on purpose: refused as a damaged file, or it runs."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.backends.loihi.formats import formats_of
from snn2chip.backends.loihi.realise import realise
from snn2chip.backends.reference.arithmetic import realise as realise_float
from snn2chip.compiled import dump_program, parse_program
from snn2chip.compiled.program_check import MOST_STEPS
from snn2chip.core import Program
from snn2chip.energy import count, price
from snn2chip.engine import simulate
from snn2chip.errors import InputFileError
from snn2chip.graph import Delay
from snn2chip.mapping import map_program
from snn2chip.targets import load_target
from tests.networks import chain, conv_net

TARGET = load_target("loihi2")
PROGRAM = realise(conv_net(np.random.default_rng(0)), formats_of(TARGET))
GONE = "<left out>"


def open_file(data: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    size = int.from_bytes(data[:8], "little")
    header = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["snn2chip"])
    return header, load(data)


HEADER, ARRAYS = open_file(dump_program(PROGRAM))


def close_file(header: Any, arrays: dict[str, np.ndarray]) -> bytes:
    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    return save(whole, {"snn2chip": json.dumps(header)})


def places(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key in part if isinstance(part, dict) else range(len(part) if type(part) is list else 0):
        yield from places(part[key], (*path, key))


def changed(path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    header = copy.deepcopy(HEADER)
    inner = header
    for key in path[:-1]:
        inner = inner[key]
    if value is GONE:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return header


def run(program: Program) -> None:
    """All that a compiled folder's program goes through."""
    spikes = {"input": np.random.default_rng(0).random((3, 2, 1, 6, 6)) < 0.5}
    activity, _ = simulate(program, spikes, LoihiArithmetic())
    mapping, _ = map_program(program, TARGET)
    price(count(program, activity, mapping), TARGET)
    assert open_file(dump_program(program))[0]["name"] == program.name


def refused_or_runs(data: bytes) -> bool:
    """Whether the file is refused; an exception of any other kind fails the test."""
    program, error = None, None
    try:
        program = parse_program(data, "my.safetensors")
    except InputFileError as refusal:
        error = refusal
    if program is not None:
        run(program)
        return False
    assert error is not None
    assert error.what.startswith("my.safetensors: ")
    assert error.remedy == "compile the network again"
    return True


VALUES = [
    GONE, None, -1, 0, 1.5, "x", "", [], {}, True, 10**30, float("nan"), [0], ["a"], [[1]],
    [-1], [0, 0], [1.0, 6.0, 6.0], "\ud800",
]  # fmt: skip

FIELDS = [path for path in places(HEADER) if path != ()]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_field_of_another_type_is_refused_or_harmless(value: Any) -> None:
    outcomes = [refused_or_runs(close_file(changed(path, value), ARRAYS)) for path in FIELDS]
    assert sum(outcomes) > len(FIELDS) // 2, "most fields matter"


@pytest.mark.parametrize("header", [None, 3, "x", [], {}, [[]]])
def test_a_header_that_is_no_program_is_refused(header: Any) -> None:
    assert refused_or_runs(close_file(header, ARRAYS))


def test_every_field_without_a_default_is_needed() -> None:
    kept = [path for path in FIELDS if not refused_or_runs(close_file(changed(path, GONE), ARRAYS))]
    defaults = {("encoding", key) for key in ("gain", "kind", "steps", "threshold")}
    last_projection = ("projections", 1)
    notes = {("notes", k) for k in range(len(PROGRAM.notes))}
    assert set(kept) == defaults | notes | {("readout", "kind"), last_projection}


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("projections",), [], "no projection"),
        (("outputs",), [], "no output"),
        (("arithmetic",), "float64", "model 'cuba'"),
        (("populations", 1, "model"), "nope", "model 'nope'"),
        (("populations", 1, "parameters"), ["du"], "parameters of model"),
        (("projections", 0, "parameters"), [], "parameters of a synapse"),
        (("populations", 1, "latency"), 0, "before it is sent"),
        (("populations", 1, "latency"), -5, "latency -5"),
        (("populations", 1, "shape"), [-1], "shape"),
        (("projections", 0, "delay_axis"), "nope", "delay per nope"),
    ],
)
def test_what_is_wrong_is_named(path: tuple[Any, ...], value: Any, words: str) -> None:
    with pytest.raises(InputFileError, match=words):
        parse_program(close_file(changed(path, value), ARRAYS), "file")


def test_a_chips_numbers_are_integers() -> None:
    for name, array in ARRAYS.items():
        if ":" not in name or name.endswith(":weight"):
            halves = np.asarray(array + 0.5)
            with pytest.raises(InputFileError, match="no integers"):
                parse_program(close_file(HEADER, {**ARRAYS, name: halves}), "file")


@pytest.mark.parametrize("arithmetic", ["loihi-chip", "loihi-lava"])
def test_both_arithmetics_of_a_chip_have_their_models_checked(arithmetic: str) -> None:
    header = {**HEADER, "arithmetic": arithmetic}
    assert parse_program(close_file(header, ARRAYS), "file").arithmetic == arithmetic
    for part, model in (("populations", "rf"), ("projections", "writes")):
        wrong = {**changed((part, 1, "model"), model), "arithmetic": arithmetic}
        with pytest.raises(InputFileError, match="parameters of"):
            parse_program(close_file(wrong, ARRAYS), "file")


def test_a_float_program_has_the_parameters_of_its_models() -> None:
    program = realise_float(chain(np.random.default_rng(0)))
    first, second, *rest = program.populations
    less = {name: value for name, value in second.parameters.items() if name != "tau"}
    for other in (replace(second, model="LIFE"), replace(second, parameters=less)):
        broken = replace(program, populations=(first, other, *rest))
        with pytest.raises(InputFileError, match="parameters of model"):
            parse_program(dump_program(broken), "file")


SPOILS = {
    "nan": lambda a: np.full(a.shape, np.nan),
    "infinite": lambda a: np.full(a.shape, np.inf),
    "float": lambda a: a.astype(np.float64),
    "half": lambda a: np.clip(a, -60000, 60000).astype(np.float16),
    "bool": lambda a: a.astype(np.bool_),
    "byte": lambda a: np.abs(a).astype(np.uint8),
    "negative": lambda a: np.full(a.shape, -5, np.int64),
    "deeper": lambda a: a[None, None],
    "flat": lambda a: a.reshape(-1),
    "empty": lambda a: np.zeros((0,), a.dtype),
    "doubled": lambda a: np.stack([a, a]),
    "of five": lambda a: np.zeros(5, a.dtype),
}


@pytest.mark.parametrize("spoil", SPOILS)
def test_an_array_of_another_type_or_shape_is_refused_or_harmless(spoil: str) -> None:
    for name, array in ARRAYS.items():
        spoiled = np.asarray(SPOILS[spoil](np.asarray(array)))
        refused = refused_or_runs(close_file(HEADER, {**ARRAYS, name: spoiled}))
        if spoil in ("nan", "infinite", "empty", "of five", "bool"):
            assert refused, name


@pytest.mark.parametrize("name", sorted(ARRAYS))
def test_an_absent_array_is_named(name: str) -> None:
    rest = {key: array for key, array in ARRAYS.items() if key != name}
    with pytest.raises(InputFileError, match=name):
        parse_program(close_file(HEADER, rest), "my.safetensors")


@pytest.mark.parametrize(
    ("steps", "fits"), [(0, True), (MOST_STEPS, True), (MOST_STEPS + 1, False), (-1, False)]
)
def test_delays_up_to_the_limit_and_none_beyond(steps: int, fits: bool) -> None:
    first, *rest = realise_float(conv_net(np.random.default_rng(0))).projections
    program = replace(
        realise_float(conv_net(np.random.default_rng(0))),
        projections=(replace(first, delay=Delay(np.array(steps))), *rest),
    )
    data = dump_program(program)
    if fits:
        assert dump_program(parse_program(data, "file")) == data
    else:
        with pytest.raises(InputFileError, match="delay"):
            parse_program(data, "file")


def test_a_spike_may_not_arrive_before_it_is_sent() -> None:
    late = replace(PROGRAM.populations[1], latency=9)
    first, _, *rest = PROGRAM.populations
    with pytest.raises(InputFileError, match="before it is sent"):
        parse_program(dump_program(replace(PROGRAM, populations=(first, late, *rest))), "file")


def test_a_cycle_without_delay_is_refused_and_one_with_delay_is_not() -> None:
    program = realise_float(chain(np.random.default_rng(0), sizes=(3, 4, 4)))
    forward = program.projections[1]
    back = replace(forward, source="out", target="hidden0")
    for delay, fits in ((0, False), (1, True)):
        loop = replace(back, delay=Delay(np.array(delay)))
        data = dump_program(replace(program, projections=(*program.projections, loop)))
        if fits:
            assert len(parse_program(data, "file").projections) == 3
        else:
            with pytest.raises(InputFileError, match="hidden0, out form a cycle"):
                parse_program(data, "file")


@pytest.mark.parametrize("option", ["stride", "dilation"])
def test_a_convolution_that_does_not_advance_is_refused(option: str) -> None:
    path = ("projections", 0, "options", option)
    assert refused_or_runs(close_file(changed(path, [0, 1]), ARRAYS))
    assert refused_or_runs(close_file(changed(path, [-1, 1]), ARRAYS))


def test_a_kernel_of_one_tap_is_no_reason_for_a_dilation_of_zero() -> None:
    header, arrays = copy.deepcopy(HEADER), dict(ARRAYS)
    arrays["s0:weight"] = np.ones((2, 1, 1, 1), np.int64)
    options = header["projections"][0]["options"]
    options["padding"] = [[-1, -1], [-1, -1]]
    assert refused_or_runs(close_file(header, arrays)), "padding below 0"
    options["padding"] = [[0, 0], [0, 0]]
    options["stride"] = [1, 1]
    for population in header["populations"][:1]:
        population["shape"] = options["source_shape"] = [1, 4, 4]
    parse_program(close_file(header, arrays), "file")
    options["dilation"] = [0, 1]
    assert refused_or_runs(close_file(header, arrays))


def test_late_biases_need_one_start_each() -> None:
    program = realise_float(conv_net(np.random.default_rng(0)))
    population = program.populations[1]
    for starts, fits in (((), False), ((3,), True), ((3, 4), False)):
        parameters = {
            **population.parameters,
            "late_bias": np.ones((1, *population.shape)),
            "late_bias_starts": np.array(starts, np.int64),
        }
        changed_one = replace(population, parameters=parameters)
        others = (program.populations[0], changed_one, program.populations[2])
        data = dump_program(replace(program, populations=others))
        if fits:
            assert parse_program(data, "file").populations[1].parameters["late_bias"].sum() == 32
        else:
            with pytest.raises(InputFileError, match="late_bias"):
                parse_program(data, "file")


def test_bytes_do_not_depend_on_the_order_of_parameters() -> None:
    turned = tuple(
        replace(p, parameters=dict(reversed(list(p.parameters.items()))))
        for p in PROGRAM.populations
    )
    assert dump_program(replace(PROGRAM, populations=turned)) == dump_program(PROGRAM)


def test_arrays_of_fortran_order_come_back_in_the_same_places() -> None:
    population = PROGRAM.populations[1]
    turned = {k: np.asarray(v, order="F") for k, v in population.parameters.items()}
    first, _, *rest = PROGRAM.populations
    other = replace(PROGRAM, populations=(first, replace(population, parameters=turned), *rest))
    assert dump_program(other) == dump_program(PROGRAM)


@pytest.mark.parametrize(
    ("exponent", "fits"), [(62, True), (-62, True), (63, False), (2**40, False), (-(2**62), False)]
)
def test_shifts_up_to_the_limit_and_none_beyond(exponent: int, fits: bool) -> None:
    name = next(name for name in ARRAYS if name.endswith(".exponent"))
    data = close_file(HEADER, {**ARRAYS, name: np.array(exponent)})
    if fits:
        run(parse_program(data, "x"))
    else:
        with pytest.raises(InputFileError, match="exponent beyond 62"):
            parse_program(data, "x")

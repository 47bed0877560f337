"""Programs on disk: whole round trips, stable bytes, and no damage that goes unnoticed."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.backends.reference.arithmetic import realise
from snn2chip.compiled import dump_program, parse_program
from snn2chip.engine import simulate
from snn2chip.errors import InputFileError
from tests.backends.loihi.networks import programs
from tests.networks import chain


@settings(max_examples=25, deadline=None, derandomize=True)
@given(programs())
def test_a_program_comes_back_and_runs_the_same(drawn):
    program, rng = drawn
    data = dump_program(program)
    again = parse_program(data, "file")
    assert dump_program(again) == data
    spikes = {"in": rng.random((5, 2, *program.population("in").shape)) < 0.5}
    one, _ = simulate(program, spikes, LoihiArithmetic())
    other, _ = simulate(again, spikes, LoihiArithmetic())
    np.testing.assert_array_equal(one.scores, other.scores)
    for name, population in one.populations.items():
        np.testing.assert_array_equal(population.spikes.bits, other.populations[name].spikes.bits)


@pytest.fixture(scope="module")
def data():
    return dump_program(realise(chain(np.random.default_rng(0))))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damage_is_an_input_error_or_harmless(data, draws):
    flipped = bytearray(data)
    for _ in range(draws.draw(st.integers(1, 3))):
        flipped[draws.draw(st.integers(0, len(data) - 1))] ^= draws.draw(st.integers(1, 255))
    cut = bytes(flipped[: draws.draw(st.integers(0, len(data)))])
    for damaged in (bytes(flipped), cut):
        with contextlib.suppress(InputFileError):
            assert dump_program(parse_program(damaged, "file"))


def test_a_foreign_file_is_named():
    with pytest.raises(InputFileError, match=r"my\.safetensors"):
        parse_program(b"not a safetensors file", "my.safetensors")


def test_a_word_that_is_none_of_ours_is_damage(data):
    damaged = data.replace(b'\\"kind\\": \\"if\\"', b'\\"kind\\": \\"hf\\"')
    assert damaged != data
    with pytest.raises(InputFileError, match="hf"):
        parse_program(damaged, "file")

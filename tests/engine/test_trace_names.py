"""Names of populations in traces: each recording has an array of its own, or the run says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from snn2chip.cli.outputs import _trace
from snn2chip.core import Program, Trace
from snn2chip.engine.recording import check_names
from snn2chip.errors import UnsupportedError
from tests.energy.networks import population, two_layers


def named(*names: str) -> Program:
    return replace(two_layers(), populations=tuple(population(name, (2,)) for name in names))


def check(names: Sequence[str], records: Sequence[str] = ()) -> None:
    check_names(named(*names), {name: list(records) for name in names})


@pytest.mark.parametrize("names", [("lif", "lif.v"), ("lif.v", "lif"), ("a.u", "b", "a")])
def test_a_state_does_not_hide_another_population(names: tuple[str, ...]) -> None:
    check(names)
    with pytest.raises(UnsupportedError) as caught:
        check(names, ("u", "v"))
    assert repr(names[0]) in caught.value.what
    assert repr(names[-1]) in caught.value.what
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("names", [("a", "a.npy"), ("a.npy", "a")])
def test_names_that_readers_take_for_one(names: tuple[str, ...]) -> None:
    with pytest.raises(UnsupportedError, match="both have a recording"):
        check(names)


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_names_that_no_entry_has(name: str) -> None:
    with pytest.raises(UnsupportedError, match="no array of a trace"):
        check(["a", name])


def test_any_other_name_is_written(tmp_path) -> None:
    names = [
        "file",
        "allow_pickle",
        "arr_0",
        "a/b",
        "..",
        "",
        "\u00e4 \u2192",
        "x.v",
        "args",
        "kwds",
    ]
    check(names, ("u",))
    arrays = {name: np.full((2, 3), k, np.uint8) for k, name in enumerate(names)}
    content = _trace(Trace(arrays))
    assert content == _trace(Trace(arrays))
    path = tmp_path / "trace.npz"
    path.write_bytes(content)
    with np.load(path) as back:
        inside = {name: name.replace("..", "%2E%2E") for name in names}  # a folder's parent is none
        assert set(back.files) == set(inside.values())
        assert all((back[inside[name]] == arrays[name]).all() for name in names)

"""A small network on disk, with data that have a training split."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snn2chip.frontends.nir import write_graph
from tests.networks import chain, conv_net


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="session")
def network(folder):
    """A dense network of 6-8-3 neurons as NIR."""
    path = folder / "student.nir"
    graph = chain(np.random.default_rng(0), sizes=(6, 8, 3), bias=True)
    write_graph(replace(graph, name="student"), path)
    return path


@pytest.fixture(scope="session")
def conv_network(folder):
    path = folder / "conv.nir"
    write_graph(replace(conv_net(np.random.default_rng(1)), name="conv"), path)
    return path


@pytest.fixture(scope="session")
def data(folder):
    """Static values with labels and a training split."""
    rng = np.random.default_rng(2)
    path = folder / "data.npz"
    np.savez(
        path,
        x_train=rng.random((40, 6)),
        y_train=rng.integers(0, 3, 40),
        x_test=rng.random((30, 6)),
        y_test=rng.integers(0, 3, 30),
    )
    return path

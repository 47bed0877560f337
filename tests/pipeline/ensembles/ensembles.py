"""Random ensembles of small networks, and their activities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st

from snn2chip.graph import Encoding, Ensemble, Gate, Graph, Member, Policy
from tests.networks import chain, integrate, lif

SIZES = 6, 4


def member_graph(seed: int, hidden: Sequence[int] = (5,), steps: int = 24) -> Graph:
    """input (6) -> hidden... -> out (4), spike counts."""
    inputs, classes = SIZES
    neuron = integrate if len(hidden) > 1 else lif
    graph = chain(np.random.default_rng(seed), neuron, sizes=(inputs, *hidden, classes))
    return replace(graph, encoding=Encoding("if", steps=steps))


def ensemble(
    members: int = 3,
    policy: Policy | None = None,
    *,
    seed: int = 0,
    idle: Any = "clocked",
    order: tuple[int, ...] = (),
) -> Ensemble:
    """Members of different widths and depths."""
    rng = np.random.default_rng(seed)
    made = tuple(
        Member(
            f"m{k}",
            member_graph(seed + k, (3 + k,) if k % 2 else (4, 3 + k)),
            0.25 * (k + 1),
            rng.normal(size=SIZES[1]).round(3),
        )
        for k in range(members)
    )
    bias = rng.normal(size=SIZES[1]).round(3)
    return Ensemble("trio", made, bias, policy or Policy("budget", members), order, idle)


def gate(members: int = 3, seed: int = 0) -> Gate:
    """A hidden layer of two."""
    rng = np.random.default_rng(seed)
    sizes = SIZES[0], 2, members
    return Gate(tuple((rng.normal(size=(b, a)), rng.normal(size=b)) for a, b in pairwise(sizes)))


@st.composite
def logits(draw: Any, members: int = 3, samples: int = 4, classes: int = 3) -> Any:
    """Dyadic numbers [member, sample, class], whose sums are exact in any order."""
    numbers = st.integers(-64, 64).map(lambda n: n / 16)
    flat = draw(
        st.lists(
            numbers, min_size=members * samples * classes, max_size=members * samples * classes
        )
    )
    return np.array(flat).reshape(members, samples, classes)

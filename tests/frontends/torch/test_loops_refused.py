"""Loops over time in a forward that no network of one step computes: refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from snn2chip.errors import ConfigError, UnsupportedError
from snn2chip.frontends.torch import walk

torch = pytest.importorskip("torch", reason="the front end of PyTorch modules")
snn = pytest.importorskip("snntorch", reason="the front end of snnTorch modules")
nn = torch.nn


class Refused(nn.Module):
    """A loop with something in it that no network of one step computes."""

    def __init__(self, body: Callable[..., Any], steps: int = 6) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.fc, self.rec, self.out = nn.Linear(6, 4), nn.Linear(4, 4), nn.Linear(4, 2)
        self.first, self.other = snn.Leaky(beta=0.9), snn.Leaky(beta=0.8)
        self.body, self.steps = body, steps

    def forward(self, x: Any) -> Any:
        return self.body(self, x)


def loop(change: Callable[..., Any], give: Callable[..., Any] = torch.stack) -> Callable[..., Any]:
    """``change`` (module, input, step, spikes of the step before, membrane) in each step."""

    def body(m: Refused, x: Any) -> Any:
        spk, mem, found = torch.zeros(x.shape[1], 4), m.first.reset_mem(), []
        for t in range(x.shape[0]):
            spk, mem = change(m, x, t, spk, mem)
            found.append(spk)
        return give(found)

    return body


def by_hand_outside(m: Refused, x: Any) -> Any:
    """Every step sees the same input, and the spikes of the step before."""
    spk, mem, found = None, None, []
    for _ in range(m.steps):
        current = m.fc(x) if spk is None else m.fc(x) + m.rec(spk)
        spk, mem = m.first(current, mem)
        found.append(spk)
    return torch.stack(found)


def broken_off(m: Refused, x: Any) -> Any:
    mem, spk = None, None
    for t in range(x.shape[0]):
        spk, mem = m.first(m.fc(x[t]), mem)
        if spk.sum() > 3:
            break
    return spk


def shared(m: Refused, x: Any) -> Any:
    one = two = None
    for t in range(x.shape[0]):
        spk, one = m.first(m.fc(x[t]), one)
        spk, two = m.first(m.rec(spk), two)
    return spk


def written(m: Refused, x: Any) -> Any:
    mem, found = None, torch.zeros(x.shape[0], x.shape[1], 4)
    for t in range(x.shape[0]):
        found[t], mem = leaky(m, x[t], mem)
    return found


def membranes(m: Refused, x: Any) -> Any:
    mem, found = None, []
    for one in x:
        _, mem = m.first(m.fc(one), mem)
        found.append(mem)
    return torch.stack(found)


def leaky(m: Refused, x: Any, mem: Any) -> Any:
    return m.first(m.fc(x), mem)


REFUSED: dict[str, tuple[Callable[..., Any], str]] = {
    "recurrence through a layer": (
        loop(lambda m, x, t, spk, mem: m.first(m.fc(x[t]) + m.rec(spk), mem)),
        "not made of the input",
    ),
    "recurrence without a layer": (
        loop(
            lambda m, x, t, spk, mem: (
                leaky(m, x[t], mem) if t < 1 else m.first(m.fc(x[t]) + spk, mem)
            )
        ),
        "values of different steps",
    ),
    "recurrence from the second step on": (by_hand_outside, "an output of the step before"),
    "two steps of the input": (
        loop(lambda m, x, t, spk, mem: leaky(m, x[t] + x[max(t - 1, 0)], mem)),
        "values of different steps",
    ),
    "steps in another order": (
        loop(lambda m, x, t, spk, mem: leaky(m, x[len(x) - 1 - t], mem)),
        "all steps in their order",
    ),
    "one step again and again": (
        loop(lambda m, x, t, spk, mem: leaky(m, x[0], mem)),
        "'first' (Leaky) twice in one step",
    ),
    "an end that depends on values": (broken_off, "uses sum"),
    "a step that differs": (
        loop(lambda m, x, t, spk, mem: leaky(m, x[t] * (1 + t % 2), mem)),
        "other numbers",
    ),
    "a layer in some steps only": (
        loop(lambda m, x, t, spk, mem: m.first(m.rec(m.fc(x[t])) if t == 3 else m.fc(x[t]), mem)),
        "something else in step 3",
    ),
    "a cell for two populations": (shared, "'first' (Leaky) twice in one step"),
    "a membrane as a signal": (
        loop(lambda m, x, t, spk, mem: (lambda s: (m.rec(s[1]), s[1]))(leaky(m, x[t], mem))),
        "computes with the state of 'first'",
    ),
    "a membrane that is computed with": (
        loop(lambda m, x, t, spk, mem: leaky(m, x[t], mem * 0.5)),
        "computes with the state of 'first'",
    ),
    "a state of another cell": (
        loop(lambda m, x, t, spk, mem: m.other(*leaky(m, x[t], None))),
        "gives 'other' (Leaky) in step 0 the state of 'first' in step 0",
    ),
    "some of the steps": (
        loop(lambda m, x, t, spk, mem: leaky(m, x[t], mem), lambda s: torch.stack(s[:-2]).sum(0)),
        "only some of its steps",
    ),
    "stacked backwards": (
        loop(lambda m, x, t, spk, mem: leaky(m, x[t], mem), lambda s: torch.stack(s[::-1])),
        "other values than one of each step",
    ),
    "a layer behind the sum": (
        lambda m, x: m.out(loop(lambda m, x, t, s, mem: leaky(m, x[t], mem), sum)(m, x)),
        "gives 'out' (Linear) what it has made of several steps",
    ),
    "a sum over neurons": (
        loop(lambda m, x, t, s, mem: leaky(m, x[t], mem), lambda s: torch.stack(s).sum(2)),
        "not one over steps",
    ),
    "outputs written into a tensor": (written, "return torch.stack of it"),
    "membranes alone": (membranes, "returns the states of its cells first"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_loop_is_refused_by_name(case: str) -> None:
    body, message = REFUSED[case]
    with pytest.raises((UnsupportedError, ConfigError)) as caught:
        walk(Refused(body), (6,), 1.0)
    assert message in str(caught.value)
    assert caught.value.needs


class Counted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = snn.Leaky(beta=0.9)

    def forward(self, x: Any, num_steps: int) -> Any:
        mem, found = None, []
        for _ in range(num_steps):
            spk, mem = self.cell(x, mem)
            found.append(spk)
        return torch.stack(found)


def test_arguments_that_are_no_inputs_need_a_default() -> None:
    with pytest.raises(ConfigError, match="takes 2 inputs: x, num_steps") as caught:
        walk(Counted(), (3,), 1.0)
    assert "a default" in caught.value.remedy

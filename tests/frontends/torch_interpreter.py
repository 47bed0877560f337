"""NIR node graphs run by torch, node by node and step by step; it knows no paths and no shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from .files import DT

Edges = list[tuple[str, str]]


def tensor(values: Any) -> torch.Tensor:
    return torch.as_tensor(np.asarray(values, np.float64))


def pair(values: Any, axes: int) -> Any:
    if isinstance(values, str):
        return values
    return tuple(int(v) for v in np.broadcast_to(values, axes))


def linear(node: Any, x: torch.Tensor) -> torch.Tensor | None:
    """What a node without state gives for x [1, *shape]; None for a node with state."""
    match type(node).__name__:
        case "Linear":
            return functional.linear(x, tensor(node.weight))
        case "Affine":
            return functional.linear(x, tensor(node.weight), tensor(node.bias))
        case "Scale":
            return x * tensor(node.scale)
        case "Flatten":
            end = node.end_dim + 1 if node.end_dim >= 0 else node.end_dim
            return torch.flatten(x, node.start_dim + 1, end)
        case "Conv1d" | "Conv2d":
            axes = node.weight.ndim - 2
            run = functional.conv1d if axes == 1 else functional.conv2d
            options = {k: pair(getattr(node, k), axes) for k in ("stride", "padding", "dilation")}
            return run(x, tensor(node.weight), tensor(node.bias), groups=node.groups, **options)
        case "SumPool2d" | "AvgPool2d":
            options = [pair(getattr(node, k), 2) for k in ("kernel_size", "stride", "padding")]
            size = options[0][0] * options[0][1] if type(node).__name__ == "SumPool2d" else 1
            return functional.avg_pool2d(x, *options) * size
    return None


class Interpreter:
    """Runs nodes in the order of the mapping; an edge to an earlier node is a step late."""

    def __init__(self, nodes: dict[str, Any], edges: Edges) -> None:
        self.nodes, self.edges = nodes, edges
        self.place = {name: k for k, name in enumerate(nodes)}
        self.sent: dict[str, list[torch.Tensor]] = {name: [] for name in nodes}
        self.seen: dict[str, list[torch.Tensor]] = {name: [] for name in nodes}
        self.state: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs [step, *shape] of every node for inputs [step, *shape]."""
        for t in range(len(next(iter(inputs.values())))):
            for name, node in self.nodes.items():
                if name in inputs:
                    self.sent[name].append(tensor(inputs[name][t])[None])
                else:
                    self.sent[name].append(self.step(name, node, self.current(name, t)))
        return {name: torch.cat(values).numpy() for name, values in self.sent.items()}

    def current(self, name: str, t: int) -> torch.Tensor:
        total = torch.zeros(1, dtype=torch.float64)
        for before, after in self.edges:
            late = self.place[before] >= self.place[name]
            if after == name and t >= late:
                total = total + self.sent[before][t - late]
        return total

    def step(self, name: str, node: Any, x: torch.Tensor) -> torch.Tensor:
        found = linear(node, x)
        if found is not None:
            return found
        if type(node).__name__ == "Output":
            return x
        if type(node).__name__ == "Delay":
            return self.delay(name, node, x)
        return self.neuron(name, node, x)

    def delay(self, name: str, node: Any, x: torch.Tensor) -> torch.Tensor:
        """Element by element, out of everything that the node has seen."""
        self.seen[name].append(x)
        now = len(self.seen[name]) - 1
        result = torch.zeros_like(x)
        for k, late in enumerate(np.rint(node.delay / DT).astype(int).reshape(-1)):
            if late <= now:
                result.view(-1)[k] = self.seen[name][now - late].reshape(-1)[k]
        return result

    def neuron(self, name: str, node: Any, x: torch.Tensor) -> torch.Tensor:
        kind = type(node).__name__
        rest = tensor(node.v_reset if kind == "IF" else node.v_leak)[None]
        v, i = self.state.get(name, (rest, torch.zeros_like(rest)))
        drive = x
        if kind.startswith("Cuba"):
            i = i + DT / tensor(node.tau_syn) * (tensor(node.w_in) * x - i)
            drive = i
        drive = tensor(node.r) * drive
        tau = getattr(node, "tau_mem", getattr(node, "tau", None))
        v = v + drive if kind == "IF" else v + DT / tensor(tau) * (rest - v + drive)
        fired = torch.zeros_like(v)
        if not kind.endswith("LI"):
            fired = (v > tensor(node.v_threshold)).double()
            v = torch.where(fired > 0, tensor(node.v_reset), v)
        self.state[name] = v, i
        return v if kind.endswith("LI") else fired

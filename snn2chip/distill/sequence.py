"""Whole samples through a student: step by step as users run it, or layer by layer for training.

Layer by layer, a layer without state sees all steps at once as one large batch. Both ways compute
the same; the second is faster because convolutions and products are few and large.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import norse.torch as norse
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from snn2chip.distill.cells import encode_values, run_cell
from snn2chip.distill.students import SPIKING, STATEFUL, Parallel
from snn2chip.graph import Encoding, Readout

EVALUATION_BATCH = 256


@dataclass(eq=False)
class Sequence:
    """What one pass over whole samples produced.

    Attributes:
        input: what went in [step, sample, *input_shape].
        output: of the last layer [step, sample, class].
        drive: what went into the last layer [step, sample, class].
        spikes: module name -> spikes of every spiking population [step, sample, *shape].
        taps: module name -> what it gave [step, sample, ...], of the modules that were asked for.
    """

    input: Tensor
    output: Tensor
    drive: Tensor
    spikes: dict[str, Tensor] = field(default_factory=dict)
    taps: dict[str, Tensor] = field(default_factory=dict)


def encode_spikes(x: Tensor, encoding: Encoding) -> Tensor:
    """What the input population sends of values: spikes of ``if``, or the values of ``direct``.

    ``if`` is deterministic: v += x each step, a spike where v > threshold, then v = 0. It is exact
    for the digits' values in any float type: they are multiples of 1/16.

    Args:
        x: values [sample, *shape].

    Returns:
        [step, sample, *shape], in the type of x.
    """
    assert encoding.steps is not None
    drive = x * encoding.gain if encoding.gain != 1.0 else x
    if encoding.kind == "direct":
        return drive.expand(encoding.steps, *drive.shape)
    return encode_values(drive, encoding.threshold, encoding.steps)


def run_steps(student: norse.SequentialState, x: Tensor) -> Tensor:
    """Step by step: outputs [step, sample, class] of input x [step, sample, *input_shape]."""
    state = None
    outputs = []
    for step in x:
        y, state = student(step, state)
        outputs.append(y)
    return torch.stack(outputs)


def run_layers(
    student: norse.SequentialState,
    x: Tensor,
    taps: Collection[str] = (),
    through_reset: bool = True,
) -> Sequence:
    """Layer by layer: the same outputs as `run_steps`, with the spikes of every population.

    In training mode it differs in two ways that are meant: BatchNorm sees the statistics of all
    steps together, and Dropout leaves out the same values at all steps of a sample.

    Args:
        x: input spikes [step, sample, *input_shape].
        taps: names of modules whose outputs are kept; names that are not there are left out.
        through_reset: gradients flow through resets, as in Norse.
    """
    spikes: dict[str, Tensor] = {}
    kept: dict[str, Tensor] = {}
    first = drive = x
    for name, module in student.named_children():
        if isinstance(module, Parallel):
            found = {m: run_layers(part, x, (), through_reset) for m, part in _members(module)}
            spikes |= {f"{m}/{n}": z for m, part in found.items() for n, z in part.spikes.items()}
            drive, x = x, torch.cat([part.output for part in found.values()], dim=2)
        else:
            drive, x = x, _run_layer(module, x, through_reset)
        if isinstance(module, SPIKING):
            spikes[name] = x
        if name in taps:
            kept[name] = x
    return Sequence(first, x, drive, spikes, kept)


def _members(module: Parallel) -> list[tuple[str, norse.SequentialState]]:
    return list(module.named_children())


def _run_layer(module: nn.Module, x: Tensor, through_reset: bool) -> Tensor:
    if isinstance(module, STATEFUL):
        return run_cell(module, x, through_reset)
    if isinstance(module, nn.Dropout):
        mask: Tensor = module(torch.ones_like(x[0]))
        return x * mask
    if len(x) > 1 and x.stride(0) == 0:  # the same values at every step
        once: Tensor = module(x[0])
        return once.expand(len(x), *once.shape)
    flat: Tensor = module(x.flatten(0, 1))
    return flat.reshape(*x.shape[:2], *flat.shape[1:])


def readout_scores(output: Tensor, readout: Readout) -> Tensor:
    """Scores [sample, class] of the output population's spikes or membranes [step, sample, class].

    The prediction is the argmax; the lowest class wins a tie.
    """
    match readout.kind:
        case "spike_count":
            return output.sum(0)
        case "v_last":
            return output[-1]
        case "v_mean":
            return output.mean(0)
        case "v_max":
            return output.amax(0)


def readout_logits(output: Tensor, readout: Readout) -> Tensor:
    """Logits of every step [step, sample, class].

    Their mean over the steps is `readout_scores` where the readout is spike_count or v_mean.
    """
    return output * len(output) if readout.kind == "spike_count" else output


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A student judged on samples.

    Attributes:
        predictions: int64 [sample].
        spikes: population -> mean spikes per sample, the input population first.
        neurons: population -> its number of neurons.
        ties: share of the samples whose two best scores are equal.
    """

    accuracy: float
    predictions: NDArray[np.int64] = field(repr=False)
    spikes: dict[str, float]
    neurons: dict[str, int]
    ties: float


def evaluate(
    student: norse.SequentialState,
    x: NDArray[np.floating],
    y: NDArray[np.int64],
    encoding: Encoding,
    readout: Readout,
) -> Evaluation:
    """Accuracy and spikes of a student in float32, without gradients, in evaluation mode.

    Args:
        x: values [sample, *input_shape].
        y: classes [sample].
    """
    was_training = student.training
    student.eval()
    scores = []
    spikes: dict[str, float] = {}
    neurons: dict[str, int] = {}
    with torch.no_grad():
        for batch in torch.split(torch.as_tensor(x, dtype=torch.float32), EVALUATION_BATCH):
            encoded = encode_spikes(batch, encoding)
            result = run_layers(student, encoded)
            scores.append(readout_scores(result.output, readout))
            for name, values in {"input": encoded, **result.spikes}.items():
                spikes[name] = spikes.get(name, 0.0) + float(values.sum())
                neurons[name] = values[0, 0].numel()
    student.train(was_training)
    score = torch.cat(scores)
    best = score.topk(2, dim=1).values
    predictions = score.argmax(1).numpy()
    return Evaluation(
        accuracy=float((predictions == y).mean()),
        predictions=predictions,
        spikes={name: total / len(y) for name, total in spikes.items()},
        neurons=neurons,
        ties=float((best[:, 0] == best[:, 1]).float().mean()),
    )

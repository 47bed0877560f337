"""Whole samples through a student: step by step as users run it, or layer by layer for training.

Layer by layer, a layer without state sees all steps at once as one large batch. Both ways compute
the same; the second is faster because convolutions and products are few and large.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

import norse.torch as norse
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from snn2chip.data import Keys, encode
from snn2chip.distill.cells import encode_values, run_cell
from snn2chip.distill.layout import laid_out
from snn2chip.distill.students import SPIKING, STATEFUL, Parallel, Residual
from snn2chip.graph import Encoding, Readout

EVALUATION_BATCH = 256

BEFORE = "before "
"""Of a module's name: the tap is what goes into it, such as a sum of two branches."""


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

    def in_float32(self) -> Sequence:
        """The same, out of an autocast: what is bfloat16 becomes float32."""
        taps = {name: values.float() for name, values in self.taps.items()}
        return replace(self, output=self.output.float(), drive=self.drive.float(), taps=taps)


def encode_spikes(x: Tensor, encoding: Encoding, keys: Keys | None = None) -> Tensor:
    """What the input population sends of values: the spikes of `snn2chip.data.encode`, bit for bit.

    With ``direct`` it sends the values times the gain, in the type of x.

    Args:
        x: values [sample, *shape].
        keys: of the code ``rate``; None for seed 0 and samples that are numbered from 0.

    Returns:
        [step, sample, *shape], in the type of x.
    """
    steps = encoding.steps
    assert steps is not None
    if encoding.kind == "direct":
        values = x * encoding.gain if encoding.gain != 1.0 else x
        return values.expand(steps, *values.shape)
    if encoding.kind == "if":
        return encode_values(x, encoding.threshold, steps, encoding.gain)
    spikes = encode(x.detach().cpu().numpy(), encoding, steps, keys)
    return torch.as_tensor(spikes).to(x.device, x.dtype)


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
        taps: names of modules whose outputs are kept, or whose input behind `BEFORE`; names that
            are not there are left out.
        through_reset: gradients flow through resets, as in Norse.
    """
    run = _Run(frozenset(taps), through_reset)
    first = drive = x
    for name, module in student.named_children():
        drive, x = x, run.module(name, module, x)
    return Sequence(first, x, drive, run.spikes, run.taps)


@dataclass(eq=False)
class _Run:
    """Layer by layer, with spikes by population and wanted outputs by module path.

    Parts of a residual block are called ``block1.mid`` as modules and ``block1/mid`` as
    populations, as in the graph.
    """

    wanted: frozenset[str]
    through_reset: bool
    spikes: dict[str, Tensor] = field(default_factory=dict)
    taps: dict[str, Tensor] = field(default_factory=dict)

    def module(self, path: str, module: nn.Module, x: Tensor) -> Tensor:
        """What a module gives of ``x`` [step, sample, ...]."""
        before = f"{BEFORE}{path}"
        if before in self.wanted:
            self.taps[before] = x
        if isinstance(module, Residual):
            y = module.follow(
                x, lambda name, value: self.module(f"{path}.{name}", getattr(module, name), value)
            )
        elif isinstance(module, Parallel):
            y = self.members(path, module, x)
        else:
            y = _run_layer(module, x, self.through_reset)
        if isinstance(module, SPIKING):
            self.spikes[path.replace(".", "/")] = y
        if path in self.wanted:
            self.taps[path] = y
        return y

    def members(self, path: str, module: Parallel, x: Tensor) -> Tensor:
        """What members that share ``x`` give, side by side in the last axis."""
        found = []
        for name, member in module.named_children():
            y = x
            for part, child in member.named_children():
                y = self.module(f"{path}.{name}.{part}", child, y)
            found.append(y)
        return torch.cat(found, dim=-1)


def _run_layer(module: nn.Module, x: Tensor, through_reset: bool) -> Tensor:
    if isinstance(module, STATEFUL):
        return run_cell(module, x, through_reset)
    if isinstance(module, nn.Dropout):
        mask: Tensor = module(torch.ones_like(x[0]))
        return x * mask
    if len(x) > 1 and x.stride(0) == 0:  # the same values at every step
        once: Tensor = module(_for(module, x[0]))
        return once.expand(len(x), *once.shape)
    flat: Tensor = module(_for(module, x.flatten(0, 1)))
    return flat.reshape(*x.shape[:2], *flat.shape[1:])


def _for(module: nn.Module, x: Tensor) -> Tensor:
    """x [sample, ...] in the order of memory that a module reads fastest."""
    return laid_out(x) if isinstance(module, nn.Conv2d) else x


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
        spikes: population -> mean spikes per sample, the input population first; of an input of
            values, those that are not 0, as reports count them.
        neurons: population -> its number of neurons.
        ties: share of the samples whose two best scores are equal.
        fired: population -> int64 [*shape], the same spikes by neuron, of all samples.
        by_sample: int64 [sample], spikes of all populations but the input.
    """

    accuracy: float
    predictions: NDArray[np.int64] = field(repr=False)
    spikes: dict[str, float]
    neurons: dict[str, int]
    ties: float
    fired: dict[str, NDArray[np.int64]] = field(default_factory=dict, repr=False)
    by_sample: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64), repr=False)


def accuracy_of(
    student: norse.SequentialState,
    x: NDArray[np.floating],
    y: NDArray[np.int64],
    encoding: Encoding,
    readout: Readout,
) -> float:
    """The accuracy that `evaluate` finds, for arguments as there; no spike is counted."""
    scores = [readout_scores(result.output, readout) for result in _batches(student, x, encoding)]
    return float((torch.cat(scores).argmax(1).numpy() == y).mean())


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
    scores, by_sample = [], []
    fired: dict[str, Tensor] = {}
    for result in _batches(student, x, encoding):
        scores.append(readout_scores(result.output, readout))
        own = torch.zeros(result.output.shape[1], dtype=torch.int64)
        for name, values in {"input": result.input, **result.spikes}.items():
            spiked = values != 0
            fired[name] = fired.get(name, 0) + spiked.sum(dim=(0, 1))
            if name != "input":
                own += spiked.flatten(2).sum(dim=(0, 2))
        by_sample.append(own)
    score = torch.cat(scores)
    best = score.topk(2, dim=1).values
    predictions = score.argmax(1).numpy()
    return Evaluation(
        accuracy=float((predictions == y).mean()),
        predictions=predictions,
        spikes={name: int(each.sum()) / len(y) for name, each in fired.items()},
        neurons={name: each.numel() for name, each in fired.items()},
        ties=float((best[:, 0] == best[:, 1]).float().mean()),
        fired={name: each.numpy() for name, each in fired.items()},
        by_sample=torch.cat(by_sample).numpy(),
    )


def _batches(
    student: norse.SequentialState, x: NDArray[np.floating], encoding: Encoding
) -> Iterator[Sequence]:
    """Runs of ``EVALUATION_BATCH`` samples each, without gradients, in evaluation mode."""
    was_training = student.training
    student.eval()
    try:
        samples = torch.split(torch.as_tensor(x, dtype=torch.float32), EVALUATION_BATCH)
        for number, batch in enumerate(samples):
            first = number * EVALUATION_BATCH
            keys = Keys(samples=np.arange(first, first + len(batch)))
            with torch.no_grad():
                result = run_layers(student, encode_spikes(batch, encoding, keys))
            yield result
    finally:
        student.train(was_training)

"""Contexts and signals of tiny students and teachers, without a training around them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest


def _lively(network, drive: float) -> None:
    """Statistics and biases at random, such that neurons fire at times: about ``drive`` in."""
    import torch

    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.05, 0.3)
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(drive - 0.4, drive + 0.4)
            if isinstance(module, torch.nn.Linear):
                module.weight.mul_(3.0)
                module.bias.add_(drive)


@pytest.fixture
def made(tiny_recipe):
    """Maker of (objective, signals, context) for a recipe's method, or one of its penalties.

    Both networks have weights of chance; every value that a loss sees is theirs.
    """
    torch = pytest.importorskip("torch", reason="students are torch modules")
    pytest.importorskip("norse", reason="students have Norse cells")
    from snn2chip.distill.methods.base import Context, Signals
    from snn2chip.distill.sequence import (
        encode_spikes,
        readout_logits,
        readout_scores,
        run_layers,
    )
    from snn2chip.distill.students import architecture, build_student
    from snn2chip.distill.teachers.network import NetworkTeacher
    from snn2chip.graph import Readout

    def network(student, dt=1e-3):
        return build_student(architecture(student, (1, 8, 8), 10), dt)

    def make(kind="mlp", term: int | None = None, samples=5, **changes):
        recipe = tiny_recipe(kind, **changes)
        plan = recipe.method if term is None else recipe.penalties[term]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            student = network(recipe.student, recipe.encoding.dt)
            teacher = None
            if recipe.teacher is not None:
                teacher = NetworkTeacher(network(recipe.teacher.network()).eval())
            _lively(student, drive=2.0)
            if teacher is not None:
                _lively(teacher.module, drive=0.0)
        x = torch.rand(samples, 1, 8, 8, generator=torch.Generator().manual_seed(4))
        spikes = encode_spikes(x, recipe.encoding.to_graph())
        paths = [name for name, _ in student.named_modules() if name]
        student.eval()
        with torch.no_grad():
            shapes = {
                n: tuple(v.shape[2:]) for n, v in run_layers(student, spikes, paths).taps.items()
            }
        context = Context(recipe, student, teacher, x[:2], 10, shapes, x)
        objective = plan.objective(context)
        result = run_layers(student, spikes, objective.student_taps)
        scale, readout = recipe.training.logit_scale, Readout(recipe.student.readout)
        signals = Signals(
            scores=readout_scores(result.output, readout) * scale,
            logits=readout_logits(result.output, readout) * scale,
            output=result.output,
            drive=result.drive,
            spikes={"input": result.input, **result.spikes},
            taps=result.taps,
            y=torch.arange(samples) % 10,
            teacher=None if teacher is None else teacher.outputs(x, objective.teacher_taps),
            epoch=0,
            epochs=2,
            stage="train",
            generator=torch.Generator().manual_seed(0),
        )
        return SimpleNamespace(
            objective=objective, signals=signals, context=context, student=student, teacher=teacher
        )

    return make

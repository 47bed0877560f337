"""One population of a student as a layer."""

from __future__ import annotations

from typing import Any

from snn2chip.distill.recipe import StudentConfig
from snn2chip.distill.students.layers import LAYERS, Layer


def neurons(student: StudentConfig, tau: float) -> Layer:
    """The student's neurons with a membrane time constant, in seconds."""
    values: dict[str, Any] = {
        "tau": tau,
        "tau_syn": student.tau_syn,
        "v_threshold": student.v_threshold,
        "surrogate": student.surrogate,
        "alpha": student.alpha,
    }
    soft = {"reset": student.reset} if student.reset != "zero" else {}
    own = {name: values[name] for name in LAYERS[student.neuron]}
    return {"kind": student.neuron, **own, **soft}

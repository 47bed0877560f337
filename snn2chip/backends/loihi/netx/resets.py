"""Resets of a ``.net`` network as netx pipelines them (lava-dl 0.6.0, ``netx.hdf5.Network``).

With a reset interval, netx makes LIFReset of LIF; the first layer that it builds is reset at Lava's
steps t with t mod interval == (offset + 1) mod interval, and each further layer one step later.
Layers with other neurons are counted, but not reset. An input layer without neurons is not built.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snn2chip.core import Program, ProgramPopulation

_RESETTING = ("cuba", "cuba_driven")


def with_resets(program: Program, interval: int, offset: int) -> Program:
    """The program with resets every ``interval`` steps, the first layer's at ``offset`` + 1."""
    built = [p.name for p in program.populations if not p.is_input]
    never = [p.name for p in program.populations if not p.is_input and p.model not in _RESETTING]
    note = f"reset every {interval} steps, {', '.join(built)} one step after another, as in netx"
    ignored = f"{', '.join(never)}: never reset, since netx resets CUBA neurons only"
    return replace(
        program,
        populations=tuple(
            _with_reset(p, interval, offset + 1 + built.index(p.name))
            if p.model in _RESETTING
            else p
            for p in program.populations
        ),
        notes=(*program.notes, note, *([ignored] if never else [])),
    )


def _with_reset(population: ProgramPopulation, interval: int, offset: int) -> ProgramPopulation:
    parameters = {"reset_interval": np.array(interval), "reset_offset": np.array(offset)}
    return replace(
        population,
        model=f"{population.model}_reset",
        parameters={**population.parameters, **parameters},
    )

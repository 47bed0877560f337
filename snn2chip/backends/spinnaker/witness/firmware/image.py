"""A network, mapped by sPyNNaker on a virtual board: what it would write to every core.

sPyNNaker takes its configuration from the home folder and from the working folder, so both must be
this run's own before it is imported.
"""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from board import Entry, Place

CHANNELS = {"v": 0, "spikes": 3}
"""Of the recordings that they lie in."""
_PARTITION = "SPIKE"

_CONFIGURATION = """\
[Machine]
version = {version}
virtual_board = True
[Mode]
mode = Info
[Reports]
keep_dataspec_database = True
"""


@dataclass(frozen=True)
class Part:
    """Neurons of a population on one core, or spikes of an input from it.

    Attributes:
        key: of its first neuron; None where nobody listens.
        binary: path of its program; None for an input, whose spikes are given from outside.
        regions: number -> (label, bytes that it takes, content).
    """

    population: str
    first: int
    size: int
    place: Place
    core: int
    key: int | None
    binary: Path | None
    regions: Mapping[int, tuple[str, int, bytes]]

    @property
    def port(self) -> int:
        """At which it takes the host's commands."""
        return int(struct.unpack("<3I", self.regions[0][2])[2])

    @property
    def shifts(self) -> tuple[int, int]:
        """Of its ring buffers, excitatory and inhibitory."""
        label = next(
            content for name, _, content in self.regions.values() if name == "SynapseParams"
        )
        excitatory, inhibitory = struct.unpack("<2I", label[-8:])
        return excitatory, inhibitory


@dataclass(frozen=True)
class Image:
    """All that sPyNNaker would load.

    Attributes:
        expander: path of the program that makes parameters out of descriptions.
    """

    parts: tuple[Part, ...]
    tables: Mapping[Place, tuple[Entry, ...]]
    expander: Path


def enter(folder: Path, version: int = 5) -> None:
    """Make a folder this process's home and working folder, with sPyNNaker's configuration.

    Args:
        version: of the board, as SpiNNMachine numbers them: 5 has 48 chips of SpiNNaker 1, 248 of
            SpiNNaker 2, 201 one of them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in (".spynnaker.cfg", "spynnaker.cfg"):
        (folder / name).write_text(_CONFIGURATION.format(version=version))
    os.environ["HOME"] = str(folder)
    os.chdir(folder)


def mapped(
    network: Mapping[str, Any],
    arrays: Mapping[str, Any],
    look: Callable[[], None] | None = None,
) -> Image:
    """Build a network in PyNN, let sPyNNaker map it, and keep what it would load.

    Args:
        network: ``time_step_ms``, ``steps``, ``populations`` (``name``, ``size``, ``model`` or
            None for an input, ``max_expected`` or None), ``projections`` (``source``, ``target``,
            ``receptor``, ``index``), and ``recorded``: whether membranes and spikes are.
        arrays: ``<population>.<parameter>`` [neuron], ``<population>.v`` [neuron], and
            ``<index>.sources``, ``.targets``, ``.weights`` in nA, ``.delays`` in steps [synapse].
        look: called while sPyNNaker still holds what it made.
    """
    from pyNN import spiNNaker as sim  # noqa: N813

    step = network["time_step_ms"]
    sim.setup(timestep=step)
    recorded = network.get("recorded", True)
    made = {p["name"]: _population(sim, p, arrays, recorded) for p in network["populations"]}
    for p in network["projections"]:
        columns = (arrays[f"{p['index']}.{name}"] for name in ("sources", "targets", "weights"))
        delays = arrays[f"{p['index']}.delays"] * step
        rows = list(zip(*(c.tolist() for c in columns), delays.tolist(), strict=True))
        connector = sim.FromListConnector(rows)
        sim.Projection(made[p["source"]], made[p["target"]], connector, receptor_type=p["receptor"])
    sim.run(network["steps"] * step)
    image = _image()
    if look is not None:
        look()
    sim.end()
    return image


def _population(
    sim: Any, wanted: Mapping[str, Any], arrays: Mapping[str, Any], recorded: bool
) -> Any:
    name, size = wanted["name"], wanted["size"]
    if wanted["model"] is None:
        return sim.Population(size, sim.SpikeSourceArray(spike_times=[[0.0]] * size), label=name)
    prefix = f"{name}."
    given = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
    first = given.pop("v")
    more: dict[str, Any] = {}
    if wanted["max_expected"] is not None:
        more["additional_parameters"] = {"max_expected_summed_weight": wanted["max_expected"]}
    cell = getattr(sim, wanted["model"])(**{k: _one_or_all(v) for k, v in given.items()})
    population = sim.Population(size, cell, label=name, **more)
    population.initialize(v=_one_or_all(first))
    if recorded:
        population.record(list(CHANNELS))
    return population


def _one_or_all(values: Any) -> Any:
    """One number where all are equal: the chip makes an array of it by itself."""
    equal = bool(np.all(values == values[0]))
    return float(values[0]) if equal else values.tolist()


def _image() -> Image:
    from spynnaker.pyNN.data import SpynnakerDataView as View

    database = sqlite3.connect(View.get_ds_database_path())
    keys = View.get_routing_infos()
    parts = []
    for placement in View.iterate_placemements():
        vertex = placement.vertex
        if vertex.app_vertex is None or not hasattr(vertex, "vertex_slice"):
            continue
        sends = keys.has_info_from(vertex, _PARTITION)
        where = placement.x, placement.y, placement.p
        regions = {
            number: (label, size, content or b"")
            for number, label, size, content in database.execute(
                "SELECT region_num, region_label, size, content FROM region "
                "WHERE x = ? AND y = ? AND p = ? ORDER BY region_num",
                where,
            )
        }
        is_input = any(label == "SEND_BUFFER" for label, _, _ in regions.values())
        parts.append(
            Part(
                population=vertex.app_vertex.label,
                first=vertex.vertex_slice.lo_atom,
                size=vertex.vertex_slice.n_atoms,
                place=where[:2],
                core=where[2],
                key=int(keys.get_key_from(vertex, _PARTITION)) if sends else None,
                binary=None if is_input else _program(View, vertex.get_binary_file_name()),
                regions=regions,
            )
        )
    tables = {
        (table.x, table.y): tuple(
            Entry(entry.key, entry.mask, entry.spinnaker_route)
            for entry in table.multicast_routing_entries
        )
        for table in View.get_precompressed().routing_tables
    }
    return Image(tuple(parts), tables, _program(View, "neuron_expander.aplx"))


def _program(view: Any, name: str) -> Path:
    return Path(view.get_executable_path(name))

"""SANA-FE's description of a chip, written from the constants of one of our targets.

Its own Loihi has 1,024 input units on every core, which take seconds and gigabytes to set up; this
one has as many as are used.
"""

from __future__ import annotations

from pathlib import Path

from snn2chip.targets.types import CostTable, Target

_PER_UNIT = {"e": "e-12", "t": "e-9"}
"""Our pJ and ns in SANA-FE's joules and seconds."""


def write_architecture(path: Path, target: Target, inputs: int) -> None:
    """One YAML file that ``sanafe.load_arch`` reads.

    Args:
        target: with a cost table ``sanafe_nahuku``.
        inputs: input units of each core.
    """
    table, mesh = target.costs["sanafe_nahuku"], target.mesh
    barrier = table.lookup("t_barrier_by_tiles") or {}
    path.write_text(
        f"""architecture:
  name: chip
  attributes:
    topology: mesh
    width: {mesh.columns}
    height: {mesh.rows}
    link_buffer_size: {int(table.constants["link_buffer"].value)}
    sync_model: table
    latency_sync: {{ {", ".join(f"{k}: {v}e-9" for k, v in barrier.items())} }}
  tile:
    - name: tile[0..{mesh.columns * mesh.rows - 1}]
      attributes:
{_hops(table)}
      core:
        - name: core[0..{mesh.cores_per_tile - 1}]
          attributes:
            buffer_position: soma
            buffer_inside_unit: false
            max_neurons_supported: {target.limit("neurons_per_core")}
          axon_in:
            - name: in
              attributes: {{ {_both(table, "message_in", "packet_in")} }}
          soma:
            - name: loihi_lif
              attributes:
                model: leaky_integrate_fire
{_soma(table)}
            - name: loihi_inputs[0..{max(1, inputs) - 1}]
              attributes:
                model: input
{_soma(None)}
          dendrite:
            - name: loihi_dendrites
              attributes: {{ model: accumulator, energy_update: 0.0, latency_update: 0.0 }}
          synapse:
{_synapses(table)}
          axon_out:
            - name: out
              attributes: {{ {_both(table, "message_out", "packet_out")} }}
"""
    )


def _number(table: CostTable, name: str) -> str:
    value = table.value(name)
    assert value is not None, f"{name} is no constant of {table.name}"
    return f"{value}{_PER_UNIT[name[0]]}"


def _both(table: CostTable, theirs: str, ours: str) -> str:
    energy, time = _number(table, f"e_{ours}"), _number(table, f"t_{ours}")
    return f"energy_{theirs}: {energy}, latency_{theirs}: {time}"


def _hops(table: CostTable) -> str:
    directions = (("north", "ns"), ("south", "ns"), ("east", "ew"), ("west", "ew"))
    return "\n".join(
        f"        energy_{theirs}_hop: {_number(table, f'e_hop_{ours}')}\n"
        f"        latency_{theirs}_hop: {_number(table, f't_hop_{ours}')}"
        for theirs, ours in directions
    )


def _soma(table: CostTable | None) -> str:
    """Costs of a neuron; those of an input are 0."""
    events = (
        ("access_neuron", "neuron_access"),
        ("update_neuron", "neuron_update_extra"),
        ("spike_out", "spike_out_extra"),
    )
    return "\n".join(
        f"                {word}_{theirs}: {_number(table, f'{unit}_{ours}') if table else 0.0}"
        for theirs, ours in events
        for word, unit in (("energy", "e"), ("latency", "t"))
    )


def _synapses(table: CostTable) -> str:
    return "\n".join(
        f"            - name: loihi_{kind}_synapse\n"
        f"              attributes: {{ model: current_based, "
        f"{_both(table, 'process_spike', f'synop_{kind}')} }}"
        for kind in ("dense", "sparse", "conv")
    )

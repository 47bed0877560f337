"""A program as a ``.net`` file that netx loads, with what turns its spikes back into units.

Layer k starts one step after layer k - 1: netx resets them so with ``reset_offset`` 1 (0 where the
first layer is the input's own neurons, which this tool does not write). Then netx's step t holds
graph step t - 1 - k of layer k, biases included, which would otherwise act before the samples.
"""

from __future__ import annotations

from typing import Any

from snn2chip.backends.base import Artefacts
from snn2chip.backends.loihi.netx.storage import layers_file
from snn2chip.backends.loihi.netx.writing.chain import Link, branches, links
from snn2chip.backends.loihi.netx.writing.holds import misfits
from snn2chip.backends.loihi.netx.writing.layers import (
    as_layer,
    compact,
    layer_of,
    layer_shape,
    net_layers,
)
from snn2chip.core import Program

FILE = "network.net"
RESET_OFFSET = 1


def net_artefacts(program: Program) -> Artefacts:
    """The file ``network.net`` and its entry of the manifest, or everything that keeps it out."""
    errors = tuple(branches(program))
    chain = () if errors else links(program)
    errors = errors or tuple(misfits(chain))
    if errors:
        return Artefacts(refused=errors)
    layers = net_layers(chain)
    return Artefacts(
        files={FILE: layers_file(layers)},
        manifest={"net": _manifest(program, chain, layer_of(layers, chain))},
    )


def _manifest(program: Program, chain: tuple[Link, ...], index: dict[str, int]) -> dict[str, Any]:
    source, encoding = program.inputs[0], program.encoding
    return {
        "file": FILE,
        "layers": index,
        "latency": {source.name: 0, **{x.population.name: k + 1 for k, x in enumerate(chain)}},
        "reset_offset": RESET_OFFSET,
        "samples_in_a_row": not any(
            p is not None and p.delay.largest for x in chain for p in (x.forward, x.recurrent)
        ),
        "input": {
            "population": source.name,
            "shape": list(source.shape),
            "encoding": encoding.kind,
            "steps": encoding.steps,
            "threshold": encoding.threshold,
            "gain": encoding.gain,
        },
        "readout": {"population": program.outputs[0], "kind": program.readout.kind},
        "units": {x.population.name: _units(x) for x in chain},
    }


def _units(link: Link) -> dict[str, Any]:
    """v of the graph = offset + v / scale; one number, one per channel, or (W, H, C)."""
    population, shape = link.population, layer_shape(as_layer(link.forward.operator))
    return {
        "spiking": population.spiking,
        "scale": compact(population.scale, population.shape, shape).tolist(),
        "offset": compact(population.offset, population.shape, shape).tolist(),
    }

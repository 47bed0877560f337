"""What sPyNNaker makes of a network without running it; for its own Python, without snn2chip.

    python map_network.py REQUEST.npz MAPPED.json

REQUEST is that of ``run_firmware.py`` without spikes; ``version`` of the network names the board.
MAPPED holds ``chips`` [x, y, cores], ``parts`` (``population``, ``first``, ``size``, ``place``,
``core``, ``key`` and ``mask`` or null, ``regions`` by label in bytes), ``tables`` and
``compressed``: chip ``x,y`` -> rows [key, mask, route, default].
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))  # isolated Pythons leave it out

from image import enter, mapped


def main() -> None:
    """See the module's docstring."""
    request, answer = (Path(word).absolute() for word in sys.argv[1:3])
    with np.load(request, allow_pickle=False) as file:
        given = {name: file[name] for name in file.files}
    network = json.loads(str(given.pop("network")))
    enter(answer.parent / "spynnaker", network["version"])
    found: dict[str, Any] = {}
    image = mapped(network, given, lambda: found.update(_of_pacman()))
    masks = found.pop("masks")
    found["parts"] = [
        {
            "population": part.population,
            "first": part.first,
            "size": part.size,
            "place": part.place,
            "core": part.core,
            "key": part.key,
            "mask": masks.get(f"{part.place[0]},{part.place[1]},{part.core}"),
            "regions": {label: size for label, size, _ in part.regions.values()},
        }
        for part in image.parts
    ]
    answer.write_text(json.dumps(found))


def _of_pacman() -> dict[str, Any]:
    """What only PACMAN itself can tell, before its data are gone."""
    from pacman.operations.router_compressors.pair_compressor import _PairCompressor
    from spynnaker.pyNN.data import SpynnakerDataView as View

    keys, masks = View.get_routing_infos(), {}
    for placement in View.iterate_placemements():
        if keys.has_info_from(placement.vertex, "SPIKE"):
            where = f"{placement.x},{placement.y},{placement.p}"
            masks[where] = int(keys.get_info_from(placement.vertex, "SPIKE").mask)
    compressor = _PairCompressor(ordered=True, accept_overflow=True)
    tables = View.get_uncompressed().routing_tables
    return {
        "chips": [[c.x, c.y, c.n_placable_processors] for c in View.get_machine().chips],
        "masks": masks,
        "tables": {f"{t.x},{t.y}": _rows(t.multicast_routing_entries) for t in tables},
        "compressed": {f"{t.x},{t.y}": _rows(compressor.compress_table(t)) for t in tables},
    }


def _rows(entries: Any) -> list[list[int]]:
    return [[int(e.key), int(e.mask), int(e.spinnaker_route), int(e.defaultable)] for e in entries]


if __name__ == "__main__":
    main()

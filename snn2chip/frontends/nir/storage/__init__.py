"""NIR files on disk: HDF5 in, checked before it is believed, and HDF5 out, whole or not at all."""

from snn2chip.frontends.nir.storage.reader import read_nodes
from snn2chip.frontends.nir.storage.writer import write_nodes

__all__ = ["read_nodes", "write_nodes"]

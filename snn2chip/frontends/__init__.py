"""Networks of other tools into Graphs, and out again where a format can hold them."""

from snn2chip.frontends.load import load, load_repaired
from snn2chip.frontends.nir.repair.types import Repair

__all__ = ["Repair", "load", "load_repaired"]

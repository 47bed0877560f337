"""Networks of other tools into Graphs, and out again where a format can hold them."""

from snn2chip.frontends.load import load

__all__ = ["load"]

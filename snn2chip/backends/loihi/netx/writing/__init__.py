"""Programs as ``.net`` files: the path of layers, what keeps a program out, and the file."""

from snn2chip.backends.loihi.netx.writing.write import FILE, net_artefacts

__all__ = ["FILE", "net_artefacts"]

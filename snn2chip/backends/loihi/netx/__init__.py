"""lava-dl's ``.net`` files: networks that are integers for Loihi already, read as a Program."""

from snn2chip.backends.base import ProgramReader
from snn2chip.backends.loihi.netx.describe import graph_of_program
from snn2chip.backends.loihi.netx.drive import bias_writes
from snn2chip.backends.loihi.netx.pipelined import pipelined
from snn2chip.backends.loihi.netx.program import read_net
from snn2chip.backends.loihi.netx.refuse import SUPPORT
from snn2chip.backends.loihi.netx.resets import with_resets

READER = ProgramReader("loihi", read_net, graph_of_program, SUPPORT, with_resets)

__all__ = ["READER", "bias_writes", "graph_of_program", "pipelined", "read_net", "with_resets"]

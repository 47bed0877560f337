"""Modules of PyTorch and of spiking libraries on it into NIR nodes, and proven NIR files.

========= ====================================================================================
framework what a library of neurons tells about itself; ``framework_of`` a module
builder   the NIR nodes that a walk emits; ``layers`` torch's own linear layers
walk      a module into NIR nodes
run       a module step by step, with its cells recorded
prove     a file is written only if it gives what the module gives
========= ====================================================================================

The libraries' rooms lie beside this one: norse, snntorch, spikingjelly. They are imported only
where a module needs them.
"""

from snn2chip.frontends.torch.framework import Framework, framework_of, require_torch
from snn2chip.frontends.torch.walk import Walked, walk

__all__ = ["Framework", "Walked", "framework_of", "require_torch", "walk"]

"""Modules of PyTorch and of spiking libraries on it into NIR nodes, and proven NIR files.

========== ===================================================================================
framework  what a library of neurons tells about itself; ``framework_of`` a module
builder    the NIR nodes that a walk emits; ``layers`` torch's own linear layers
stepping   which arguments of a module are inputs, which are states; one step of it
walk       a module into NIR nodes: a dry run, then a trace of two steps
trace      a module followed through its forward; ``values`` in it, ``functions`` on them
looped     a module that loops over time in its forward: where time is, and one step of it
loops      such a loop followed; ``steps`` its traces, ``sequences`` tensors with an axis of time
dry        real runs on zeros
prove      a file is written only if it gives what the module gives
borderline whether rounding explains how a run in float32 differs
========== ===================================================================================

The libraries' rooms lie beside this one: norse, snntorch, spikingjelly. They are imported only
where a module needs them.
"""

from snn2chip.frontends.torch.framework import Framework, framework_of, require_torch
from snn2chip.frontends.torch.walk import Walked, walk

__all__ = ["Framework", "Walked", "framework_of", "require_torch", "walk"]

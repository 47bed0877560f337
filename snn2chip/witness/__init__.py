"""Outside engines that confirm ours: locked environments of their own, run as processes.

Nothing of them is imported. An environment is made with uv from exact versions, once, and kept in
the user's cache; what goes in and comes out are ``.npz`` files.
"""

from snn2chip.witness.comparison import Compared
from snn2chip.witness.engines import engine_of, engine_there
from snn2chip.witness.environments import Environment, cache_folder, find, make
from snn2chip.witness.interpreters import program
from snn2chip.witness.running import Engine, run_script

__all__ = [
    "Compared",
    "Engine",
    "Environment",
    "cache_folder",
    "engine_of",
    "engine_there",
    "find",
    "make",
    "program",
    "run_script",
]

"""When snnTorch resets its cells, as options of the discretization.

With d = whether the membrane of the step before is above the threshold, x the input of the step
(of Synaptic the current that it leaves) and z the spike, read in snntorch 1.0.0 ``_neurons``::

    subtract          v = beta v + x - d thr ; z = v > thr                    reset_time fire
    zero              Leaky: v = beta (1 - d) v + x ; others: v = (1 - d) (beta v + x)
                      z = v > thr                                             leak, fire
    none              v = beta v + x ; z = v > thr
    subtract, now     u = beta v + x ; z = u - d thr > thr ; v = u - z thr    both
    zero, now         v = beta v + x ; z = v > thr ; v = (1 - z) v            both

"now" is ``reset_delay=False``. There the formulas of snnTorch add d times what they have taken away
before the comparison, so that no reset counts twice. With reset to zero that holds only while d is
0, which it is as long as no threshold is negative: others are refused.

RSynaptic with ``reset_delay=False`` resets a variable that it drops, and reads one that it is not
given where it holds its own state. Called with its states it is thus reset in the next step, as
with ``reset_delay=True``, and becomes that; with ``init_hidden=True`` it cannot run and is refused.
"""

from __future__ import annotations

from typing import Any

from snn2chip.errors import UnsupportedError

_WORDS = {0: "subtract", 1: "zero", 2: "none"}
_FUNCTIONS = {"_base_sub": "subtract", "_base_zero": "zero", "_base_int": "none"}


def reset_options(module: Any, path: str) -> dict[str, str]:
    """Options ``reset`` and ``reset_time`` (``cuba_reset_time`` of cells with a current).

    Raises:
        UnsupportedError: a reset that was changed after the cell was built, one of RSynaptic that
            snnTorch cannot run, or a negative threshold where it is reset to zero at once.
    """
    kind = type(module).__name__
    reset = _mechanism(module, path)
    options = {"reset": reset}
    delayed = getattr(module, "reset_delay", True)
    if kind == "RSynaptic" and not delayed:
        check_runs(module, path, holds=module.init_hidden)
        delayed = True
    time = "reset_time" if not hasattr(module, "alpha") else "cuba_reset_time"
    if reset == "subtract":
        options[time] = "fire" if delayed else "both"
    elif reset == "zero" and delayed:
        options[time] = "leak" if kind == "Leaky" else "fire"
    elif reset == "zero":
        options[time] = "both"  # as spike, where a reset leaves nothing above the threshold
        if bool((module.threshold < 0).any()):
            raise UnsupportedError(
                f"module {path!r} ({kind}) has a negative threshold, reset_mechanism 'zero' and "
                "reset_delay=False",
                needs="a threshold of at least 0: below it, snnTorch doubles the membrane",
                remedy="reset_delay=True, or another threshold",
            )
    return options


def _mechanism(module: Any, path: str) -> str:
    """The reset that a cell computes: the function it chose when it was built."""
    stated = _WORDS[int(module.reset_mechanism_val)]
    built = _FUNCTIONS.get(getattr(module.state_function, "__name__", ""), "unknown")
    if stated != built:
        raise UnsupportedError(
            f"module {path!r} ({type(module).__name__}) was built with reset {built!r} and has "
            f"{stated!r} now",
            needs="one reset_mechanism: snnTorch goes on with the first where it delays the reset",
            remedy=f"build the cell with reset_mechanism={stated!r}, then load its weights",
        )
    return stated


def check_runs(module: Any, path: str, *, holds: bool) -> None:
    """Refuses an RSynaptic that snnTorch cannot run.

    Args:
        holds: whether the cell holds its states, which nothing gives it then.

    Raises:
        UnsupportedError: it does, and is not to delay its reset.
    """
    if holds and type(module).__name__ == "RSynaptic" and not module.reset_delay:
        raise UnsupportedError(
            f"module {path!r} (RSynaptic) has reset_delay=False and is not given its states",
            needs="a cell that runs: snnTorch reads spikes that it was not given, and stops",
            remedy="reset_delay=True, or init_hidden=False in a module that hands its states on",
        )

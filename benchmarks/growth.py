"""Whether time grows linearly with steps, samples and synapses: measured, fitted and drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import repeat

import numpy as np

from benchmarks.limits import alternating, seconds_per_call
from benchmarks.networks import dense_network, random_spikes
from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.core import Program
from snn2chip.engine import RunOptions, stream
from snn2chip.graph.linear import synapses

LINEAR = 1.15
"""Largest exponent of time over size that is called linear; noise is allowed for."""

_WIDE, _HIGH, _EDGE = 300, 240, 44


@dataclass(frozen=True)
class Series:
    """Seconds of a run against one size, all others fixed."""

    name: str
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]

    @property
    def exponent(self) -> float:
        """Of the power of the size that fits the seconds best."""
        return float(np.polyfit(np.log(self.sizes), np.log(self.seconds), 1)[0])


def measure_growth(threads: int, rounds: int = 3) -> tuple[Series, ...]:
    """Runs of 784-128-64-10 and of wider ones, each over a second or more, in turns."""
    base = dense_network()
    cases: dict[str, list[tuple[int, Program, int, int]]] = {
        "steps": [(n, base, n, 128) for n in (32, 64, 128, 256)],
        "samples": [(n, base, 32, n) for n in (128, 256, 512, 1024)],
        "synapses": [
            (_synapses(program), program, 32, 128)
            for program in (dense_network((784, w, 10)) for w in (256, 512, 1024, 2048))
        ],
    }
    found = alternating(
        {
            f"{axis} {size}": _measure(program, steps, samples, threads)
            for axis, sizes in cases.items()
            for size, program, steps, samples in sizes
        },
        rounds,
    )
    return tuple(
        Series(
            axis,
            tuple(size for size, *_ in sizes),
            tuple(found[f"{axis} {size}"][0] for size, *_ in sizes),
        )
        for axis, sizes in cases.items()
    )


def _measure(program: Program, steps: int, samples: int, threads: int) -> Callable[[], float]:
    spikes = random_spikes(program, steps, samples)
    runs = stream(program, repeat(spikes), LoihiArithmetic(), RunOptions(threads=threads))
    return lambda: seconds_per_call(lambda: next(runs))


def _synapses(program: Program) -> int:
    return sum(synapses(p.operator) for p in program.projections)


def draw(series: Sequence[Series]) -> str:
    """An SVG: one panel per size, both axes logarithmic, with a line of slope 1 through the first.

    Drawn by hand so that it needs nothing installed.
    """
    panels = "\n".join(_panel(one, k * _WIDE) for k, one in enumerate(series))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE * len(series)} {_HIGH}" \
font-family="sans-serif" font-size="11" fill="#333">
<rect width="100%" height="100%" fill="white"/>
{panels}
</svg>
"""


def _panel(series: Series, left: int) -> str:
    x0, x1 = left + _EDGE, left + _WIDE - 16
    y0, y1 = _HIGH - _EDGE, 34
    sizes, times = np.log(series.sizes), np.log(series.seconds)
    line = times[0] + sizes - sizes[0]
    low, high = min(times.min(), line.min()) - 0.2, max(times.max(), line.max()) + 0.2
    xs = x0 + 14 + (sizes - sizes[0]) / (sizes[-1] - sizes[0]) * (x1 - x0 - 28)

    def ys(values: np.ndarray) -> np.ndarray:
        return y0 - (values - low) / (high - low) * (y0 - y1)

    ticks = "".join(
        f'<text x="{x:.0f}" y="{y0 + 15}" text-anchor="middle">{n:,}</text>'
        f'<line x1="{x:.1f}" y1="{y0}" x2="{x:.1f}" y2="{y0 + 4}" stroke="#333"/>'
        for x, n in zip(xs, series.sizes, strict=True)
    )
    labels = "".join(
        f'<text x="{x0 - 5}" y="{y + 4:.0f}" text-anchor="end">{1e3 * s:.3g}</text>'
        f'<line x1="{x0 - 3}" y1="{y:.1f}" x2="{x0}" y2="{y:.1f}" stroke="#333"/>'
        for y, s in zip(ys(times), series.seconds, strict=True)
    )
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#1f6fb4"/>'
        for x, y in zip(xs, ys(times), strict=True)
    )
    straight = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys(line), strict=True))
    return f"""<g>
<text x="{(x0 + x1) / 2:.0f}" y="18" text-anchor="middle" font-size="13">\
{escape(series.name)}: time ~ size^{series.exponent:.2f}</text>
<path d="M{x0} {y1}V{y0}H{x1}" fill="none" stroke="#333"/>
<polyline points="{straight}" fill="none" stroke="#999" stroke-dasharray="5 4"/>
{ticks}{labels}{dots}
<text x="{(x0 + x1) / 2:.0f}" y="{y0 + 32}" text-anchor="middle">{escape(series.name)}</text>
<text x="{left + 10}" y="{y1 - 8}">ms</text>
</g>"""

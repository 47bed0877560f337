"""Numbers and names as people read them: three or four digits, SI prefixes, nothing that breaks."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, isfinite, log10

UNKNOWN = "n/a"
"""Printed where there is no price."""


def significant(value: float, digits: int = 3) -> str:
    """``value`` with ``digits`` significant digits, without an exponent where it can be avoided."""
    if value == 0 or not isfinite(value):
        return f"{value:g}"
    if abs(value) < 1e-4:
        return f"{value:.1e}"
    rounded = float(f"{value:.{digits - 1}e}")
    places = max(0, digits - 1 - floor(log10(abs(rounded))))
    if places == 0:
        return f"{value:,.0f}"
    return f"{rounded:.{places}f}"


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit that a column of numbers shares; ``factor`` is its size in the base unit."""

    name: str
    factor: float

    def number(self, value: float | None) -> str:
        """``value`` of the base unit in this unit, without its name."""
        return UNKNOWN if value is None else significant(value / self.factor)

    def quantity(self, value: float | None) -> str:
        """The same with its name."""
        return UNKNOWN if value is None else f"{self.number(value)} {self.name}"


_ENERGY = (Unit("pJ", 1e-3), Unit("nJ", 1.0), Unit("uJ", 1e3), Unit("mJ", 1e6), Unit("J", 1e9))
_TIME = (Unit("ns", 1e-3), Unit("us", 1.0), Unit("ms", 1e3), Unit("s", 1e6))


def energy_unit(largest_nj: float | None) -> Unit:
    """The unit in which an energy of ``largest_nj`` nJ reads well."""
    return _pick(_ENERGY, largest_nj, default=1)


def time_unit(largest_us: float | None) -> Unit:
    """The unit in which a time of ``largest_us`` us reads well."""
    return _pick(_TIME, largest_us, default=1)


def _pick(units: tuple[Unit, ...], value: float | None, default: int) -> Unit:
    if not value:
        return units[default]
    fitting = [unit for unit in units if abs(value) >= unit.factor * 0.9995]
    return fitting[-1] if fitting else units[0]


def energy(nj: float | None) -> str:
    """An energy with its unit: ``12.3 nJ``, ``1.23 uJ``."""
    return energy_unit(nj).quantity(nj)


def time(us: float | None) -> str:
    """A time with its unit."""
    return time_unit(us).quantity(us)


def count(value: float) -> str:
    """A count: whole below ten thousand, then ``12.3k``, ``4.56M``."""
    if value == int(value) and abs(value) < 10_000:
        return str(int(value))
    for factor, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor * 10 or (factor > 1e3 and abs(value) >= factor * 0.9995):
            return significant(value / factor) + suffix
    return significant(value, 3 if abs(value) < 1000 else 4).replace(",", "")


def whole(value: int) -> str:
    """A count with all its digits, in groups of three."""
    return f"{value:,}"


def percent(fraction: float | None, digits: int = 3) -> str:
    """A share as a number of per cent, without the sign."""
    return UNKNOWN if fraction is None else significant(100.0 * fraction, digits)


def share(fraction: float) -> str:
    """A share as a number of per cent that rounding makes neither 0 nor 100."""
    if 0.0 < fraction < 0.001:
        return "< 0.1"
    return "> 99.9" if 0.9995 <= fraction < 1.0 else percent(fraction)


def accuracy(fraction: float | None) -> str:
    """An accuracy with two decimals and its sign."""
    return UNKNOWN if fraction is None else f"{100.0 * fraction:.2f} %"


def ratio(value: float) -> str:
    """How many times: ``3.1x``."""
    return significant(value, 2) + "x"


def shape(sizes: tuple[int, ...]) -> str:
    """``8x14x14``; a population without axes is ``1``."""
    return "x".join(str(size) for size in sizes) or "1"


def shown(name: str) -> str:
    """A name from outside with its invisible and control characters written as escapes."""
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def plural(number: int, noun: str, many: str = "") -> str:
    """``1 core``, ``3 cores``."""
    return f"{whole(number)} {noun if number == 1 else many or noun + 's'}"

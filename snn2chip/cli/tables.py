"""Tables of plain text that fit a width: long cells are folded, or columns stand in several blocks.

Cells are folded between words only, so that no number and no name is ever cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

GAP = "  "
"""Between two columns."""

SHORT = 16
"""Cells of at most so many characters are never folded: ``1 x 28 x 28``, ``T = 256``."""


def laid_out(
    cells: Sequence[Sequence[str]], right: Sequence[bool], width: int | None, names: int = 1
) -> str:
    """Rows of cells, the head first, in columns that are padded.

    Where they need more than ``width``, long cells are folded; where that is not enough, the
    columns stand in blocks under each other, each behind the names of the rows. Names are never
    folded: what a file calls its parts must not look like a row of its own.

    Args:
        right: whether each column stands to the right.
        width: columns of text that there are; None for as many as it takes.
        names: first columns that say which row it is.
    """
    columns = [list(column) for column in zip(*cells, strict=True)]
    full = [max(map(len, column)) for column in columns]
    if width is None or _total(full) <= width:
        return _block(columns, full, right)
    least = [*full[:names], *(max(map(_least, column)) for column in columns[names:])]
    blocks = []
    for chosen in _split(least, width, names):
        widths = _widened([least[i] for i in chosen], [full[i] for i in chosen], width)
        blocks.append(_block([columns[i] for i in chosen], widths, [right[i] for i in chosen]))
    return "\n\n".join(blocks)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _least(cell: str) -> int:
    """Columns that a cell can do with."""
    return min(len(cell), max(SHORT, *map(len, cell.split(" "))))


def _split(least: Sequence[int], width: int, names: int) -> list[list[int]]:
    """Numbers of the columns of each block; one block holds as many as have room."""
    first = list(range(names))
    blocks = [first]
    for number in range(names, len(least)):
        wanted = [*blocks[-1], number]
        if blocks[-1] != first and _total([least[i] for i in wanted]) > width:
            blocks.append([*first, number])
        else:
            blocks[-1] = wanted
    return blocks


def _widened(least: Sequence[int], full: Sequence[int], width: int) -> list[int]:
    """Widths of columns that share what is left, those first that need the fewest more."""
    widths, spare = list(least), max(0, width - _total(least))
    by_need = sorted(range(len(least)), key=lambda i: full[i] - least[i])
    for place, i in enumerate(by_need):
        more = min(full[i] - least[i], spare // (len(by_need) - place))
        widths[i] += more
        spare -= more
    return widths


def _block(columns: Sequence[list[str]], widths: Sequence[int], right: Sequence[bool]) -> str:
    lines = []
    for row in zip(*columns, strict=True):
        folded = [_folded(cell, width) for cell, width in zip(row, widths, strict=True)]
        for place in range(max(map(len, folded))):
            parts = (cell[place] if place < len(cell) else "" for cell in folded)
            padded = (
                part.rjust(width) if to_right else part.ljust(width)
                for part, width, to_right in zip(parts, widths, right, strict=True)
            )
            lines.append(GAP.join(padded).rstrip())
    return "\n".join(lines)


def _folded(cell: str, width: int) -> list[str]:
    if len(cell) <= width:
        return [cell]
    return wrap(cell, width, break_long_words=False, break_on_hyphens=False) or [""]

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

INDENT = "  "
"""Before further lines of a folded name, so that they are no rows of their own."""


def laid_out(cells: Sequence[Sequence[str]], right: Sequence[bool], width: int | None) -> str:
    """Rows of cells, the head first, in columns that are padded.

    Where they need more than ``width``, long cells are folded; where that is not enough, the
    columns stand in blocks under each other, each behind the first column.

    Args:
        right: whether each column stands to the right.
        width: columns of text that there are; None for as many as it takes.
    """
    columns = [list(column) for column in zip(*cells, strict=True)]
    full = [max(map(len, column)) for column in columns]
    if width is None or _total(full) <= width:
        return _block(columns, full, right)
    least = [
        max(_least(cell, INDENT if number == 0 else "") for cell in column)
        for number, column in enumerate(columns)
    ]
    blocks = []
    for chosen in _split(least, width):
        widths = _widened([least[i] for i in chosen], [full[i] for i in chosen], width)
        blocks.append(_block([columns[i] for i in chosen], widths, [right[i] for i in chosen]))
    return "\n\n".join(blocks)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _least(cell: str, indent: str) -> int:
    """Columns that a cell can do with."""
    if len(cell) <= SHORT:
        return len(cell)
    first, *others = cell.split(" ")
    return max(len(first), *(len(indent) + len(word) for word in others), SHORT)


def _split(least: Sequence[int], width: int) -> list[list[int]]:
    """Numbers of the columns of each block; one block holds as many as have room."""
    blocks = [[0]]
    for number in range(1, len(least)):
        wanted = [*blocks[-1], number]
        if len(blocks[-1]) > 1 and _total([least[i] for i in wanted]) > width:
            blocks.append([0, number])
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
        folded = [
            _folded(cell, width, INDENT if number == 0 else "")
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for place in range(max(map(len, folded))):
            parts = (cell[place] if place < len(cell) else "" for cell in folded)
            padded = (
                part.rjust(width) if to_right else part.ljust(width)
                for part, width, to_right in zip(parts, widths, right, strict=True)
            )
            lines.append(GAP.join(padded).rstrip())
    return "\n".join(lines)


def _folded(cell: str, width: int, indent: str) -> list[str]:
    if len(cell) <= width:
        return [cell]
    return wrap(
        cell, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )

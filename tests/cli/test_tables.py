"""Tables that fit a width, and lose nothing by it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn2chip.cli import console
from snn2chip.cli.tables import SHORT, laid_out

WORDS = st.lists(st.text("ab.9", min_size=1, max_size=9), min_size=1, max_size=6)
ROWS = st.integers(1, 7).flatmap(
    lambda width: st.lists(
        st.lists(WORDS.map(" ".join), min_size=width, max_size=width), min_size=2, max_size=5
    )
)


@given(cells=ROWS, width=st.integers(44, 90))
def test_no_line_is_wider_than_there_is_room_and_every_word_is_there(
    cells: list[list[str]], width: int
) -> None:
    """Two columns have room in 44: no word here is longer than a short cell."""
    cells = [[row[0].replace(" ", "")[:20], *row[1:]] for row in cells]
    text = laid_out(cells, [False] * len(cells[0]), width)
    assert max(map(len, text.split("\n"))) <= width
    said = sorted(word for row in cells for cell in row[1:] for word in cell.split())
    blocks = text.split("\n\n")
    first = sorted(word for row in cells for word in row[0].split())
    assert sorted(text.split()) == sorted(said + first * len(blocks))


def test_many_columns_of_numbers_stand_in_blocks_behind_the_names() -> None:
    head = ["name", *(f"T = {1 << k}" for k in range(6))]
    cells = [head, ["one", *(f"{k}2.34" for k in range(6))]]
    text = laid_out(cells, [False, *[True] * 6], 24)
    assert text.split("\n\n") == [
        "name  T = 1  T = 2\none   02.34  12.34",
        "name  T = 4  T = 8\none   22.34  32.34",
        "name  T = 16  T = 32\none    42.34   52.34",
    ]


def test_names_of_two_columns_stand_before_each_block() -> None:
    cells = [["noise", "strength", "first", "second"], ["blur", "0.5", "95.00%", "96.00%"]]
    assert laid_out(cells, [False] * 4, 22, names=2).split("\n\n") == [
        "noise  strength  first\nblur   0.5       95.00%",
        "noise  strength  second\nblur   0.5       96.00%",
    ]


def test_long_text_is_folded_at_words_and_names_are_not() -> None:
    cells = [["name", "what it is"], ["a name of words", "text that is longer than a line"]]
    assert laid_out(cells, [False, False], 36).split("\n") == [
        "name             what it is",
        "a name of words  text that is longer",
        "                 than a line",
    ]


def test_where_there_is_room_nothing_changes() -> None:
    cells = [["name", "x"], ["a" * 30, "b b " * 9]]
    assert laid_out(cells, [False, False], None) == laid_out(cells, [False, False], 200)
    assert len(laid_out(cells, [False, False], None).split("\n")) == 2


def test_words_are_never_cut() -> None:
    word = "x" * (3 * SHORT)
    assert word in laid_out([["name", "path"], ["a", word]], [False, False], 20)


@pytest.mark.parametrize(
    ("columns", "terminal", "room"),
    [("72", True, 72), ("72", False, 72), ("", False, None), ("many", False, None)],
)
def test_the_room_is_that_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch, columns: str, terminal: bool, room: int | None
) -> None:
    """In a pipe rows stay whole, for grep and awk."""
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(console.sys.stdout, "isatty", lambda: terminal)
    assert console.room() == room


def test_sentences_are_folded_where_there_is_little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "12")
    assert console.folded("one two three\nfour") == "one two\nthree\nfour"
    monkeypatch.delenv("COLUMNS")
    monkeypatch.setattr(console.sys.stdout, "isatty", lambda: False)
    assert console.folded("one two three\nfour") == "one two three\nfour"

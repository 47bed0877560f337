"""Changes of a file's bytes, whatever they mean."""

from __future__ import annotations

from random import Random

_WORDS = tuple(
    bytes.fromhex(word)
    for word in ("00" * 8, "ff" * 8, "ffffff7f", "00000080", "ff" * 4, "01" + "00" * 7,
                 "00" * 7 + "80", "ff" * 7 + "7f", "00000040")
)  # fmt: skip
"""Sizes and offsets that lie at some border."""


def mutate(content: bytes, draw: Random) -> bytes:
    """One to four changes; most of them small."""
    made = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 2, 3, 4))):
        if not made:
            break
        draw.choice(_CHANGES)(made, draw)
    return bytes(made)


def _flip(made: bytearray, draw: Random) -> None:
    for _ in range(draw.choice((1, 1, 2, 8))):
        made[draw.randrange(len(made))] ^= 1 << draw.randrange(8)


def _flip_early(made: bytearray, draw: Random) -> None:
    """In the first tenth, where headers are."""
    made[draw.randrange(len(made) // 10 + 1)] ^= 1 << draw.randrange(8)


def _random(made: bytearray, draw: Random) -> None:
    place = draw.randrange(len(made))
    count = draw.choice((1, 2, 4, 8, 64))
    made[place : place + count] = draw.randbytes(count)


def _length(made: bytearray, draw: Random) -> None:
    """What a length field might be."""
    place = draw.randrange(len(made)) & ~draw.choice((0, 3, 7))
    word = draw.choice(_WORDS)
    made[place : place + len(word)] = word


def _cut(made: bytearray, draw: Random) -> None:
    del made[draw.randrange(len(made)) :]


def _remove(made: bytearray, draw: Random) -> None:
    place = draw.randrange(len(made))
    del made[place : place + draw.choice((1, 4, 8, 100))]


def _repeat(made: bytearray, draw: Random) -> None:
    place, count = draw.randrange(len(made)), draw.choice((1, 8, 100, 1000))
    made[place:place] = made[place : place + count]


def _copy(made: bytearray, draw: Random) -> None:
    """A piece over another one."""
    source, target = draw.randrange(len(made)), draw.randrange(len(made))
    count = draw.choice((4, 8, 16, 64, 512))
    piece = made[source : source + count]
    made[target : target + len(piece)] = piece


def _swap(made: bytearray, draw: Random) -> None:
    count = draw.choice((8, 64, 512))
    one, other = sorted(draw.randrange(len(made)) for _ in range(2))
    if one + count <= other and other + count <= len(made):
        made[one : one + count], made[other : other + count] = (
            made[other : other + count],
            made[one : one + count],
        )


def _zero(made: bytearray, draw: Random) -> None:
    place = draw.randrange(len(made))
    count = min(draw.choice((8, 64, 1024)), len(made) - place)
    made[place : place + count] = bytes(count)


def _append(made: bytearray, draw: Random) -> None:
    made += draw.randbytes(draw.choice((1, 100, 5000)))


_CHANGES = (_flip, _flip, _flip_early, _random, _length, _length, _cut, _remove, _repeat, _copy,
            _swap, _zero, _append)  # fmt: skip

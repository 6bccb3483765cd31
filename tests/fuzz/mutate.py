"""Damage done to valid files: bits, lengths, pieces of other files, and values at the edges of what fits."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence

WORDS = (
    b"-1 0 1 2 7 255 256 65535 65536 2147483647 4294967295 9223372036854775807 18446744073709551615 1e400 -1e400 1e20 "
    b"99999999999999999999 1e-320 nan inf -inf 0.5 0x10 1_000 +1 '' \"\" null true false None [] {} () [[[[ {{{{ (((( "
    b"]]]] <a> </a> <!DOCTYPE &amp; # $x$ .. ../../x = =1+1 @x , ,, ;; \\ \\n \\u0000 \\ud800 % \xff\xfe "
    b"\xef\xbb\xbf \xc3("
).split()
"""What stands in place of a number or a word, in files that are text and in headers that are."""

EDGES = (0, 1, 2, 1 << 7, (1 << 8) - 1, 1 << 15, (1 << 16) - 1, 1 << 31, (1 << 32) - 1, 1 << 40, 1 << 63, (1 << 64) - 1)
TEXT = frozenset(b"0123456789.-+eE")

Change = Callable[[random.Random, bytearray, Sequence[bytes]], None]


def mutated(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Returns one of the seeds after one to six changes; now and then no change, or nothing but noise."""
    data = bytearray(rng.choice(seeds))
    if rng.random() < 0.01:
        return rng.randbytes(rng.randrange(200))
    for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 6)) if rng.random() < 0.98 else 40):
        rng.choice(CHANGES)(rng, data, seeds)
    return bytes(data)


def _place(rng: random.Random, data: bytearray) -> int:
    """Returns a place, half of the time near the ends, where headers and directories are."""
    near = min(len(data), 160)
    kind = rng.random()
    if kind < 0.35:
        return rng.randrange(near + 1)
    return len(data) - rng.randrange(near + 1) if kind < 0.5 else rng.randrange(len(data) + 1)


def _flip(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[min(_place(rng, data), len(data) - 1)] ^= 1 << rng.randrange(8)


def _byte(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[min(_place(rng, data), len(data) - 1)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))


def _cut(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    del data[_place(rng, data) :]


def _drop(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    start = _place(rng, data)
    del data[start : start + rng.choice((1, 2, 4, 8, rng.randrange(1, 64)))]


def _insert(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    start = _place(rng, data)
    data[start:start] = rng.randbytes(rng.choice((1, 2, 4, 16))) if rng.random() < 0.5 else rng.choice(WORDS)


def _repeat(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    start = _place(rng, data)
    piece = data[start : start + rng.randrange(1, 40)]
    data[start:start] = piece * rng.choice((1, 2, 3, 200))


def _splice(rng: random.Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    other, start = rng.choice(seeds), _place(rng, data)
    begin = rng.randrange(len(other) + 1)
    data[start : start + rng.choice((0, 8, 64))] = other[begin : begin + rng.choice((4, 16, 64, 10_000))]


def _integer(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    """Puts an integer at the edge of its width somewhere, in either order of bytes."""
    width = rng.choice("BHIQ")
    size = struct.calcsize(f"<{width}")
    start = _place(rng, data)
    if start + size <= len(data):
        value = (rng.choice(EDGES) + rng.choice((-1, 0, 0, 1))) % (1 << 8 * size)
        data[start : start + size] = struct.pack(rng.choice("<>") + width, value)


def _word(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    """Puts another word in place of a number that is written out."""
    start = next((i for i in range(_place(rng, data), len(data)) if data[i] in TEXT), None)
    if start is not None:
        end = next((i for i in range(start, len(data)) if data[i] not in TEXT), len(data))
        data[start:end] = rng.choice(WORDS)


def _line(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    """Takes a line out, or puts it in twice or elsewhere."""
    lines = data.split(b"\n")
    line = lines.pop(rng.randrange(len(lines)))
    for _again in range(rng.randrange(3)):
        lines.insert(rng.randrange(len(lines) + 1), line)
    data[:] = b"\n".join(lines)


CHANGES: tuple[Change, ...] = (_flip, _byte, _cut, _drop, _insert, _repeat, _splice, _integer, _word, _word, _line)

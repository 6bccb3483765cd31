"""`Row`: what a file says of one picture, in whichever format; and what of it a format can hold."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from posixpath import splitext

from askew.data.annotations.fields import LONGEST_TEXT
from askew.errors import InputError, one_line, unknown

KINDS = ("class", "boxes", "cannot_tell", "none")
"""What is said of a picture: one class, its boxes (maybe none), that nobody can tell, or nothing."""

DECIMALS = 4
"""Boxes are exchanged to a ten-thousandth of a pixel, which every format can hold."""

BOX_KINDS = ("detected", "suspected", "missed")
"""What is thought of a guessed box: nothing against it; it is probably wrong; or a detector probably left it out."""

Size = tuple[int, int]
"""Width and height in pixels, of the upright picture."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box with its class, in pixels from the left upper corner; or in shares of the picture, see `Row.shares`.

    `kind` is one of `BOX_KINDS`; of a box that a person drew it is "detected".
    """

    class_name: str
    left: float
    top: float
    right: float
    bottom: float
    score: float | None = None
    kind: str = "detected"

    def __post_init__(self) -> None:
        if self.kind not in BOX_KINDS:
            raise unknown("kind of box", self.kind, BOX_KINDS)
        if not all(map(math.isfinite, self.sides)) or self.right < self.left or self.bottom < self.top:
            raise InputError(f"box {list(self.sides)}: expected finite left <= right and top <= bottom")

    @classmethod
    def of(cls, class_name: str, sides: Sequence[float], score: float | None = None, kind: str = "detected") -> Box:
        """Returns a box in pixels, rounded to what all formats hold; sides are left, top, right and bottom.

        >>> Box.of("car", (1, 2, 3.00004999, 4)).right
        3.0
        """
        left, top, right, bottom = (round(float(side), DECIMALS) + 0.0 for side in sides)
        return cls(class_name, left, top, right, bottom, score, kind)

    @property
    def sides(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom."""
        return self.left, self.top, self.right, self.bottom


@dataclass(frozen=True, slots=True)
class Row:
    """What is said of one picture.

    Attributes:
        name: its path as the file writes it, with forward slashes; without an ending if `ending` is False.
        kind: one of `KINDS`.
        class_name: of kind "class".
        boxes: of kind "boxes".
        size: (width, height) in pixels, where the file says it.
        who, at: who said it, and when, UTC in ISO 8601; "" where the file does not tell.
        hash: SHA-256 of the picture's bytes in hexadecimal digits, "" where the file does not tell.
        guess: whether a model says it and no person has; what comes with a confidence is a guess.
        score: how sure the model is of `class_name`.
        reason: why the picture is asked about.
        ending: whether `name` has the ending of the picture's file.
        shares: whether boxes are shares of width and height; see `in_pixels`.
    """

    name: str
    kind: str = "none"
    class_name: str | None = None
    boxes: tuple[Box, ...] = ()
    size: Size | None = None
    who: str = ""
    at: str = ""
    hash: str = ""
    guess: bool = False
    score: float | None = None
    reason: str = ""
    ending: bool = True
    shares: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"{self._called()}: unknown kind {one_line(self.kind, 40)!r}")
        if (self.class_name is None) == (self.kind == "class") or (self.boxes and self.kind != "boxes"):
            raise InputError(f"{self._called()}: what is said of it does not fit kind {self.kind!r}")
        sure = self.score is not None or (self.boxes and any(box.score is not None for box in self.boxes))
        if (sure and not self.guess) or (self.guess and self.kind not in ("class", "boxes")):
            raise InputError(f"{self._called()}: only a guess of a class or of boxes has a score")
        if not self.name.strip("/"):
            raise InputError("picture: its name is empty")
        if len(self.name) > LONGEST_TEXT:
            raise InputError(f"{self._called()}: its name has {len(self.name)} characters, {LONGEST_TEXT} at most")
        classes = "".join(box.class_name for box in self.boxes)
        check_text("".join((self.name, self.class_name or "", classes, self.who, self.at, self.hash, self.reason)))

    def _called(self) -> str:
        return f"picture {one_line(self.name, 80)}"


def check_text(text: str) -> None:
    """Checks that a text has one line and letters that every format can hold.

    Raises:
        InputError: it has not.
    """
    if text.isprintable():
        return
    strange = next((one for one in text if unicodedata.category(one) in _UNHELD or ord(one) & 0xFFFE == 0xFFFE), None)
    if strange is not None:
        raise InputError(f"{one_line(text, 80)!r} holds the character U+{ord(strange):04X}: take it out")


_UNHELD = frozenset(("Cc", "Cs", "Zl", "Zp"))
"""Control characters, halves of characters, ends of lines and paragraphs."""


@dataclass(frozen=True)
class Content:
    """What a file says.

    Attributes:
        rows: in the order of the file.
        classes: in order, those that no row has too.
        left_out: what else the file holds, and how many of it.
    """

    rows: tuple[Row, ...]
    classes: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Holds:
    """What a format can hold of rows."""

    kinds: frozenset[str]
    empty: bool = True
    """Pictures that people have looked at and that have no box."""
    guesses: bool = True
    unscored: bool = True
    """Guesses without a score, which are not taken for labels."""
    scores: bool = True
    who: bool = True
    """And when."""
    size: bool = True
    hash: bool = True
    reason: bool = True


def fitting(content: Content, holds: Holds) -> Content:
    """Returns what a format holds of some content; `left_out` says how many pictures it does not hold, and why.

    >>> fitting(Content((Row("a.jpg", "cannot_tell"), Row("b.jpg"))), Holds(frozenset(["none"]))).left_out
    {'pictures of which nobody can tell': 1}
    """
    kept, left_out = [], Counter(content.left_out)
    for row in content.rows:
        why = _unheld(row, holds)
        if why:
            left_out[why] += 1
        else:
            kept.append(_without(row, holds))
    return Content(tuple(kept), content.classes, dict(left_out))


def _unheld(row: Row, holds: Holds) -> str:
    if row.kind not in holds.kinds:
        return {
            "class": "pictures with one class",
            "boxes": "pictures with boxes",
            "cannot_tell": "pictures of which nobody can tell",
            "none": "pictures without a label",
        }[row.kind]
    if row.guess and not holds.guesses:
        return "guesses of the model"
    if row.guess and not holds.unscored and (not row.boxes or any(box.score is None for box in row.boxes)):
        return "guesses without a confidence"
    return "pictures without a box" if row.kind == "boxes" and not row.boxes and not holds.empty else ""


def _without(row: Row, holds: Holds) -> Row:
    """Returns a row without the fields that a format does not hold."""
    boxes = row.boxes if holds.scores else tuple(replace(box, score=None) for box in row.boxes)
    return replace(
        row,
        boxes=boxes,
        score=row.score if holds.scores else None,
        who=row.who if holds.who else "",
        at=row.at if holds.who else "",
        size=row.size if holds.size else None,
        hash=row.hash if holds.hash else "",
        reason=row.reason if holds.reason else "",
    )


def in_pixels(row: Row, size: Size) -> Row:
    """Returns a row whose boxes are in pixels of a picture of this (width, height).

    >>> in_pixels(Row("a", "boxes", boxes=(Box("car", 0.25, 0, 0.5, 1),), shares=True), (8, 4)).boxes[0].right
    4.0
    """
    if not row.shares:
        return row
    boxes = tuple(
        Box.of(
            box.class_name,
            [side * px for side, px in zip(box.sides, (*size, *size), strict=True)],
            box.score,
            box.kind,
        )
        for box in row.boxes
    )
    return replace(row, boxes=boxes, shares=False)


def classes_of(content: Content) -> tuple[str, ...]:
    """Returns the classes of some content in order, and behind them those that rows name beyond."""
    named = (name for row in content.rows for name in (row.class_name, *(box.class_name for box in row.boxes)) if name)
    return tuple(dict.fromkeys((*content.classes, *named)))


def stems(rows: Sequence[Row]) -> dict[str, Row]:
    """Returns the rows by their names without endings, as files beside the pictures are called.

    Raises:
        InputError: two are called the same, or a name leads out of its folder.
    """
    found: dict[str, Row] = {}
    for row in rows:
        check_inside(row.name)
        stem = splitext(row.name)[0] if row.ending else row.name
        if stem in found:
            raise InputError(
                f"pictures {one_line(found[stem].name, 80)!r} and {one_line(row.name, 80)!r} would share one file in "
                "this format: rename one, or export to csv, coco or cvat"
            )
        found[stem] = row
    return found


def check_inside(name: str) -> None:
    """Checks that a name, taken as a path in a folder, stays in it on every operating system.

    Raises:
        InputError: it does not.
    """
    parts = name.replace("\\", "/").split("/")
    if any(part in ("", ".", "..") for part in parts) or re.match("[A-Za-z]:", name):
        raise InputError(f"{one_line(name, 80)!r} leads out of the folder that is written: rename it")


@contextmanager
def about(where: str | Path) -> Iterator[None]:
    """Puts the name of a file before what is said of its content and does not name it.

    Raises:
        InputError: the block raised one.
    """
    try:
        yield
    except InputError as error:
        if str(error).startswith((str(where), one_line(where))):
            raise
        raise InputError(f"{one_line(where)}: {error}") from error

"""Labels in: what a file says of the project's pictures becomes rows of its store; what cannot is told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from askew.errors import InputError, one_line
from askew.project.exchange.boxes import boxes_of, detail_of
from askew.project.exchange.formats import read
from askew.project.exchange.matching import Names, Place, matched, names_of
from askew.project.exchange.places import places_of
from askew.project.exchange.rows import Box, Content, Row, Size, in_pixels
from askew.project.folder import Project
from askew.project.labels import Answer, Label, current, history, record_after
from askew.project.store import add_class, checked_classes, class_names

SLACK_PX = 1.0
"""How far a box may reach over the edge of its picture; labelling tools round."""

ANOTHER = "have another label already, which stays: --correct replaces it"

TWO_KINDS = "have two labels in the file: --only class or --only boxes may tell them apart"
TWO_LABELS = "have two labels in the file, maybe under two names of the same bytes: neither is taken"

MOST_SHOWN = 20
"""Classes that a message lists."""


def take(project: Project, path: Path, *, kind: str | None = None, rules: Rules, add_classes: bool = False) -> Taken:
    """Adds the labels of a file to a project, all of them or none.

    The same file a second time adds nothing. What people answer meanwhile counts as there already.

    Args:
        project: whose pictures they are of.
        path: a file, a folder, or a zip archive of either; see `askew.project.exchange.formats`.
        kind: its format; what is in it tells if left out.
        rules: how labels are taken.
        add_classes: add classes that the project does not have.

    Raises:
        InputError: the file cannot be read, or has classes that the project does not have.
    """
    found, content = read(path, kind)
    places = places_of(project.store)
    out = Taken(found, content.left_out)
    names = names_of(places, [str(folder) for folder in project.config.images])
    said = meant(content, {place.item_id: place for place in places}, names, rules, out)

    def look() -> Sequence[Answer]:
        newest = {label.item_id: label.id for label in history(project.store)}
        decide(out, said, current(project.store), newest, rules)
        return out.answers

    known = class_names(project.store)
    new = [name for name in classes_of_answers(look()) if name not in known]
    if new and not add_classes:
        raise unknown_classes(new, known)
    checked_classes(new)
    for name in new:
        add_class(project.store, name)
    record_after(project.store, look)
    return out


@dataclass(frozen=True)
class Rules:
    """How labels are taken in.

    Attributes:
        who: whose labels they are where the file does not say.
        only: "class" or "boxes": the kind that is taken, with "cannot_tell"; both if None.
        correct: add labels that differ from the present ones, as corrections.
        guesses: take a model's guesses for labels.
        empty: take pictures without a label for pictures that have no box.
        by_name: let the name of a file alone tell the picture; see `matching.matched`.
    """

    who: str = "import"
    only: str | None = None
    correct: bool = False
    guesses: bool = False
    empty: bool = False
    by_name: bool = False


@dataclass
class Taken:
    """What becomes of a file's rows.

    Attributes:
        format: of the file.
        left_out: what else the file holds, and how many of it.
        answers: the labels to add.
        same: how many pictures have the label already.
        told: what is not taken: why, and the names of the pictures.
    """

    format: str = ""
    left_out: Mapping[str, int] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    same: int = 0
    told: dict[str, list[str]] = field(default_factory=dict)

    def tell(self, why: str, row: Row) -> None:
        """Adds a row that is not taken."""
        self.told.setdefault(why, []).append(row.name)


@dataclass(frozen=True)
class Said:
    """What a file says of one item, and who says it."""

    place: Place
    who: str
    row: Row


def classes_of_answers(answers: Sequence[Answer]) -> list[str]:
    """Returns the classes that answers name, in order."""
    boxes = (box.class_name for one in answers if one.kind == "boxes" for box in boxes_of(one.detail))
    return list(dict.fromkeys([one.class_name for one in answers if one.class_name is not None] + list(boxes)))


def unknown_classes(names: Sequence[str], known: Collection[str]) -> InputError:
    """Returns the error that lists classes that the project does not have."""
    listed = ", ".join(map(repr, names[:MOST_SHOWN])) + (" and more" if len(names) > MOST_SHOWN else "")
    return InputError(
        f"{len(names)} classes are none of the project's, {one_line(', '.join(known), 200)}: {one_line(listed, 400)}: "
        "pass --add-classes to add them"
    )


def meant(
    content: Content, places: Mapping[int, Place], names: tuple[Names, Names], rules: Rules, out: Taken
) -> list[Said]:
    """Returns what a file says of the project's pictures, in pixels; the rest is told.

    Args:
        content: what the file says.
        places: a file of each item.
        names: all of them by name; see `matching.names_of`.
        rules: what is taken.
        out: where the rest is told.
    """
    found: dict[tuple[int, str], list[Row]] = {}
    for row in content.rows:
        one = _wanted(row, rules, out)
        ids = [] if one is None else matched(one, names, by_name=rules.by_name)
        if one is None:
            continue
        if len(ids) != 1:
            out.tell("are no picture of the project" if not ids else "may be several pictures of the project", row)
            continue
        one = in_pixels(one, places[ids[0]].size)
        why = _misfit(one, places[ids[0]].size)
        if why:
            out.tell(why, row)
        else:
            found.setdefault((ids[0], one.who.strip() or rules.who), []).append(one)
    said = []
    for (item_id, who), rows in found.items():
        if any(_said(one) != _said(rows[0]) for one in rows):
            out.tell(TWO_KINDS if len({one.kind for one in rows}) > 1 else TWO_LABELS, rows[0])
        else:
            said.append(Said(places[item_id], who, rows[0]))
    return said


def decide(
    out: Taken, said: Sequence[Said], present: Mapping[int, Label], newest: Mapping[int, int], rules: Rules
) -> None:
    """Writes to `out` which labels are to be added, how many are there already, and which pictures have another.

    Args:
        out: is written anew if it was decided before.
        said: see `meant`.
        present: the label of each item that has one.
        newest: the newest row of labels of each item that has any.
        rules: whether to correct.
    """
    out.answers, out.same = [], 0
    out.told.pop(ANOTHER, None)
    for one in said:
        there = present.get(one.place.item_id)
        if there is not None and _of_label(there) == _said(one.row):
            out.same += 1
        elif there is not None and not rules.correct:
            out.tell(ANOTHER, one.row)
        else:
            out.answers.append(_answer(one, newest.get(one.place.item_id, 0), out.format))


def _answer(one: Said, newest: int, kind: str) -> Answer:
    """Returns the label of a row; its key is made of what it says and of what was said before."""
    row = one.row
    detail = detail_of(row.boxes) if row.kind == "boxes" else None
    told = json.dumps([one.place.hash, row.kind, row.class_name, detail, one.who, newest]).encode()
    key = f"import:{hashlib.sha256(told).hexdigest()}"
    how, at = f"import:{kind}", row.at or None
    return Answer(one.place.item_id, row.kind, row.class_name, detail, who=one.who, how=how, key=key, at=at)


def _wanted(row: Row, rules: Rules, out: Taken) -> Row | None:
    """Returns a row that says something that is wanted; else it is told, or silently of another kind."""
    if row.kind == "none" and rules.empty:
        row = replace(row, kind="boxes")
    if row.kind == "none":
        out.tell("have no label in the file", row)
        return None
    if rules.only is not None and row.kind not in (rules.only, "cannot_tell"):
        return None
    if row.guess and not rules.guesses:
        out.tell("have a model's guess and no label: --guesses takes it for one", row)
        return None
    return row


def _misfit(row: Row, size: Size) -> str:
    """Returns why what is said of a picture cannot be of this one; "" if it can."""
    if row.kind != "boxes":
        return ""
    if row.size is not None and row.size != size:
        return "have another size in the file, so that boxes would lie elsewhere"
    high = [side + SLACK_PX for side in (*size, *size)]
    inside = all(-SLACK_PX <= side <= most for box in row.boxes for side, most in zip(box.sides, high, strict=True))
    return "" if inside else "have a box that reaches out of the picture"


def _said(row: Row) -> tuple[Any, ...]:
    return row.kind, row.class_name, _plain(row.boxes)


def _of_label(label: Label) -> tuple[Any, ...]:
    boxes = boxes_of(label.detail) if label.kind == "boxes" else ()
    return label.kind, label.class_name, _plain(boxes)


def _plain(boxes: Iterable[Box]) -> list[tuple[Any, ...]]:
    """Returns boxes in an order of their own, without scores."""
    return sorted((box.class_name, *box.sides) for box in boxes)

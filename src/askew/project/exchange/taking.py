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
from askew.project.labels import Answer, Label, current, history, record
from askew.project.store import add_class, checked_classes, class_names

SLACK_PX = 1.0
"""How far a box may reach over the edge of its picture; labelling tools round."""

MOST_SHOWN = 20
"""Classes that a message lists."""


def take(project: Project, path: Path, *, kind: str | None = None, rules: Rules, add_classes: bool = False) -> Taken:
    """Adds the labels of a file to a project, all of them or none.

    The same file a second time adds nothing.

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
    names = names_of(places, [str(folder) for folder in project.config.images])
    newest = {label.item_id: label.id for label in history(project.store)}
    out = taken(content, places, names, current(project.store), newest, rules, found)
    known = class_names(project.store)
    new = [name for name in classes_of_answers(out.answers) if name not in known]
    if new and not add_classes:
        raise unknown_classes(new, known)
    checked_classes(new)
    for name in new:
        add_class(project.store, name)
    record(project.store, out.answers)
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


def taken(
    content: Content,
    places: Iterable[Place],
    names: tuple[Names, Names],
    present: Mapping[int, Label],
    newest: Mapping[int, int],
    rules: Rules,
    kind: str = "csv",
) -> Taken:
    """Returns the labels that a file adds to the project.

    Args:
        kind: the format of the file.
        content: what it says.
        places: the project's pictures.
        names: those by name; see `matching.names_of`.
        present: the label of each item that has one.
        newest: the newest row of labels of each item that has any.
        rules: how.
    """
    known = {place.item_id: place for place in places}
    out, said = Taken(kind, content.left_out), dict[tuple[int, str], list[Row]]()
    for row in content.rows:
        one = _wanted(row, rules, out)
        if one is None:
            continue
        ids = matched(one, names, by_name=rules.by_name)
        if len(ids) != 1:
            out.tell("are no picture of the project" if not ids else "may be several pictures of the project", row)
            continue
        place = known[ids[0]]
        one = in_pixels(one, place.size)
        why = _misfit(one, place.size)
        if why:
            out.tell(why, row)
            continue
        said.setdefault((place.item_id, one.who.strip() or rules.who), []).append(one)
    for (item_id, who), rows in said.items():
        _add(out, known[item_id], who, rows, present.get(item_id), newest.get(item_id, 0), rules)
    return out


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


def _add(
    out: Taken, place: Place, who: str, rows: Sequence[Row], present: Label | None, newest: int, rules: Rules
) -> None:
    row = rows[0]
    if any(_said(one) != _said(row) for one in rows):
        out.tell("have two labels in the file: --only class or --only boxes may tell them apart", row)
        return
    if present is not None and _of_label(present) == _said(row):
        out.same += 1
        return
    if present is not None and not rules.correct:
        out.tell("have another label already, which stays: --correct replaces it", row)
        return
    kind, class_name, detail = row.kind, row.class_name, detail_of(row.boxes) if row.kind == "boxes" else None
    told = json.dumps([place.hash, kind, class_name, detail, who, newest]).encode()
    key = f"import:{hashlib.sha256(told).hexdigest()}"
    how = f"import:{out.format}"
    out.answers.append(Answer(place.item_id, kind, class_name, detail, who=who, how=how, key=key, at=row.at or None))


def _said(row: Row) -> tuple[Any, ...]:
    return row.kind, row.class_name, _plain(row.boxes)


def _of_label(label: Label) -> tuple[Any, ...]:
    boxes = boxes_of(label.detail) if label.kind == "boxes" else ()
    return label.kind, label.class_name, _plain(boxes)


def _plain(boxes: Iterable[Box]) -> list[tuple[Any, ...]]:
    """Returns boxes in an order of their own, without scores."""
    return sorted((box.class_name, *box.sides) for box in boxes)

"""How a project stands: what is labelled, by whom, how good the model is, and what to do next."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from askew.project import labels, questions, schema, trainings
from askew.project.box_review import BoxReview, reviewed
from askew.project.folder import Project
from askew.project.items import all_items
from askew.project.labels import Label
from askew.project.store import class_names


@dataclass(frozen=True)
class Status:
    """How a project stands.

    Attributes:
        folder: of the project.
        n_items, n_test: pictures, and those of them that are kept for measuring accuracy.
        n_gone: pictures whose file is no longer there.
        n_unreadable: files that could not be read.
        classes: of each class how many pictures of the pool have that label at present.
        test_classes: the same of the test part.
        boxes, cannot_tell: pictures with boxes, and those of which somebody said that they cannot be told.
        open, skipped: questions without an answer, and those of them that somebody skipped.
        people: how many of the present labels are of whom.
        n_rounds: how many rounds of questions there were.
        reviewed: what people made of guessed boxes, see `box_review.review`; None where no boxes are asked.
        training: the newest, with its accuracy on the test part and its interval of 95%; None before the first.
        new_labels: rows that it does not know.
        next: what to do next.
    """

    folder: str
    n_items: int
    n_test: int
    n_gone: int
    n_unreadable: int
    classes: Mapping[str, int]
    test_classes: Mapping[str, int]
    boxes: int
    cannot_tell: int
    open: int
    skipped: int
    people: Mapping[str, int]
    n_rounds: int
    reviewed: BoxReview | None
    training: Mapping[str, Any] | None
    new_labels: int
    next: str

    @property
    def n_labeled(self) -> int:
        """How many pictures have a present label that says something of them."""
        return sum(self.classes.values()) + sum(self.test_classes.values()) + self.boxes

    def record(self) -> dict[str, Any]:
        """Returns it as plain values for JSON."""
        return {**asdict(self), "n_labeled": self.n_labeled}


def status(project: Project) -> Status:
    """Returns how a project stands now.

    Raises:
        InputError: the store cannot be read.
    """
    store = project.store
    items = all_items(store)
    present = labels.current(store)
    in_test = {one.id for one in items if one.part == "test"}
    counts: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}
    for one in present.values():
        if one.class_name is not None:
            counts[one.item_id in in_test][one.class_name] += 1
    kinds = Counter(one.kind for one in present.values())
    last = trainings.latest(store)
    with store.read() as connection:
        n_unreadable = connection.execute(sa.select(sa.func.count()).select_from(schema.unreadable)).scalar_one()
    names, n_open = class_names(store), len(questions.open_questions(store))
    new = labels.count_since(store, 0 if last is None else last.last_label_id)
    n_there = sum(one.path is not None for one in items)
    left = sum(one.path is not None and one.part == "pool" and one.id not in present for one in items)
    return Status(
        folder=str(project.folder),
        n_items=len(items),
        n_test=len(in_test),
        n_gone=len(items) - n_there,
        n_unreadable=n_unreadable,
        classes={name: counts[False][name] for name in names},
        test_classes={name: counts[True][name] for name in names},
        boxes=kinds["boxes"],
        cannot_tell=kinds["cannot_tell"],
        open=n_open,
        skipped=questions.n_skipped(store),
        people=_people(present),
        n_rounds=len(questions.rounds(store)),
        reviewed=reviewed(project) if project.asks_for_boxes else None,
        training=None if last is None else _training(last),
        new_labels=new,
        next=_next_of_boxes(project, n_there, n_open)
        if project.asks_for_boxes
        else _next(project, n_there, left, last is not None),
    )


def _people(present: Mapping[int, Label]) -> dict[str, int]:
    counted = Counter(one.who for one in present.values())
    return dict(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])))


def _training(last: trainings.Training) -> dict[str, Any]:
    measured = {name: last.metrics.get(name) for name in ("accuracy", "low", "high")}
    return {"id": last.id, "at": last.at, "n_labeled": last.n_labeled, "n_test": last.n_test, **measured}


def _next_of_boxes(project: Project, n_there: int, n_open: int) -> str:
    name = shlex.quote(str(project.folder))
    if not n_there:
        return f"askew add {name}"
    if n_open:
        return f"askew label {name}"
    if questions.rounds(project.store):
        return f"askew export {name} --to coco --out boxes.json"
    return f"askew import {name} FILE --ask, with what a detector found; or askew label {name}, to draw all boxes"


def _next(project: Project, n_there: int, n_left: int, trained: bool) -> str:
    """Returns the command to run next; `n_left` pictures of the pool have no answer."""
    name = shlex.quote(str(project.folder))
    if not n_there:
        return f"askew add {name}"
    if n_left:
        return f"askew label {name}"
    return f"askew predict {name} --out labels.csv" if trained else f"askew train {name}"

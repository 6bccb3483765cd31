"""How a project stands: its learning curve measured anew, what the next labels may bring, counts, and doubts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from askew.arrays import Floats, Indices
from askew.errors import InputError, MissingExtra
from askew.forecast import Forecast, forecast
from askew.learn.features import Tell, quiet_progress
from askew.learn.probe import LinearProbe
from askew.project import questions, trainings
from askew.project.folder import Project
from askew.project.labels import current
from askew.project.learning import View, check_learns, look, model_of, probs_of
from askew.project.measuring import measures
from askew.project.questions import Question, Round
from askew.project.suspects import Suspect, suspects
from askew.project.trainings import Training

NEXT = 100
"""Labels that are forecast."""

WORTH = 0.01
"""If so much is unlikely to come of them, it is time to stop: one point."""

FEWEST_COUNTS = 3
"""Label counts from which on anything is foretold: two say nothing of a curve's bend."""

MOST_POINTS = 24
"""Trainings on the curve at most: the first, the last and those between at even ratios of their label counts."""


@dataclass(frozen=True)
class Point:
    """A training on the curve: when, with how many labels, and what was measured on the test labels of today."""

    training: int
    at: datetime
    n_labeled: int
    metrics: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Standing:
    """How a project stands.

    Attributes:
        name: of its folder.
        view: what it holds.
        curve: trainings that were measured, the oldest first.
        outlook: what the next labels are likely to bring; None before three label counts.
        n_next: how many labels that are.
        predicted: (C,) how many unlabelled pool items are taken for each class; None without a model.
        unclear: items that somebody could not tell.
        rounds: all of them, the oldest first.
        open: questions that wait for an answer.
        suspects: labels that may be wrong; None where cleanlab is not installed.
        hint: what to install for it.
        left_out: trainings that are not on the curve: of another learner, or without their file.
    """

    name: str
    view: View
    curve: tuple[Point, ...]
    outlook: Forecast | None
    n_next: int
    predicted: Sequence[int] | None
    unclear: int
    rounds: tuple[Round, ...]
    open: tuple[Question, ...]
    suspects: tuple[Suspect, ...] | None
    hint: str
    left_out: int

    @property
    def stop(self) -> bool:
        """Whether the interval of what the next labels bring ends below `WORTH`."""
        return self.outlook is not None and bool(self.outlook.enough(WORTH)[0])

    @property
    def labels(self) -> list[int]:
        """(C,) how many pool items of each class are labelled."""
        return _counts(self.view.pool_labels, len(self.view.classes))

    @property
    def test_labels(self) -> list[int]:
        """(C,) how many test items of each class are labelled."""
        return _counts(np.where(self.view.test, self.view.labels, -1), len(self.view.classes))

    def record(self) -> dict[str, Any]:
        """Returns it as plain values for JSON; shares, and None for what is not known."""
        out = self.outlook
        return {
            "name": self.name,
            "n_pool": int((~self.view.test).sum()),
            "n_test": int(self.view.test.sum()),
            "n_labeled": self.view.n_labeled,
            "n_unclear": self.unclear,
            "n_open": len(self.open),
            "classes": [
                {
                    "class": name,
                    "labels": self.labels[c],
                    "test_labels": self.test_labels[c],
                    "predicted": None if self.predicted is None else self.predicted[c],
                }
                for c, name in enumerate(self.view.classes)
            ],
            "curve": [
                {"training": one.training, "at": one.at.isoformat(), "n_labeled": one.n_labeled, **one.metrics}
                for one in self.curve
            ],
            "next": None
            if out is None
            else {
                "labels": self.n_next,
                "level": out.level,
                **{name: float(getattr(out, name)[0]) for name in ("median", "low", "high")},
                **{name: float(getattr(out, name)[0]) for name in ("gain", "gain_low", "gain_high")},
                "stop": self.stop,
            },
            "rounds": [vars(one) for one in self.rounds],
            "suspects": None
            if self.suspects is None
            else [{**vars(one), "path": self.path(one), "row": None} for one in self.suspects],
            "lost": dict(self.view.lost),
        }

    def path(self, suspect: Suspect) -> str:
        """Returns the file of a suspected label."""
        return str(self.view.items[suspect.row].path or "its file is gone")


def standing(project: Project, progress: Tell = quiet_progress) -> Standing:
    """Returns how a project stands.

    Every model whose file is there is measured on the test labels of today, so that the curve compares models and not
    test sets; networks that were trained themselves keep what was measured when they were.

    Raises:
        InputError: no picture has features, or boxes are asked.
    """
    check_learns(project)
    view = look(project, progress)
    every = trainings.trainings(project.store)
    curve, predicted, left_out = [], None, 0
    for training in _thinned(every):
        try:
            found = model_of(project, training)
        except InputError:
            found = None
        if found is None:
            left_out += 1
            continue
        metrics = training.metrics
        if isinstance(found.learner, LinearProbe):
            rows = np.flatnonzero(view.test & (view.labels >= 0))
            metrics = measures(probs_of(found.learner, found.model, view, rows), view.labels[rows], view.classes)
            metrics = {**training.metrics, **metrics}
        if training.id == every[-1].id:
            open_rows = np.flatnonzero(~view.test & (view.labels < 0))
            guesses = probs_of(found.learner, found.model, view, open_rows).argmax(axis=1)
            predicted = np.bincount(guesses, minlength=len(view.classes)).tolist()
        if metrics["n_test"]:
            curve.append(Point(training.id, datetime.fromisoformat(training.at), training.n_labeled, metrics))
    outlook, n_next = _outlook(curve, int((~view.test).sum()))
    doubts, hint = _suspects(view)
    return Standing(
        project.folder.name,
        view,
        tuple(curve),
        outlook,
        n_next,
        predicted,
        sum(one.kind == "cannot_tell" for one in current(project.store).values()),
        tuple(questions.rounds(project.store)),
        tuple(questions.open_questions(project.store)),
        doubts,
        hint,
        left_out,
    )


def _counts(labels: Indices, n_classes: int) -> list[int]:
    return [int(n) for n in np.bincount(labels[labels >= 0], minlength=n_classes)]


def _suspects(view: View) -> tuple[tuple[Suspect, ...] | None, str]:
    try:
        return tuple(suspects(view)), ""
    except MissingExtra as error:
        return None, str(error)


def _thinned(every: Sequence[Training]) -> list[Training]:
    """Returns the newest training of each label count; of many those at even ratios of the counts, ends included."""
    newest = {one.n_labeled: one for one in every}
    if every:
        newest[every[-1].n_labeled] = every[-1]
    some = sorted(newest.values(), key=lambda one: one.id)
    if len(some) <= MOST_POINTS:
        return some
    logs: Floats = np.log([max(1, one.n_labeled) for one in some])
    wanted = np.linspace(logs.min(), logs.max(), MOST_POINTS)
    kept = {int(np.abs(logs - one).argmin()) for one in wanted} | {len(some) - 1}
    return [some[i] for i in sorted(kept)]


def _outlook(curve: Sequence[Point], n_pool: int) -> tuple[Forecast | None, int]:
    """Returns what the next labels are likely to bring, and how many that are; None before three label counts."""
    points = {one.n_labeled: one for one in curve}
    counts = sorted(points)
    n_next = min(NEXT, n_pool - counts[-1]) if counts else 0
    if len(counts) < FEWEST_COUNTS or n_next < 1:
        return None, n_next
    values = [points[n].metrics["accuracy"] for n in counts]
    if not all(math.isfinite(one) for one in values):
        return None, n_next
    n_test = curve[-1].metrics["n_test"]
    return forecast(counts, values, [counts[-1] + n_next], n_test=n_test), n_next

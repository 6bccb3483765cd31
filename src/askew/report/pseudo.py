"""What an experiment says of pseudo-labels: how many were right, and model A beside model B where there were two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from askew.report.measures import Curves, mean_std_at
from askew.report.summary import Comparison, Line, Summary, compare, curves_of

TEACHER = "teacher_"
"""What the names of model A's metrics begin with."""


@dataclass(frozen=True, eq=False)
class PseudoLine:
    """What is said of one strategy that was trained on pseudo-labels too.

    Attributes:
        line: of the strategy; its curves are those of model B, or of the one model.
        teacher: the curves of model A; None with one model.
        over_teacher: how far B is above A, averaged over the label counts, judged among all strategies with two models.
        right: which share of the pseudo-labels was right, at each label count; None if there never were any.
        count: how many there were.
    """

    line: Line
    teacher: Curves | None
    over_teacher: Comparison | None
    right: Curves | None
    count: Curves

    @property
    def mean_right(self) -> float | None:
        """The share that was right, mean over label counts and seeds; None if there never were any."""
        return None if self.right is None else float(np.nanmean(mean_std_at(self.right)[0]))


def pseudo_lines(summary: Summary) -> tuple[PseudoLine, ...]:
    """Returns what there is to say of pseudo-labels, a strategy each; empty if none had any."""
    lines = {line.label: line for line in summary.lines}
    counts = {
        label: found
        for label in lines
        if any(run.pseudo_labelled for run in summary.experiment.of(label))
        and (found := curves_of(summary.experiment.of(label), "pseudo_labels"))
    }
    teachers = {
        label: found
        for label in counts
        if (found := curves_of(summary.experiment.of(label), f"{TEACHER}{summary.metric}"))
    }
    both = {label: lines[label].curves for label in teachers} | {_a(label): found for label, found in teachers.items()}
    over = compare(both, {label: _a(label) for label in teachers})
    return tuple(
        PseudoLine(
            lines[label],
            teachers.get(label),
            over.get(label),
            curves_of(summary.experiment.of(label), "pseudo_label_accuracy"),
            count,
        )
        for label, count in counts.items()
    )


def _a(label: str) -> str:
    return f"{label}, model A"

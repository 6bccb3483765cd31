"""Everything that the page, the figures and the CSV files say of an experiment, computed once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from askew.errors import InputError, unknown
from askew.report.ledgers import FULL, RANDOM, Experiment, Run
from askew.report.measures import (
    CONFIDENCE,
    Curves,
    Estimate,
    Floats,
    Interval,
    LabelsNeeded,
    area,
    area_gain,
    interval,
    label_savings,
    labels_needed,
    mean_std_at,
    paired,
    paired_gain,
    relative_to_full,
)
from askew.strategies.registry import strategies


@dataclass(frozen=True, eq=False)
class Line:
    """What is said of one strategy; None where there is nothing to compare with.

    Attributes:
        label: how the experiment calls it.
        plain: the label of the same strategy without balance, if this one is balanced.
        curves: of the metric.
        mean, std, n_seeds: (K,) over seeds, at `curves.n_labeled`.
        area: the mean metric over the label counts, over seeds.
        gain: over random, at each label count.
        area_gain: over random, averaged over the label counts.
        corrected: `area_gain` with the interval widened for picking the best of all strategies (Bonferroni).
        savings: label count to the labels that random needs for as much.
        to_random_end: labels that this strategy needs for what random reaches at its last count.
        corrected_to_random_end: the same with the interval widened as that of `corrected`.
        plain_gain, plain_area_gain: the same gains over the plain strategy.
        relative: the curves over what training on everything reaches.
        knows_truth: whether the strategy reads the true labels, so that it is a bound and no rival.
    """

    label: str
    plain: str | None
    curves: Curves
    mean: Floats
    std: Floats
    n_seeds: NDArray[np.int64]
    area: Estimate
    gain: Interval | None = None
    area_gain: Estimate | None = None
    corrected: Estimate | None = None
    savings: dict[int, LabelsNeeded] | None = None
    to_random_end: LabelsNeeded | None = None
    corrected_to_random_end: LabelsNeeded | None = None
    plain_gain: Interval | None = None
    plain_area_gain: Estimate | None = None
    relative: Curves | None = None
    knows_truth: bool = False

    def column(self, n_labeled: int) -> int | None:
        """Returns the column of a label count, or None if the strategy was not measured there."""
        found = np.flatnonzero(self.curves.n_labeled == n_labeled)
        return int(found[0]) if len(found) else None


@dataclass(frozen=True, eq=False)
class Summary:
    """An experiment in numbers.

    Attributes:
        experiment: where they come from.
        metric: its name, as in the ledgers.
        lines: one a strategy, random first, a balanced variant after its plain strategy.
        full: training on everything, if the experiment did.
        n_labeled: every label count that a strategy was measured at.
        percent: whether the metric lies in [0, 1] and is shown as a percentage.
    """

    experiment: Experiment
    metric: str
    lines: tuple[Line, ...]
    full: Curves | None
    n_labeled: tuple[int, ...]
    percent: bool

    @property
    def random(self) -> Line | None:
        """The random line, if there is one."""
        return next((line for line in self.lines if line.label == RANDOM), None)

    @property
    def compared(self) -> tuple[Line, ...]:
        """The lines that are held against random, those that know the truth too."""
        return tuple(line for line in self.lines if line.area_gain is not None)

    @property
    def rivals(self) -> tuple[Line, ...]:
        """The lines of which the headline names the best: a person could use them."""
        return tuple(line for line in self.compared if not line.knows_truth)

    @property
    def asked_counts(self) -> tuple[int, ...]:
        """The label counts after the first query: where strategies of one seed may differ."""
        return self.n_labeled[1:]

    @property
    def scale(self) -> float:
        """What the metric is multiplied with to be shown."""
        return 100.0 if self.percent else 1.0


def summarize(experiment: Experiment, metric: str | None = None) -> Summary:
    """Computes everything that a report says of one metric (higher is better); "accuracy" or else the first measured.

    Raises:
        InputError: no such metric, or no strategy has finished a cycle.
    """
    metrics = list(dict.fromkeys(name for run in experiment.runs for cycle in run.cycles for name in cycle.metrics))
    if not any(run.cycles for run in experiment.runs if run.label != FULL):
        raise InputError(f"{experiment.folder}: no strategy has finished a cycle yet: there is nothing to report")
    if metric is None:
        metric = "accuracy" if "accuracy" in metrics else metrics[0]
    if metric not in metrics:
        raise unknown("metric", metric, metrics)
    curves = {label: found for label in experiment.labels if (found := curves_of(experiment.of(label), metric))}
    full = curves_of(experiment.of(FULL), metric)
    oracles = {label for label in curves if _knows_truth(experiment.of(label))}
    n_rivals = max(1, len(set(curves) - oracles - {RANDOM}))
    lines = tuple(
        replace(_line(label, experiment.plain_of(label), curves, full, n_rivals), knows_truth=label in oracles)
        for label in curves
    )
    counts = sorted({int(n) for line in lines for n in line.curves.n_labeled})
    values = np.concatenate([line.curves.values.ravel() for line in lines])
    percent = bool(np.nanmin(values) >= 0 and np.nanmax(values) <= 1)
    return Summary(experiment, metric, lines, full, tuple(counts), percent)


def curves_of(runs: Iterable[Run], metric: str) -> Curves | None:
    """Returns the curves of the runs of one label that have measured the metric, or None if none has."""
    points = {
        run.seed: {cycle.n_labeled: cycle.metrics[metric] for cycle in run.cycles if metric in cycle.metrics}
        for run in runs
    }
    points = {seed: values for seed, values in points.items() if values}
    if not points:
        return None
    counts = sorted({n for values in points.values() for n in values})
    rows = [[values.get(n, np.nan) for n in counts] for values in points.values()]
    return Curves(np.array(counts), np.array(rows, dtype=np.float64), np.array(list(points)))


def _knows_truth(runs: Iterable[Run]) -> bool:
    """Tells whether the catalogue's strategy of that name reads the truth; one that left the catalogue does not."""
    names = {str(run.settings.get("strategy")) for run in runs}
    return any("truth" in strategies()[name].needs for name in names if name in strategies())


def _line(label: str, plain: str | None, curves: dict[str, Curves], full: Curves | None, n_rivals: int) -> Line:
    own = curves[label]
    mean, std, n_seeds = mean_std_at(own)
    relative = None if full is None else relative_to_full(own, full)
    line = Line(label, plain, own, mean, std, n_seeds, _estimate(interval(area(own)[:, None])), relative=relative)
    random, base = curves.get(RANDOM), curves.get(plain or "")
    if label != RANDOM and random is not None and _comparable(own, random):
        line = _against_random(line, random, n_rivals)
    if base is not None and _comparable(own, base):
        line = replace(line, plain_gain=paired_gain(own, base), plain_area_gain=area_gain(own, base))
    return line


def _estimate(columns: tuple[Floats, Floats, Floats, NDArray[np.int64]]) -> Estimate:
    mean, low, high, n = columns
    return Estimate(float(mean[0]), float(low[0]), float(high[0]), int(n[0]))


def _comparable(a: Curves, b: Curves) -> bool:
    return bool(np.intersect1d(a.seeds, b.seeds).size and np.intersect1d(a.n_labeled, b.n_labeled).size)


def _against_random(line: Line, random: Curves, n_rivals: int) -> Line:
    mine, theirs = paired(line.curves, random)
    corrected = 1 - (1 - CONFIDENCE) / n_rivals
    at_end = dict(zip(random.seeds.tolist(), random.values[:, -1].tolist(), strict=True))
    levels = np.array([at_end.get(seed, np.nan) for seed in line.curves.seeds.tolist()])
    return replace(
        line,
        gain=paired_gain(mine, theirs),
        area_gain=area_gain(mine, theirs),
        corrected=area_gain(mine, theirs, corrected),
        savings=dict(zip((int(n) for n in mine.n_labeled), label_savings(mine, theirs), strict=True)),
        to_random_end=labels_needed(line.curves, levels),
        corrected_to_random_end=labels_needed(line.curves, levels, corrected),
    )

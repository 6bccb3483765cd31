"""Everything that the page, the figures and the CSV files say of an experiment, computed once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from askew.errors import InputError, unknown
from askew.report.claims import Verdict, holm
from askew.report.ledgers import FULL, RANDOM, Experiment, Run
from askew.report.measures import (
    Curves,
    Estimate,
    Floats,
    Interval,
    area_gain,
    complete,
    finished,
    mean_std_at,
    paired_gain,
    relative_to_full,
)
from askew.report.savings import Saving, label_savings
from askew.strategies.registry import strategies

ADDED = ("balance", "pseudo-labels")
"""What a strategy may have that its plain one has not; the gains of each kind are judged together."""


@dataclass(frozen=True)
class Comparison:
    """A gain averaged over the label counts, and what it shows among all comparisons of its kind.

    Attributes:
        gain: with its own 95% interval.
        widened: with the interval that Holm's procedure judges it by.
        sign: 1 if a gain is shown, -1 if a loss, 0 if nothing is.
        confidence: of the interval of `widened`.
        n: how many comparisons there are of its kind.
    """

    gain: Estimate
    widened: Estimate
    sign: int
    confidence: float
    n: int


@dataclass(frozen=True, eq=False)
class Line:
    """What is said of one strategy; None where there is nothing to compare with.

    Attributes:
        label: how the experiment calls it.
        strategy: its name in the catalogue.
        plain: the label of the same strategy without balance, if this one is balanced; else of the one without
            pseudo-labels, if this one has them.
        added: what this one has and the plain one has not: "balance" or "pseudo-labels"; empty without a plain one.
        curves: of the metric, as measured.
        mean, std, n_seeds: (K,) over the seeds that `complete` keeps, at `curves.n_labeled`; NaN and 0 elsewhere.
        gain: over random, at each label count, each with its own interval.
        over_random: over random, averaged over the label counts: what is claimed.
        savings: label count to the labels saved, with the interval of `over_random.widened`.
        plain_gain, over_plain: the same gains over the plain strategy; None if the strategy reads the true labels.
        relative: the curves over what training on everything reaches.
        knows_truth: whether the strategy reads the true labels, so that it is a bound and no rival.
    """

    label: str
    strategy: str
    plain: str | None
    curves: Curves
    mean: Floats
    std: Floats
    n_seeds: NDArray[np.int64]
    gain: Interval | None = None
    over_random: Comparison | None = None
    savings: dict[int, Saving] | None = None
    plain_gain: Interval | None = None
    over_plain: Comparison | None = None
    relative: Curves | None = None
    knows_truth: bool = False
    added: str = ""

    @property
    def saving(self) -> Saving | None:
        """The labels saved at the last count that both reach."""
        return None if not self.savings else self.savings[max(self.savings)]

    @property
    def last(self) -> int:
        """The last column with a mean."""
        return int(np.flatnonzero(np.isfinite(self.mean))[-1])

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
        lines: one a strategy, random first, a variant after its plain strategy.
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
        return tuple(line for line in self.lines if line.over_random is not None)

    @property
    def rivals(self) -> tuple[Line, ...]:
        """The lines of which the headline names the best: a person could use them."""
        return tuple(line for line in self.compared if not line.knows_truth)

    @property
    def best(self) -> Line | None:
        """The strategy of the headline: the highest average gain among those shown to be above random, or else all."""
        judged = [(line.over_random, line) for line in self.rivals if line.over_random is not None]
        shown = [pair for pair in judged if pair[0].sign > 0]
        return max(shown or judged, key=lambda pair: pair[0].gain.mean, default=(None, None))[1]

    @property
    def asked_counts(self) -> tuple[int, ...]:
        """The label counts after the first query: where strategies of one seed may differ."""
        return self.n_labeled[1:]

    @property
    def missing(self) -> tuple[str, ...]:
        """What is left out of the figures because runs are unfinished, a sentence each; empty if nothing is."""
        return tuple(sentence for line in self.lines for sentence in self._missing_of(line))

    def _missing_of(self, line: Line) -> Iterable[str]:
        absent = [str(seed) for seed in self.experiment.seeds if seed not in line.curves.seeds]
        if absent:
            yield f"{line.label} has nothing measured for seed {', '.join(absent)}."
        rows, columns = complete(line.curves.values)
        if not rows.all():
            yield f"{line.label} is shown for the {rows.sum()} of its {len(rows)} seeds that reached every label count."
        elif not columns.all():
            last = int(line.curves.n_labeled[columns][-1])
            yield f"{line.label} is shown up to {last:,} labels, which all of its seeds reached."

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
    plain = {label: base for label in curves if (base := experiment.plain_of(label)) in curves}
    against_random = {label: RANDOM for label in curves if RANDOM in curves and label not in oracles | {RANDOM}}
    over_random = compare(curves, against_random) | compare(curves, {o: RANDOM for o in oracles if RANDOM in curves})
    added = {label: _added(experiment.of(label)) for label in plain}
    over_plain: dict[str, Comparison] = {}
    for kind in ADDED:
        pairs = {label: base for label, base in plain.items() if label not in oracles and added[label] == kind}
        over_plain |= compare(curves, pairs)
    lines = tuple(
        replace(
            _line(label, curves, full, plain.get(label), over_random.get(label), over_plain.get(label)),
            strategy=_strategy(experiment.of(label)),
            knows_truth=label in oracles,
            added=added.get(label, ""),
        )
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


def _strategy(runs: Iterable[Run]) -> str:
    return next((run.header.strategy for run in runs if run.header is not None and run.header.strategy), "")


def _knows_truth(runs: Iterable[Run]) -> bool:
    """Tells whether the catalogue's strategy of that name reads the truth; one that left the catalogue does not."""
    name = _strategy(runs)
    return name in strategies() and "truth" in strategies()[name].needs


def _added(runs: Iterable[Run]) -> str:
    return ADDED[0] if any(run.balanced for run in runs) else ADDED[1]


def compare(curves: Mapping[str, Curves], pairs: Mapping[str, str]) -> dict[str, Comparison]:
    """Returns label to its gain over another one, for all pairs that have seeds and label counts in common."""
    pairs = {a: b for a, b in pairs.items() if _comparable(curves[a], curves[b])}
    gains = [area_gain(curves[a], curves[b]) for a, b in pairs.items()]
    verdicts: list[Verdict] = holm(gains)
    return {
        a: Comparison(
            gain, area_gain(curves[a], curves[b], verdict.confidence), verdict.sign, verdict.confidence, len(pairs)
        )
        for (a, b), gain, verdict in zip(pairs.items(), gains, verdicts, strict=True)
    }


def _line(
    label: str,
    curves: Mapping[str, Curves],
    full: Curves | None,
    plain: str | None,
    over_random: Comparison | None,
    over_plain: Comparison | None,
) -> Line:
    own = curves[label]
    kept = _complete(own)
    mean, std, n_seeds = mean_std_at(kept)
    savings = None
    if over_random is not None:
        savings = {one.n_labeled: one for one in label_savings(own, curves[RANDOM], over_random.confidence)}
    return Line(
        label,
        label,
        plain,
        own,
        mean,
        std,
        n_seeds,
        gain=None if over_random is None else paired_gain(own, curves[RANDOM]),
        over_random=over_random,
        savings=savings,
        plain_gain=None if over_plain is None else paired_gain(own, curves[plain or ""]),
        over_plain=over_plain,
        relative=None if full is None else relative_to_full(kept, full),
    )


def _complete(curves: Curves) -> Curves:
    """Returns the curves with NaN wherever `complete` leaves a seed or a label count out."""
    rows, columns = complete(curves.values)
    return replace(curves, values=np.where(np.outer(rows, columns), curves.values, np.nan))


def _comparable(a: Curves, b: Curves) -> bool:
    common = np.intersect1d(a.seeds, b.seeds).size and np.intersect1d(a.n_labeled, b.n_labeled).size
    return bool(common) and finished(a, b) is not None

"""What an analysis of informativeness says over its seeds: tables as CSV, the record, sentences, figures as files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askew.errors import MissingExtra
from askew.experiment.analysis import Judged, record
from askew.informativeness import BINS, accuracy_by_score, auroc, bin_edges
from askew.report.build import refuse_other, write_files
from askew.report.csv_files import csv_text
from askew.report.measures import FEWEST_SEEDS, Floats, interval

ABOUT = "analysis.json"
"""Holds what was measured, and says that a folder is an analysis; a folder without it is not replaced."""


@dataclass(frozen=True, eq=False)
class Mean:
    """Means over seeds of K numbers, with Student's 95% intervals; `low` and `high` are NaN below `FEWEST_SEEDS`."""

    values: Floats
    mean: Floats
    low: Floats
    high: Floats
    n_seeds: NDArray[np.int64]

    @classmethod
    def of(cls, values: Floats) -> Mean:
        """Returns the means of (S, K) values; NaN is a seed that has none."""
        mean, low, high, n_seeds = interval(values)
        known = n_seeds >= FEWEST_SEEDS
        return cls(values, mean, np.where(known, low, np.nan), np.where(known, high, np.nan), n_seeds)


@dataclass(frozen=True, eq=False)
class Histogram:
    """A strategy's scores in one cycle: items in each bin, and the share of them that the model predicts correctly."""

    edges: Floats
    items: Mean
    accuracy: Mean


@dataclass(frozen=True, eq=False)
class CycleFound:
    """One cycle over all seeds.

    Attributes:
        cycle, n_labeled: of the models.
        n_unlabeled, accuracy: means over the seeds; the accuracy is that on all unlabeled items.
        shares: (S,) mean share of the unlabeled items.
        tops: label to the accuracy on the items asked first, at each share.
        histograms: label of a scorer to its histogram.
        errors: label of a scorer to the AUROC of its score for the items that the model gets wrong.
    """

    cycle: int
    n_labeled: int
    n_unlabeled: float
    accuracy: float
    shares: Floats
    tops: Mapping[str, Mean]
    histograms: Mapping[str, Histogram]
    errors: Mapping[str, Mean]


def found(judged: Sequence[Judged], bins: int = BINS) -> tuple[CycleFound, ...]:
    """Returns what was measured over all seeds, cycle by cycle; a strategy's bins are the same in all of them."""
    labels = list(judged[0].scores)
    edges = {
        label: bin_edges(np.concatenate([one.scores[label] for one in judged]), bins).astype(np.float64)
        for label in labels
    }
    return tuple(
        _cycle([one for one in judged if one.cycle == cycle], edges) for cycle in sorted({one.cycle for one in judged})
    )


def _cycle(judged: Sequence[Judged], edges: Mapping[str, Floats]) -> CycleFound:
    return CycleFound(
        cycle=judged[0].cycle,
        n_labeled=judged[0].n_labeled,
        n_unlabeled=float(np.mean([len(one.correct) for one in judged])),
        accuracy=float(np.mean([one.correct.mean() for one in judged])),
        shares=np.mean([one.sizes / len(one.correct) for one in judged], axis=0),
        tops={label: Mean.of(np.array([one.tops[label] for one in judged])) for label in judged[0].tops},
        histograms={label: _histogram(judged, label, own) for label, own in edges.items()},
        errors={label: Mean.of(np.array([[_of_errors(one, label)] for one in judged])) for label in edges},
    )


def _histogram(judged: Sequence[Judged], label: str, edges: Floats) -> Histogram:
    several = [accuracy_by_score(one.scores[label], one.correct, edges) for one in judged]
    items = Mean.of(np.array([one.counts for one in several], dtype=np.float64))
    return Histogram(edges, items, Mean.of(np.array([one.accuracy for one in several])))


def _of_errors(one: Judged, label: str) -> float:
    """Returns the AUROC of a score for the model's errors; NaN for a model without a right or a wrong item."""
    return math.nan if one.correct.all() or not one.correct.any() else auroc(one.scores[label], ~one.correct)


def csv_files(cycles: Sequence[CycleFound]) -> dict[str, str]:
    """Returns file name to text: every number of the figures, one a row, unrounded."""
    ends = ("low", "high", "n_seeds")
    top = [
        (one.cycle, one.n_labeled, label, share, *_row(mean, k))
        for one in cycles
        for label, mean in one.tops.items()
        for k, share in enumerate(one.shares.tolist())
    ]
    by_score = [
        (one.cycle, one.n_labeled, label, *h.edges[k : k + 2].tolist(), float(h.items.mean[k]), *_row(h.accuracy, k))
        for one in cycles
        for label, h in one.histograms.items()
        for k in range(len(h.edges) - 1)
    ]
    errors = [(one.cycle, one.n_labeled, label, *_row(mean, 0)) for one in cycles for label, mean in one.errors.items()]
    head = ("cycle", "n_labeled", "label")
    return {
        "accuracy-of-top.csv": csv_text((*head, "share", "accuracy", *ends), top),
        "accuracy-by-score.csv": csv_text((*head, "from", "to", "items", "accuracy", *ends), by_score),
        "errors.csv": csv_text((*head, "auroc", *ends), errors),
    }


def _row(mean: Mean, k: int) -> tuple[float, float, float, int]:
    return float(mean.mean[k]), float(mean.low[k]), float(mean.high[k]), int(mean.n_seeds[k])


def lines(cycles: Sequence[CycleFound], share: float = 0.1) -> list[str]:
    """Returns what a terminal shows: for each cycle the accuracy on the items that each strategy asks first."""
    said = []
    for one in cycles:
        k = int(np.argmin(np.abs(one.shares - share)))
        said.append(
            f"{one.n_labeled:,} labels: the model predicts {100 * one.accuracy:.1f}% of {one.n_unlabeled:,.0f} "
            f"unlabeled items; of the {100 * one.shares[k]:.0f}% that each strategy asks first:"
        )
        width = max(map(len, one.tops))
        for label, mean in sorted(one.tops.items(), key=lambda pair: pair[1].mean[k]):
            area = (
                f"   AUROC of its score for wrong items {mean_text(one.errors[label], 0, 1, 3)}"
                if label in one.errors
                else ""
            )
            said.append(f"  {label:<{width}}  {mean_text(mean, k, 100, 1)}%{area}")
    return said


def mean_text(mean: Mean, k: int, scale: float, digits: int) -> str:
    """Writes a mean, and its interval if there are seeds for one."""
    value, low, high = (scale * float(x[k]) for x in (mean.mean, mean.low, mean.high))
    if not math.isfinite(value):
        return "not known"
    ends = f" ({low:.{digits}f} to {high:.{digits}f})" if math.isfinite(low) else ""
    return f"{value:.{digits}f}{ends}"


def write(
    out: Path,
    judged: Sequence[Judged],
    plans: Mapping[str, tuple[str, str | None]],
    about: Mapping[str, Any],
    *,
    bins: int = BINS,
    reads: Sequence[Path] = (),
) -> tuple[CycleFound, ...]:
    """Writes figures, tables and the record into `out`, all or nothing, and returns what they say.

    Args:
        plans: label to the strategy's name and the label of its plain variant, for the looks.
        about: what was analysed, for the record.
        reads: folders that are read, which `out` may not hold.

    Raises:
        InputError: `out` holds something else than an analysis.
        MissingExtra: matplotlib is not installed.
    """
    refuse_other(out, ABOUT, "analysis")
    try:
        import matplotlib  # noqa: F401 - asked for here, so that a missing one is told in one line
    except ImportError as error:
        raise MissingExtra("drawing an analysis", "vision") from error
    from askew.report.analysis_figures import drawn

    cycles = found(judged, bins)
    files = {name: text.encode() for name, text in csv_files(cycles).items()}
    files |= drawn(cycles, plans)
    write_files(out, files, ABOUT, {**about, "measured": [_measured(one, cycles) for one in judged]}, reads=reads)
    return cycles


def _measured(one: Judged, cycles: Sequence[CycleFound]) -> dict[str, Any]:
    """Returns one model's record with its histograms and the AUROC of its errors."""
    edges = {label: h.edges for label, h in cycles[0].histograms.items()}
    several = {label: accuracy_by_score(one.scores[label], one.correct, own) for label, own in edges.items()}
    areas = {label: _of_errors(one, label) for label in edges}
    return {
        **record(one),
        "by_score": {
            label: {"edges": own.edges.tolist(), "items": own.counts.tolist(), "right": own.right.tolist()}
            for label, own in several.items()
        },
        "auroc_of_errors": {label: area if math.isfinite(area) else None for label, area in areas.items()},
    }

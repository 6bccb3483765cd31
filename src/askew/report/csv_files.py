"""The numbers of a report as CSV files: every digit, one observation a row."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence

import numpy as np

from askew.pick.balance import l1_score
from askew.report.diagnostics import asked_by_class
from askew.report.forecasts import outlooks
from askew.report.ledgers import FULL
from askew.report.summary import Summary


def csv_files(summary: Summary) -> dict[str, str]:
    """Returns file name to text: everything in the report, unrounded, one observation a row."""
    return {
        "curves.csv": csv_text(("label", "seed", "cycle", "n_labeled", "metric", "value"), _curve_rows(summary)),
        "summary.csv": csv_text(_SUMMARY_COLUMNS, _summary_rows(summary)),
        "gains.csv": csv_text(("label", "over", "n_labeled", "mean", "low", "high", "n_seeds"), _gain_rows(summary)),
        "average-gains.csv": csv_text(_AVERAGE_COLUMNS, _average_rows(summary)),
        "savings.csv": csv_text(_SAVING_COLUMNS, _saving_rows(summary)),
        "forecast.csv": csv_text(_FORECAST_COLUMNS, _forecast_rows(summary)),
        "asked-classes.csv": csv_text(("label", "cycle", "class", "mean_asked"), _class_rows(summary)),
        "l1-scores.csv": csv_text(("label", "seed", "cycle", "n_labeled", "labeled", "asked"), _l1_rows(summary)),
        "seconds.csv": csv_text(("label", "seed", "cycle", "phase", "seconds"), _second_rows(summary)),
    }


_AVERAGE_COLUMNS = (
    "label",
    "over",
    "from_labels",
    "to_labels",
    "mean",
    "low",
    "high",
    "n_seeds",
    "comparisons",
    "confidence",
    "widened_low",
    "widened_high",
    "shown",
)
_SAVING_COLUMNS = (
    "label",
    "n_labeled",
    "level",
    "random_needs",
    "needs",
    "saved",
    "confidence",
    "low",
    "high",
    "n_seeds",
    "shown",
)
_FORECAST_COLUMNS = (
    "label",
    "n_labeled",
    "n_seeds",
    "level",
    "labels",
    "median",
    "low",
    "high",
    "gain",
    "gain_low",
    "gain_high",
    "stop",
)

_SUMMARY_COLUMNS = ("label", "n_labeled", "mean", "std", "n_seeds", "relative_to_full")


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Returns a table as CSV; a number that is not known is an empty cell."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if isinstance(v, float) and math.isnan(v) else v for v in row] for row in rows)
    return buffer.getvalue()


def _curve_rows(summary: Summary) -> Iterable[Sequence[object]]:
    for run in summary.experiment.runs:
        for cycle in run.cycles:
            for metric, value in cycle.metrics.items():
                yield run.label, run.seed, cycle.number, cycle.n_labeled, metric, value


def _summary_rows(summary: Summary) -> Iterable[Sequence[object]]:
    for line in summary.lines:
        relative = None if line.relative is None else line.relative.values
        for k, n in enumerate(line.curves.n_labeled.tolist()):
            share: object = ""
            if relative is not None:
                known = [float(v) for v in relative[:, k] if math.isfinite(v)]
                share = sum(known) / len(known) if known else ""
            yield line.label, n, float(line.mean[k]), float(line.std[k]), int(line.n_seeds[k]), share


def _gain_rows(summary: Summary) -> Iterable[Sequence[object]]:
    for line in summary.lines:
        for over, gain in (("random", line.gain), (line.plain, line.plain_gain)):
            if gain is None:
                continue
            for k, n in enumerate(gain.n_labeled.tolist()):
                one = gain.at(k)
                yield line.label, over, n, one.mean, one.low, one.high, one.n_seeds


def _average_rows(summary: Summary) -> Iterable[Sequence[object]]:
    for line in summary.lines:
        for over, found in (("random", line.over_random), (line.plain, line.over_plain)):
            if found is not None and found.gain.over is not None:
                gain, widened = found.gain, found.widened
                own = (*gain.over, gain.mean, gain.low, gain.high, gain.n_seeds) if gain.over else ()
                yield line.label, over, *own, found.n, found.confidence, widened.low, widened.high, found.sign


def _saving_rows(summary: Summary) -> Iterable[Sequence[object]]:
    for line in summary.lines:
        found = line.over_random
        for n, one in (line.savings or {}).items():
            if found is not None:
                needs = (one.level, one.random_needs, one.needs, one.saved)
                shown = one.sign if found.sign else 0
                yield line.label, n, *needs, found.confidence, one.low, one.high, one.n_seeds, shown


def _forecast_rows(summary: Summary) -> Iterable[Sequence[object]]:
    for one in outlooks(summary):
        found = one.record()
        for step in found["next"]:
            yield one.label, one.n_labeled, one.n_seeds, found["level"], *step.values()


def _class_rows(summary: Summary) -> Iterable[Sequence[object]]:
    for line in summary.lines:
        for cycle, row in enumerate(asked_by_class(summary.experiment, line.label)):
            for name, count in zip(summary.experiment.classes, row.tolist(), strict=True):
                yield line.label, cycle, name, count


def _l1_rows(summary: Summary) -> Iterable[Sequence[object]]:
    """Yields the L1 score of all labels at the start of each cycle, and of those that it asked."""
    for label in summary.experiment.labels:
        for run in summary.experiment.of(label):
            for cycle in run.cycles:
                asked: object = "" if cycle.l1_score is None else cycle.l1_score
                yield label, run.seed, cycle.number, cycle.n_labeled, l1_score(np.array(cycle.labeled_counts)), asked


def _second_rows(summary: Summary) -> Iterable[Sequence[object]]:
    for label in (*summary.experiment.labels, FULL):
        for run in summary.experiment.of(label):
            for cycle in run.cycles:
                for phase, seconds in cycle.seconds.items():
                    yield label, run.seed, cycle.number, phase, seconds

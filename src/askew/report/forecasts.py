"""What an experiment's curves say of labels that are still to come: the bridge from ledgers to `forecast`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from askew.forecast import Forecast, forecast
from askew.report.ledgers import Experiment
from askew.report.measures import Curves, complete
from askew.report.summary import Line, Summary, curves_of

Known: TypeAlias = tuple[NDArray[np.int64], NDArray[np.float64]]
"""(K,) label counts and (S, K) values."""

FEWEST_COUNTS = 3
"""A report forecasts from so many label counts on: two say nothing of a curve's bend."""

WORTH = 0.01
"""What as many labels again have to bring for a report not to say stop: one point."""


def known(curves: Curves) -> Known | None:
    """Returns the part of the curves that a forecast can be made from, or None if there is none.

    These are the seeds that reached every label count, if there are two or more; otherwise every seed that began, up to
    the counts that all reached. None: fewer than two counts, or values that are no shares from 0 to 1.
    """
    rows, columns = complete(curves.values)
    values = curves.values[np.ix_(rows, columns)]
    if columns.sum() < 2 or not ((values >= 0) & (values <= 1)).all():
        return None
    return curves.n_labeled[columns], values


def measured(experiment: Experiment, label: str, metric: str) -> Known | None:
    """Returns what is known of one label of an experiment; see `known`."""
    curves = curves_of(experiment.of(label), metric)
    return None if curves is None else known(curves)


@dataclass(frozen=True, eq=False)
class Outlook:
    """What the next labels are likely to bring one strategy.

    Attributes:
        label: how the experiment calls it.
        n_labeled: labels so far.
        value: the metric with them, a mean over seeds.
        n_seeds: how many.
        found: the forecast of a step as large as the last one, and then of as many labels again as there are, or of the
            rest of the pool where that is less.
    """

    label: str
    n_labeled: int
    value: float
    n_seeds: int
    found: Forecast

    @property
    def stop(self) -> bool:
        """Whether the interval of what as many labels again bring ends below `WORTH`."""
        return bool(self.found.enough(WORTH)[-1])

    def record(self) -> dict[str, Any]:
        """Returns it as plain values for JSON, as `askew forecast --json` has them."""
        stops = self.found.enough(WORTH).tolist()
        steps = [{**one, "stop": stop} for one, stop in zip(ahead(self.found, self.n_labeled), stops, strict=True)]
        return {"n_labeled": self.n_labeled, "level": self.found.level, "next": steps}


def outlooks(summary: Summary) -> tuple[Outlook, ...]:
    """Returns the outlook of every strategy with enough label counts; none for one that reads the true labels.

    Nothing is foretold of a metric that is no share, and nothing where no item is left to label.
    """
    made = (_outlook(line, summary.experiment) for line in summary.lines if not line.knows_truth)
    return tuple(one for one in made if one is not None)


def _outlook(line: Line, experiment: Experiment) -> Outlook | None:
    curve = known(line.curves)
    if curve is None or len(curve[0]) < FEWEST_COUNTS:
        return None
    counts, values = curve
    last, step = int(counts[-1]), int(counts[-1] - counts[-2])
    if last >= experiment.n_items:
        return None
    at = sorted({min(last + step, experiment.n_items), min(2 * last, experiment.n_items)})
    found = forecast(counts, values, at, n_test=experiment.n_test or None)
    return Outlook(line.label, last, float(values[:, -1].mean()), len(values), found)


def ahead(found: Forecast, n_labeled: int) -> list[dict[str, Any]]:
    """Returns what is foretold as plain values for JSON, a mapping each of its label counts."""
    names = ("median", "low", "high", "gain", "gain_low", "gain_high")
    columns = {name: getattr(found, name).tolist() for name in names}
    return [
        {"labels": int(at) - n_labeled, **{name: column[k] for name, column in columns.items()}}
        for k, at in enumerate(found.at)
    ]

"""What an experiment's curves say of labels that are still to come: the bridge from ledgers to `forecast`."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from askew.report.ledgers import Experiment
from askew.report.measures import Curves, complete
from askew.report.summary import curves_of

Known: TypeAlias = tuple[NDArray[np.int64], NDArray[np.float64]]
"""(K,) label counts and (S, K) values."""


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

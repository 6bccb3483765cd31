"""What scores are worth: how often the model is right where they are high, and whether they tell foreign items.

The analysis of section 3.3.2 of the thesis (Fig. 3.3 to 3.5). An item that the model gets right already teaches it
little, so the lower the accuracy on the items that a strategy asks first, the more informative they are. Arrays hold
the items that are scored and no others: `scores[pool.unlabeled]`, not rows of labelled items, which may be NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from askew.arrays import Array, Floats, Indices, Mask, as_integers, as_reals, first_few, is_whole, to_numpy
from askew.errors import InputError

BINS = 20
"""Into how many bins scores go if nobody says."""

ROUNDING = 1e-6
"""By what part of a step scores may miss a lattice, such as that of the multiples of 1/T."""


@dataclass(frozen=True, eq=False)
class ByScore:
    """How many items fall into each bin of a score, and how many of them the model gets right (Fig. 3.3, 3.4).

    Attributes:
        edges: (B + 1,) ascending; bin k holds edges[k] ≤ score < edges[k + 1], the last one its upper edge too.
        counts: (B,) items.
        right: (B,) those of them that the model is right about.
    """

    edges: Floats
    counts: Indices
    right: Indices

    @property
    def accuracy(self) -> Floats:
        """(B,) the share that the model is right about; NaN in an empty bin."""
        out = np.full(len(self.counts), np.nan)
        return np.asarray(np.divide(self.right, self.counts, out=out, where=self.counts > 0))


def bin_edges(scores: Array, bins: int = BINS) -> Floats:
    """Returns the edges of equally wide bins from the lowest to the highest score.

    Scores that are whole multiples of a step apart, as dispersion is of 1/T, get bins of equally many values each, with
    edges half a step beside them: there no value stands on an edge, and every bar can hold as much as the next.

    Args:
        scores: (N,) finite numbers, of several models if their bins are to be the same.
        bins: how many at most.

    Raises:
        InputError: no scores, one that is not finite, or bins below 1.

    >>> bin_edges([0.0, 0.25, 0.5, 0.75]), bin_edges([0.0, 0.25, 0.5, 0.75], 2)
    (array([-0.125,  0.125,  0.375,  0.625,  0.875]), array([-0.125,  0.375,  0.875]))
    >>> bin_edges([0.0, 0.1, 0.77, 1.0], 2)
    array([0. , 0.5, 1. ])
    """
    if not is_whole(bins) or bins < 1:
        raise InputError(f"bins: expected a whole number from 1, got {bins!r}")
    values = _scores(scores, finite=True)
    low, high = float(values.min()), float(values.max())
    distinct = np.unique(values)
    gaps = np.diff(distinct)
    gaps = gaps[gaps > ROUNDING * (high - low)]
    if not len(gaps):
        return np.array([low - 0.5, low + 0.5])
    step = float(gaps.min())
    steps = (distinct - low) / step
    step *= float(steps[-1]) / round(float(steps[-1]))  # the smallest gap is rounded; the whole range is not
    steps = (distinct - low) / step
    if np.abs(steps - np.rint(steps)).max() > 1e-3 or len(distinct) < 0.1 * steps[-1]:
        return np.linspace(low, high, bins + 1)
    n_values = round(float(steps[-1])) + 1
    width = -(-n_values // bins)
    return np.asarray(low + step * (np.arange(-(-n_values // width) + 1) * width - 0.5))


def accuracy_by_score(scores: Array, correct: Array, bins: int | Array = BINS) -> ByScore:
    """Counts the items in each bin of a score, and those that the model gets right: Fig. 3.3 and 3.4 of the thesis.

    Args:
        scores: (N,) of the items, higher is asked first.
        correct: (N,) bools, whether the model predicts the item's class.
        bins: how many at most, as `bin_edges` lays them, or their edges, ascending.

    Raises:
        InputError: arrays that do not fit, a score that is not finite or outside the edges.

    >>> found = accuracy_by_score([0.0, 0.0, 0.5, 0.5], [True, True, True, False])
    >>> found.counts, found.accuracy
    (array([2, 2]), array([1. , 0.5]))
    """
    values, right = _both(scores, correct, finite=True)
    edges = bin_edges(values, bins) if is_whole(bins) or isinstance(bins, bool) else _edges(bins)
    outside = np.flatnonzero((values < edges[0]) | (values > edges[-1]))
    if len(outside):
        raise InputError(
            f"bins: {values[outside[0]]:g} at item {first_few(outside)} is outside {edges[0]:g} to {edges[-1]:g}"
        )
    n_bins = len(edges) - 1
    place = np.minimum(np.searchsorted(edges, values, side="right") - 1, n_bins - 1)
    return ByScore(edges, np.bincount(place, minlength=n_bins), np.bincount(place[right], minlength=n_bins))


def accuracy_of_top(scores: Array, correct: Array, sizes: Array) -> Floats:
    """Returns how often the model is right about the m items with the highest scores, for each m: Fig. 3.5.

    Of items with equal scores, of which only some are among the m, each is as likely as the next: the accuracy is the
    mean over all orders of the ties, exactly, and does not depend on the order of the items.

    Args:
        scores: (N,) of the items, higher is asked first; infinities will do.
        correct: (N,) bools, whether the model predicts the item's class.
        sizes: (S,) each m, from 1 to N.

    Raises:
        InputError: arrays that do not fit, a NaN, or a size out of range.

    >>> accuracy_of_top([0.9, 0.5, 0.5, 0.1], [False, True, False, True], [1, 2, 3, 4])
    array([0.        , 0.25      , 0.33333333, 0.5       ])
    """
    values, right = _both(scores, correct)
    wanted = _sizes(sizes, len(values))
    _, place, counts = np.unique(-values, return_inverse=True, return_counts=True)
    hits = np.bincount(place, weights=right, minlength=len(counts))
    last = np.cumsum(counts)
    group = np.searchsorted(last, wanted)
    before, hits_before = last[group] - counts[group], np.cumsum(hits)[group] - hits[group]
    return np.asarray((hits_before + (wanted - before) * hits[group] / counts[group]) / wanted)


def accuracy_of_picks(picks: Array, correct: Array, sizes: Array) -> Floats:
    """Returns how often the model is right about the first m picks, for each m: Fig. 3.5 of a greedy strategy.

    Args:
        picks: (K,) distinct positions in `correct`, in the order they were picked.
        correct: (N,) bools, whether the model predicts the item's class.
        sizes: (S,) each m, from 1 to K.

    Raises:
        InputError: a position out of range or given twice, arrays that do not fit, or a size out of range.

    >>> accuracy_of_picks([2, 0, 1], [True, True, False], [1, 2, 3])
    array([0.        , 0.5       , 0.66666667])
    """
    right, order = _correct(correct), as_integers("picks", picks)
    outside = order[(order < 0) | (order >= len(right))]
    if len(outside):
        raise InputError(f"picks: {outside[0]} is outside the {len(right)} items")
    if len(np.unique(order)) < len(order):
        raise InputError(f"picks: {len(order) - len(np.unique(order))} of {len(order)} are given twice")
    wanted = _sizes(sizes, len(order))
    return np.asarray(np.cumsum(right[order])[wanted - 1] / wanted)


def auroc(scores: Array, positive: Array) -> float:
    """Returns the area under the ROC curve: how likely a positive item's score is above a negative one's, ties half.

    Args:
        scores: (N,) of the items; infinities will do.
        positive: (N,) bools: the items that should have high scores, such as those that are foreign, or those that the
            model gets wrong.

    Raises:
        InputError: arrays that do not fit, a NaN, or items that are all positive, or all negative.

    >>> auroc([0.9, 0.5, 0.5, 0.1], [True, True, False, False])
    0.875
    """
    values, there = _both(scores, positive, name="positive")
    n_positive = int(there.sum())
    n_negative = len(there) - n_positive
    if not n_positive or not n_negative:
        kind = "no" if n_negative else "every"
        raise InputError(f"positive: {kind} item is positive: the area needs items of both kinds")
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    above = ranks[place[there]].sum() - n_positive * (n_positive + 1) / 2
    return float(above / (n_positive * n_negative))


def out_of_distribution(scores: Mapping[str, Array], foreign: Array) -> dict[str, float]:
    """Returns, for each of several scores, how well it tells foreign items from others: its `auroc`.

    Args:
        scores: name to (N,) numbers, higher for what is held to be foreign.
        foreign: (N,) bools: items of classes, or of a data set, that the model was not trained on.

    Raises:
        InputError: see `auroc`; the message names the score.

    >>> out_of_distribution({"entropy": [0.2, 0.1, 0.6], "dispersion": [0.0, 0.3, 0.3]}, [False, False, True])
    {'entropy': 1.0, 'dispersion': 0.75}
    """
    found = {}
    for name, values in scores.items():
        try:
            found[name] = auroc(values, foreign)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
    return found


def _both(scores: Array, correct: Array, *, finite: bool = False, name: str = "correct") -> tuple[Floats, Mask]:
    values, right = _scores(scores, finite=finite), _correct(correct, name)
    if len(values) != len(right):
        raise InputError(f"{name}: {len(right)} for {len(values)} scores")
    return values, right


def _scores(scores: Array, *, finite: bool) -> Floats:
    values = as_reals("scores", scores)
    if values.ndim != 1 or not len(values):
        raise InputError(f"scores: expected shape (N,), got {values.shape}")
    bad = np.flatnonzero(~np.isfinite(values) if finite else np.isnan(values))
    if len(bad):
        raise InputError(
            f"scores: {len(bad)} of {len(values)} are {'not finite' if finite else 'NaN'}; first at item {bad[0]}: "
            "leave out the items that the model was not asked about"
        )
    return values


def _correct(correct: Array, name: str = "correct") -> Mask:
    array = np.asarray(to_numpy(correct) if hasattr(correct, "dtype") else correct)
    if array.ndim != 1 or not len(array) or array.dtype != np.bool_:
        raise InputError(f"{name}: expected (N,) bools, got {array.dtype} {array.shape}")
    return array


def _sizes(sizes: Array, most: int) -> Indices:
    wanted = as_integers("sizes", sizes)
    bad = wanted[(wanted < 1) | (wanted > most)]
    if len(bad):
        raise InputError(f"sizes: {bad[0]}: expected 1 to {most}")
    return wanted


def _edges(bins: Array) -> Floats:
    edges = as_reals("bins", bins)
    if edges.ndim != 1 or len(edges) < 2 or not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
        raise InputError("bins: expected how many, or ascending edges")
    return edges

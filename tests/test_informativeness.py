"""The analysis of scores against cases by hand, every order of the ties, and scikit-learn."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise, permutations

import numpy as np
import pytest

from askew.errors import InputError
from askew.informativeness import (
    accuracy_by_score,
    accuracy_of_picks,
    accuracy_of_top,
    auroc,
    bin_edges,
    out_of_distribution,
)


def mean_over_orders(scores: np.ndarray, correct: np.ndarray, m: int) -> float:
    """The accuracy on the first m items, averaged over every order of the items that sorts their scores."""
    total, n = Fraction(0), 0
    for order in permutations(range(len(scores))):
        ranked = [scores[i] for i in order]
        if all(a >= b for a, b in pairwise(ranked)):
            total, n = total + Fraction(sum(bool(correct[i]) for i in order[:m]), m), n + 1
    return float(total / n)


@pytest.mark.parametrize("seed", range(12))
def test_ties_are_the_mean_over_every_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, correct = rng.integers(0, 3, 6) / 3, rng.random(6) < 0.5
    sizes = np.arange(1, 7)
    expected = [mean_over_orders(scores, correct, m) for m in sizes]
    np.testing.assert_allclose(accuracy_of_top(scores, correct, sizes), expected, atol=1e-12)
    shuffled = rng.permutation(6)
    np.testing.assert_allclose(accuracy_of_top(scores[shuffled], correct[shuffled], sizes), expected, atol=1e-12)


def test_the_oracle_starts_at_nothing_and_ends_at_the_models_accuracy() -> None:
    correct = np.random.default_rng(0).random(200) < 0.7
    wrong = int((~correct).sum())
    found = accuracy_of_top((~correct).astype(float), correct, [1, wrong, 2 * wrong, 200])
    np.testing.assert_allclose(found, [0, 0, 0.5, correct.mean()])


def test_scores_that_are_all_equal_are_flat() -> None:
    correct = np.array([True, False, True, True])
    np.testing.assert_allclose(accuracy_of_top(np.zeros(4), correct, [1, 2, 3, 4]), 0.75)


def test_infinite_scores_are_ranked() -> None:
    assert accuracy_of_top([np.inf, 0.0, -np.inf], [False, True, False], [1, 2, 3]).tolist() == [0, 0.5, 1 / 3]


def test_picks_count_in_their_order() -> None:
    correct = np.array([True, False, True, False])
    np.testing.assert_allclose(accuracy_of_picks([3, 1, 0], correct, [1, 2, 3]), [0, 0, 1 / 3])
    by_score = accuracy_of_top([1.0, 2.0, 0.0, 3.0], correct, [1, 2, 3])  # the same order, as scores
    np.testing.assert_allclose(accuracy_of_picks([3, 1, 0], correct, [1, 2, 3]), by_score)


def test_a_histogram_by_hand() -> None:
    scores = [0.0, 0.1, 0.3, 0.5, 0.5, 1.0]
    found = accuracy_by_score(scores, [True, True, True, False, True, False], [0.0, 0.25, 0.5, 0.75, 1.0])
    assert found.counts.tolist() == [2, 1, 2, 1]  # 0.5 opens its bin, 1.0 closes the last
    assert found.right.tolist() == [2, 1, 1, 0]
    np.testing.assert_array_equal(found.accuracy, [1, 1, 0.5, 0])
    empty = accuracy_by_score([0.0, 1.0], [True, False], [0.0, 0.4, 0.6, 1.0])
    assert empty.counts.tolist() == [1, 0, 1]
    assert np.isnan(empty.accuracy[1])


@pytest.mark.parametrize("epochs", [2, 3, 7, 20, 25, 100])
@pytest.mark.parametrize("bins", [1, 3, 10, 20])
def test_no_value_of_dispersion_stands_on_an_edge(epochs: int, bins: int) -> None:
    rng = np.random.default_rng(epochs)
    values = 1 - rng.integers(1, epochs + 1, 500) / epochs  # as they are rounded in 1 - f/T
    edges = bin_edges(values, bins)
    assert len(edges) - 1 <= bins
    steps = np.rint(values * epochs)
    width = edges[1] - edges[0]
    np.testing.assert_allclose(np.diff(edges), width)
    per_bin = width * epochs
    assert per_bin == pytest.approx(round(per_bin))
    found = accuracy_by_score(values, np.ones(500, dtype=bool), edges)
    slot = ((steps - steps.min()) // round(per_bin)).astype(int)
    assert found.counts.tolist() == np.bincount(slot, minlength=len(edges) - 1).tolist()


def test_other_scores_have_equal_bins_and_numpys_counts() -> None:
    rng = np.random.default_rng(1)
    scores, correct = rng.gamma(2.0, size=3000).astype(np.float32), rng.random(3000) < 0.6
    found = accuracy_by_score(scores, correct, 17)
    np.testing.assert_array_equal(found.counts, np.histogram(scores.astype(float), 17)[0])
    np.testing.assert_array_equal(found.right, np.histogram(scores[correct].astype(float), found.edges)[0])
    assert accuracy_by_score([2.0, 2.0], [True, False]).edges.tolist() == [1.5, 2.5]


@pytest.mark.parametrize("seed", range(10))
def test_the_area_is_scikit_learns_and_that_of_all_pairs(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    scores, there = rng.integers(0, 8, 40) / 8, rng.random(40) < 0.3
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[there] for b in scores[~there]]
    assert auroc(scores, there) == pytest.approx(np.mean(pairs))
    assert auroc(scores, there) == pytest.approx(metrics.roc_auc_score(there, scores))
    assert auroc(-scores, there) == pytest.approx(1 - auroc(scores, there))
    several = out_of_distribution({"a": scores, "b": -scores}, there)
    assert several == {"a": auroc(scores, there), "b": auroc(-scores, there)}


def test_torch_tensors_are_read() -> None:
    torch = pytest.importorskip("torch")
    correct = torch.tensor([False, True, False])
    assert accuracy_of_top(torch.tensor([0.3, 0.2, 0.1]), correct, [1, 3]).tolist() == [0, 1 / 3]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: accuracy_of_top([0.1, np.nan], [True, True], [1]), "1 of 2 are NaN; first at item 1"),
        (lambda: accuracy_by_score([0.1, np.inf], [True, True]), "1 of 2 are not finite; first at item 1"),
        (lambda: accuracy_of_top([0.1, 0.2], [True], [1]), "correct: 1 for 2 scores"),
        (lambda: accuracy_of_top([0.1, 0.2], [1, 0], [1]), "correct: expected .N,. bools, got int64"),
        (lambda: accuracy_of_top([0.1, 0.2], [True, False], [0, 1]), "sizes: 0: expected 1 to 2"),
        (lambda: accuracy_of_top([0.1, 0.2], [True, False], [3]), "sizes: 3: expected 1 to 2"),
        (lambda: accuracy_of_top([[0.1]], [True], [1]), r"scores: expected shape \(N,\)"),
        (lambda: accuracy_of_picks([0, 2], [True, False], [1]), "picks: 2 is outside the 2 items"),
        (lambda: accuracy_of_picks([0, 0], [True, False], [1]), "1 of 2 are given twice"),
        (lambda: accuracy_of_picks([0], [True, False], [2]), "sizes: 2: expected 1 to 1"),
        (lambda: accuracy_by_score([0.1, 0.9], [True, False], [0.0, 0.5]), "0.9 at item 1 is outside 0 to 0.5"),
        (lambda: accuracy_by_score([0.1], [True], [0.5, 0.0]), "bins: expected how many, or ascending edges"),
        (lambda: bin_edges([0.1], 0), "bins: expected a whole number from 1, got 0"),
        (lambda: auroc([0.1, 0.2], [True, True]), "every item is positive"),
        (lambda: auroc([0.1, 0.2], [False, False]), "no item is positive"),
        (lambda: out_of_distribution({"entropy": [np.nan, 0]}, [True, False]), "entropy: scores: 1 of 2 are NaN"),
    ],
)
def test_what_cannot_be_is_refused(call: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        call()  # type: ignore[operator]

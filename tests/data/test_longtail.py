from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from askew.data.longtail import kept_shares, long_tail
from askew.errors import InputError


def counts(labels, rows, n_classes):
    return np.bincount(labels[rows], minlength=n_classes).tolist()


def test_cifar_at_a_tenth_as_in_the_thesis():
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 5000))
    cut = long_tail(labels, imbalance=0.1, n_classes=10, seed=3)
    assert counts(labels, cut.initial, 10) == [500] * 10
    assert counts(labels, cut.pool_items, 10) == [4500] * 5 + [450] * 5
    assert len(np.intersect1d(cut.initial, cut.pool_items)) == 0


def test_an_odd_number_of_classes_cuts_the_smaller_half():
    assert kept_shares(5, 0.3, "step").tolist() == [1, 1, 1, 0.3, 0.3]


def test_exponential_falls_to_the_imbalance_factor():
    labels = np.repeat(np.arange(3), 110)
    cut = long_tail(labels, imbalance=0.01, kind="exponential", n_classes=3, n_initial=30, seed=0)
    assert counts(labels, cut.pool_items, 3) == [100, 10, 1]


def test_named_rare_classes():
    labels = np.repeat(np.arange(4), 30)
    cut = long_tail(labels, imbalance=0.5, n_classes=4, n_initial=40, rare_classes=[0, 2], seed=0)
    assert counts(labels, cut.pool_items, 4) == [10, 20, 10, 20]


def test_a_number_that_does_not_divide_gives_one_more_to_some():
    labels = np.repeat(np.arange(3), 20)
    cut = long_tail(labels, imbalance=1, n_classes=3, n_initial=11, seed=0)
    assert sorted(counts(labels, cut.initial, 3)) == [3, 4, 4]
    assert len(cut.pool_items) == 49


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(4, 40), min_size=2, max_size=6),
    imbalance=st.floats(0.02, 1),
    kind=st.sampled_from(["step", "exponential"]),
    seed=st.integers(0, 1000),
)
def test_every_class_keeps_its_share_and_the_same_seed_the_same_rows(sizes, imbalance, kind, seed):
    n_classes = len(sizes)
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(n_classes), sizes))
    cut, again = (
        long_tail(labels, imbalance=imbalance, kind=kind, n_classes=n_classes, n_initial=2 * n_classes, seed=seed)
        for _ in range(2)
    )
    assert np.array_equal(cut.initial, again.initial)
    assert np.array_equal(cut.pool_items, again.pool_items)
    both = np.concatenate([cut.initial, cut.pool_items])
    assert len(np.unique(both)) == len(both)
    assert np.array_equal(cut.pool_items, np.sort(cut.pool_items))
    shares = kept_shares(n_classes, imbalance, kind)
    for c, size in enumerate(sizes):
        assert counts(labels, cut.initial, n_classes)[c] == 2
        kept = counts(labels, cut.pool_items, n_classes)[c]
        assert kept == max(1, round(shares[c] * (size - 2)))


def test_other_seeds_draw_other_items():
    labels = np.repeat(np.arange(2), 100)
    cuts = [long_tail(labels, imbalance=0.1, n_classes=2, seed=s) for s in range(2)]
    assert not np.array_equal(cuts[0].initial, cuts[1].initial)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"imbalance": 0}, "imbalance: above 0"),
        ({"imbalance": 1.5}, "got 1.5"),
        ({"imbalance": float("nan")}, "imbalance"),
        ({"kind": "steps"}, "did you mean 'step'"),
        ({"n_initial": 81}, "n_initial: from 0 to the 80 items, got 81"),
        ({"n_initial": 50}, "25 items of class 1 are to be initial, it has 20"),
        ({"initial_fraction": 1.0}, "initial_fraction"),
        ({"rare_classes": [2]}, "2 is outside the 2 classes"),
        ({"kind": "exponential", "rare_classes": [0]}, "only a step"),
        ({"n_classes": 1}, "classes from 0 to 0"),
    ],
)
def test_bad_parameters_are_named(changes, message):
    labels = np.repeat([0, 1], [60, 20])
    with pytest.raises(InputError, match=message):
        long_tail(labels, **{"imbalance": 0.5, "n_classes": 2, "seed": 0, **changes})

"""DIRECT against its definition: rows written out by hand, and the walk of the paper from item to item, replayed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askew.errors import InputError
from askew.query import query
from askew.strategies.direct import _in_doubt, _nearest, _threshold

UNKNOWN = -1


def two_classes(first):
    """Probabilities of two classes, of which the first has these."""
    return np.stack([np.array(first), 1 - np.array(first)], axis=1)


def test_by_hand_without_an_error_the_doubt_lies_between_the_last_label_and_the_first_of_another():
    """Row of class 0: 0 1 | 2 3 4 5 | 6 7 with labels 0 at item 1 and 1 at item 6; class 1 is rarer by item 0."""
    probs = two_classes([0.9, 0.8, 0.7, 0.65, 0.6, 0.4, 0.3, 0.2])
    labels = np.array([0, 0, -1, -1, -1, -1, 1, -1])
    found = [query("direct", 2, probs=probs, labels=labels, seed=seed).tolist() for seed in range(60)]
    assert {f[0] for f in found} == {2, 3, 4, 5}  # drawn from the doubt of class 1, in any of its places
    # the row of class 0 begins its threshold behind item 1; that of class 1, read from the end, behind item 6
    assert {f[1] for f in found if f[0] in (3, 4)} == {2, 5}
    assert {f[1] for f in found if f[0] == 2} == {3, 5}


@pytest.mark.parametrize(
    ("labels", "doubt", "threshold"),
    [
        ([-1, 1, -1, 0, -1], (2, 3), 2),
        ([-1, 1, -1, 0, 1, -1, 0], (2, 6), 2),  # one error at 2, one at 5: the first of equal ones
        ([1, -1, 0, 1, 1, -1, 0], (1, 6), 5),
        ([-1, 0, -1, 1, -1], (0, 5), 0),
        ([-1, -1, 0, 2], (0, 2), 0),  # no label of the class
        ([-1, 1, 1, -1], (3, 4), 3),  # of no other class
        ([-1, -1, -1], (0, 3), 0),
    ],
)
def test_doubt_and_threshold_by_hand(labels, doubt, threshold):
    assert _in_doubt(np.array(labels), 1) == slice(*doubt)
    assert _threshold(np.array(labels), 1) == threshold


def test_nearest_by_hand():
    free = np.array([True, False, True, True, False, True])
    assert _nearest(free, 3, 4).tolist() == [2, 3, 0, 5]
    assert _nearest(free, 0, 3).tolist() == [0, 2, 3]
    assert _nearest(free, 6, 3).tolist() == [5, 3, 2]


def test_before_any_label_the_most_probable_items_of_each_class_are_at_its_threshold():
    probs = np.array([[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.4, 0.3, 0.3], [0.3, 0.4, 0.3]])
    assert {int(query("direct", 1, probs=probs, seed=s)[0]) for s in range(40)} == {0, 1, 2}


def test_equal_items_are_settled_by_the_seed():
    probs = np.full((6, 2), 0.5)
    assert {int(query("direct", 1, probs=probs, labels=[-1, 0, -1, -1, 1, -1], seed=s)[0]) for s in range(60)} == {
        *(0, 2, 3, 5)
    }


@pytest.mark.parametrize(
    ("n", "least", "asked"), [(9, 5, {2}), (9, 3, {2}), (9, 2, {2, 1}), (7, 2, {2}), (7, 1, {2, 1, 0})]
)
def test_half_goes_to_as_many_of_the_rarest_classes_as_get_the_least(n, least, asked):
    """In the row of each of the first three classes its own 20 items come first, then the last class, all labelled."""
    of = np.repeat(np.arange(4), 20)
    probs = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [0.1, 0.1, 0.7, 0.1], [0.2, 0.2, 0.2, 0.4]])[of]
    labels = np.where(of == 3, 3, UNKNOWN)
    for k, count in enumerate((12, 7, 2)):
        labels[20 * k : 20 * k + count] = k
    probs[labels < 0] = probs[labels < 0] * 0.9 + 0.025  # behind the labelled ones of their class
    for seed in range(5):
        chosen = query("direct", n, probs=probs, labels=labels, least=least, seed=seed)
        counts = np.bincount(of[chosen[: n // 2]], minlength=4)
        assert set(np.flatnonzero(counts).tolist()) == asked
        assert counts[counts > 0].max() - counts[counts > 0].min() <= 1


def row_of(probs, k):
    return sorted(range(len(probs)), key=lambda i: (-(probs[i, k] - probs[i].max()), -probs[i, k]))


def doubt_of(row, labels, k):
    """The walk of the paper: down from the top to the first error, up from the end to the first error."""
    low, high = -1, len(row)
    for place in range(len(row)):
        if labels[row[place]] not in (UNKNOWN, k):
            break
        if labels[row[place]] == k:
            low = place
    for place in reversed(range(len(row))):
        if labels[row[place]] == k:
            break
        if labels[row[place]] != UNKNOWN:
            high = place
    return row[low + 1 : high]


def around(row, labels, k, taken, count):
    """Tries every threshold, and walks away from the best to both sides, a step on each in turn."""

    def agreeing(cut):
        return sum(labels[i] == k for i in row[:cut]) + sum(labels[i] not in (UNKNOWN, k) for i in row[cut:])

    best = max(range(len(row) + 1), key=agreeing)
    steps = itertools.chain.from_iterable((best - 1 - d, best + d) for d in range(len(row) + 1))
    walk = [row[place] for place in steps if 0 <= place < len(row)]
    return [i for i in walk if labels[i] == UNKNOWN and i not in taken][:count]


def parts(total, n_parts):
    return [len(range(part, total, n_parts)) for part in range(n_parts)]


@given(
    st.integers(8, 40),
    st.integers(2, 4),
    st.integers(1, 4),
    st.floats(0, 0.9),
    st.floats(0.02, 1),
    st.integers(0, 2**32 - 1),
)
def test_is_the_walk_of_the_paper(n_items, n_classes, least, share_labeled, share_asked, seed):
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet([0.7] * n_classes, n_items)
    truth = np.array([rng.choice(n_classes, p=p) for p in probs])
    labels = np.where(rng.random(n_items) < share_labeled, truth, UNKNOWN)
    labels[rng.integers(n_items)] = UNKNOWN
    n = max(1, int(share_asked * (labels == UNKNOWN).sum()))
    chosen = query("direct", n, probs=probs, labels=labels, least=least, seed=int(rng.integers(1000))).tolist()
    counts = [int((labels == k).sum()) for k in range(n_classes)]
    rows = [row_of(probs, k) for k in range(n_classes)]
    n_rare = min(n_classes, max(1, n // 2 // least))

    def drawn(order):
        """How many picks are those of this order of the rarest classes; None if they are not."""
        done = 0
        for k, part in zip(order, parts(n // 2, n_rare), strict=True):
            left = {i for i in doubt_of(rows[k], labels, k) if labels[i] == UNKNOWN} - set(chosen[:done])
            part = min(part, len(left))
            if not set(chosen[done : done + part]) <= left:
                return None
            done += part
        return done

    def explained(order, done):
        at = done
        for k, part in zip(order, parts(n - done, n_classes), strict=True):
            if chosen[at : at + part] != around(rows[k], labels, k, set(chosen[:at]), part):
                return False
            at += part
        return at == n

    rarest = [o[:n_rare] for o in itertools.permutations(range(n_classes)) if sorted(counts) == [counts[k] for k in o]]
    starts = {done for order in rarest if (done := drawn(order)) is not None}
    orders = list(itertools.permutations(range(n_classes)))
    assert any(explained(order, done) for done in starts for order in orders)


def test_a_rare_class_gets_more_than_its_share():
    """Of 1,000 items 2% are rare; the model sees them dimly. Random asks 2%; around the threshold there are more."""
    rng = np.random.default_rng(1)
    truth = (rng.random(1000) < 0.02).astype(int)
    seen = 1 / (1 + np.exp(-(2.5 * truth - 2 + rng.standard_normal(1000))))
    labels = np.full(1000, -1)
    known = np.concatenate([np.flatnonzero(truth == 1)[:3], np.flatnonzero(truth == 0)[:40]])
    labels[known] = truth[known]
    shares = [truth[query("direct", 50, probs=two_classes(1 - seen), labels=labels, seed=s)].mean() for s in range(10)]
    assert np.mean(shares) > 0.06


@pytest.mark.parametrize("least", [0, -1, 1.5, True, "5"])
def test_a_least_that_is_no_number_of_picks_is_refused(least):
    with pytest.raises(InputError, match=r"least: .*a whole number from 1"):
        query("direct", 2, probs=two_classes([0.2, 0.5, 0.7]), least=least)


def test_it_cannot_be_balanced():
    with pytest.raises(InputError, match="balance"):
        query("direct", 2, probs=two_classes([0.2, 0.5, 0.7]), balance=1.0)

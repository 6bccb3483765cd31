"""Core-set against brute force over all choices, and what it says it proved when it is stopped early."""

from __future__ import annotations

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from askew.errors import InputError
from askew.plan import Plan
from askew.pool import Pool
from askew.predictions import Predictions
from askew.query import query, select
from askew.strategies import coreset as module
from askew.strategies.proof import Proved


def radius_of(features, labels, chosen, spare):
    """The distance within which all but `spare` unlabeled items are of a centre, by sorting."""
    apart = cdist(np.asarray(features, dtype=np.float64), np.asarray(features, dtype=np.float64))
    centres = [*np.flatnonzero(np.asarray(labels) >= 0).tolist(), *chosen]
    near = np.sort(apart[np.ix_(np.flatnonzero(np.asarray(labels) < 0), centres)].min(axis=1))[::-1]
    return near[spare] if spare < len(near) else 0.0


def smallest(features, labels, n, spare):
    unlabeled = np.flatnonzero(np.asarray(labels) < 0).tolist()
    return min(radius_of(features, labels, chosen, spare) for chosen in combinations(unlabeled, n))


def proof_of(features, labels, n, seed=0, **own):
    pred = Predictions(features=np.asarray(features))
    selection = select(Plan("coreset", own), n, pred, Pool(np.asarray(labels)), seed=seed)
    return selection.chosen.tolist(), selection.proof


def test_by_hand_on_a_line():
    """Two balls hold 0 1 2 and 10 11 12; the greedy picks, ends of the line, have twice the radius."""
    features = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]])
    chosen, proof = proof_of(features, [-1] * 6, 2)
    assert sorted(chosen) == [1, 4]
    assert (proof.value, proof.bound, proof.gap, proof.stopped) == (1.0, 1.0, 0.0, "")


def test_an_outlier_by_hand():
    """Without a spare item a ball goes to the one at 100, and the other six share one."""
    features = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0], [100.0]])
    none, proof = proof_of(features, [-1] * 7, 2, outliers=0)
    assert 6 in none
    assert proof.value == 10.0
    one, proof = proof_of(features, [-1] * 7, 2, outliers=1)
    assert sorted(one) == [1, 4]
    assert proof.value == 1.0
    assert proof_of(features, [-1] * 7, 2, outliers=0.15)[1].value == 1.0


def small(kind, rng):
    return {
        "normal": rng.standard_normal((13, 3)),
        "grid": rng.integers(4, size=(13, 2)).astype(float),
        "duplicates": np.repeat(rng.standard_normal((5, 2)), 3, axis=0)[rng.permutation(15)[:13]],
        "groups": 10 * rng.integers(3, size=(13, 2)) + rng.random((13, 2)),
    }[kind]


@pytest.mark.parametrize("kind", ["normal", "grid", "duplicates", "groups"])
@pytest.mark.parametrize("spare", [0, 1, 3])
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_the_radius_is_that_of_brute_force(kind, spare, share):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        features = small(kind, rng)
        labels = np.where(rng.random(13) < share, 0, -1)
        labels[rng.integers(13)] = -1
        n = int(rng.integers(1, min(4, (labels < 0).sum()) + 1))
        chosen, proof = proof_of(features, labels, n, seed=seed, outliers=spare)
        assert proof.value == pytest.approx(smallest(features, labels, n, spare), rel=1e-12, abs=1e-12)
        assert radius_of(features, labels, chosen, spare) == pytest.approx(proof.value, rel=1e-12, abs=1e-12)
        assert proof.gap == 0
        assert len(set(chosen)) == n
        assert (labels[chosen] < 0).all()


def test_each_stage_alone_keeps_what_is_true(monkeypatch):
    """Bounds hold whichever of greedy covers, linear programs and HiGHS is taken away, and some cases need each."""
    rng = np.random.default_rng(3)
    cases = [(rng.standard_normal((12, 2)), int(rng.integers(1, 4)), int(rng.integers(0, 3))) for _ in range(25)]
    truth = [smallest(x, [-1] * 12, n, spare) for x, n, spare in cases]
    open_cases = {}
    for stage in ("_cover", "_relaxed", "_exact"):
        with monkeypatch.context() as patch:
            patch.setattr(module.Search, stage, lambda *_: None)
            proofs = [proof_of(x, [-1] * 12, n, outliers=spare)[1] for x, n, spare in cases]
        for proof, least in zip(proofs, truth, strict=True):
            assert proof.bound <= least * (1 + 1e-12)
            assert least * (1 - 1e-12) <= proof.value
        open_cases[stage] = sum(proof.gap > 0 for proof in proofs)
    assert open_cases["_cover"] == open_cases["_relaxed"] == 0
    assert open_cases["_exact"] > 0


def test_the_gap_at_which_it_stops_holds():
    """At a limit that is over at once the picks are the greedy ones, within twice the smallest radius."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((14, 2))
    least = smallest(x, [-1] * 14, 3, 0)
    for own, stopped in (({"time_limit_s": 1e-9}, "the time limit"), ({"most_pairs": 0}, "more than 0 pairs")):
        chosen, proof = proof_of(x, [-1] * 14, 3, **own)
        assert proof.stopped.startswith(stopped)
        assert proof.bound <= least <= proof.value <= 2 * proof.bound * (1 + 1e-9)
        assert proof.value > proof.bound
        assert radius_of(x, [-1] * 14, chosen, 0) == pytest.approx(proof.value)
        assert f"gap {100 * proof.gap:.3g}% at {proof.stopped}" in proof.line()
    assert proof_of(x, [-1] * 14, 3)[1].line().startswith(f"radius {least:.6g}: proved optimal")


@pytest.mark.parametrize("beyond", [0.5, 3.0])
def test_programs_that_end_late_are_not_begun_when_they_would_pass_the_limit(monkeypatch, beyond):
    """By a clock that HiGHS alone moves: each program takes all of its own limit and some seconds more."""
    clock, calls = [100.0], []

    def late(*_, options, **__):
        calls.append(options["time_limit"])
        clock[0] += options["time_limit"] + beyond
        return SimpleNamespace(status=1, x=None)

    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr("scipy.optimize.milp", late)
    x = np.random.default_rng(2).standard_normal((40, 2))
    _, proof = proof_of(x, [-1] * 40, 4, time_limit_s=10.0)
    assert len(calls) >= 2
    assert proof.stopped == "the time limit"
    assert 5 < proof.seconds <= 10


@pytest.mark.parametrize("n", [1, 5, 8])
def test_items_that_are_all_equal(n):
    labels = [-1, 0, -1, -1, -1, -1, -1, -1, -1]
    chosen, proof = proof_of(np.full((9, 2), 0.1), labels, n)
    assert len(set(chosen)) == n
    assert (proof.value, proof.bound, proof.gap) == (0, 0, 0)


def test_every_item_may_be_asked_or_be_an_outlier():
    x = np.random.default_rng(0).standard_normal((9, 2))
    assert proof_of(x, [-1] * 9, 9)[1].value == 0
    assert proof_of(x, [-1] * 9, 2, outliers=9)[1].value == 0
    assert proof_of(x, [-1] * 9, 2, outliers=7)[1].value == 0
    assert proof_of(x, [-1] * 9, 2, outliers=6)[1].value > 0


def test_more_items_than_a_tile_and_the_size_of_features(monkeypatch):
    rng = np.random.default_rng(5)
    x, labels = rng.standard_normal((60, 2)), np.where(rng.random(60) < 0.1, 1, -1)
    chosen, proof = proof_of(x, labels, 12)
    monkeypatch.setattr(module, "TILE", 7)
    assert proof_of(x, labels, 12)[0] == chosen
    for size in (2.0**200, 2.0**-200):
        again, scaled = proof_of(x * size, labels, 12)
        assert again == chosen
        assert (scaled.value, scaled.bound) == (proof.value * size, proof.bound * size)


def test_labelled_items_scattered_through_the_pool_cover_it():
    """The labelled ones lie between the others, and a pool of theirs alone at the end gives the same radius."""
    rng = np.random.default_rng(4)
    x, labels = rng.standard_normal((30, 2)), np.where(np.arange(30) % 3 == 1, 2, -1)
    _, proof = proof_of(x, labels, 2)
    assert proof.value == pytest.approx(smallest(x, labels, 2, 0), rel=1e-12)
    order = np.argsort(labels, kind="stable")
    assert proof_of(x[order], labels[order], 2)[1].value == pytest.approx(proof.value, rel=1e-12)
    assert proof.value < proof_of(x, [-1] * 30, 2)[1].value


def test_the_seed_settles_which_of_equal_choices():
    features = np.array([[0.0], [1.0]])
    assert {proof_of(features, [-1, -1], 1, seed=s)[0][0] for s in range(20)} == {0, 1}
    x = np.random.default_rng(1).standard_normal((80, 3))
    assert proof_of(x, [-1] * 80, 10, seed=4)[0] == proof_of(x, [-1] * 80, 10, seed=4)[0]


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"outliers": -1}, "outliers: -1: expected"),
        ({"outliers": 1.5}, "outliers: 1.5: expected"),
        ({"time_limit_s": 0}, "time_limit_s: 0: expected seconds"),
        ({"most_pairs": 0.5}, "most_pairs: 0.5: expected"),
        ({"balance": 0.5, "probs": np.full((3, 2), 0.5)}, "balance"),
    ],
)
def test_wrong_parameters(own, said):
    with pytest.raises(InputError, match=said):
        query("coreset", 1, features=np.eye(3), **own)


def test_distances_that_leave_float64_are_refused():
    with pytest.raises(InputError, match="features: distances leave the range of float64"):
        query("coreset", 1, features=np.array([[-1.7e308], [1.7e308]]))


def test_the_record_is_what_was_proved():
    proof = Proved(np.array([3]), "radius", 4.0, 3.0, 1.5, "the time limit")
    assert proof.record() == {
        "quantity": "radius",
        "value": 4.0,
        "bound": 3.0,
        "seconds": 1.5,
        "stopped": "the time limit",
        "gap": 0.25,
    }

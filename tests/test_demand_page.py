"""The page on coverage weighted by demand says no more than its record does."""

from __future__ import annotations

import itertools

import demand_page as page
import numpy as np
import pytest

import askew
from askew.pool import Pool


@pytest.fixture(scope="module")
def held():
    return page.record()


def by_hand(cell, ours, rival):
    """The areas by the trapezoid rule, seed by seed, and Student's t for ten of them."""
    area = [
        sum((a + b) / 2 for a, b in itertools.pairwise(curve)) / (len(curve) - 1)
        for seed in cell.values()
        for curve in [np.subtract(seed[ours]["balanced_accuracy"], seed[rival]["balanced_accuracy"])]
    ]
    half = 2.262157 * np.std(area, ddof=1) / np.sqrt(len(area))
    return 100 * np.mean(area), 100 * half


def test_it_was_judged_by_ten_seeds_on_other_data_and_is_the_best_of_those_tried(held):
    judged = held["judge"]
    assert {name.split("/")[0] for name in judged}.isdisjoint(name.split("/")[0] for name in held["find"])
    wanted = {*page.RIVALS, held["judged"]}
    for cell in judged.values():
        assert len(cell) == 10
        for seed in cell.values():
            assert set(seed) == wanted
            assert len({curve["accuracy"][0] for curve in seed.values()}) == 1  # the same start for all
    means = {form: np.mean(gains) for form, gains in page.means(held).items()}
    assert max(means, key=means.get) == held["judged"]
    assert means["plain"] == 0


def test_gains_are_those_by_hand(held):
    for cell in held["judge"].values():
        for rival in page.RIVALS:
            mean, half = by_hand(cell, held["judged"], rival)
            found = page.gain(cell, held["judged"], rival)
            assert found.mean == pytest.approx(mean)
            assert (found.high - found.low) / 2 == pytest.approx(half, rel=1e-5)
            assert found.sign == int(mean > half) - int(mean < -half)


def test_that_it_does_not_win_is_what_was_measured(held):
    balanced = [by_hand(cell, held["judged"], "uherding+balance") for cell in held["judge"].values()]
    assert not any(mean > half for mean, half in balanced)
    assert "does not win" in page.page()
    assert not {held["judged"], "demand_coverage"} & set(askew.strategies())


def test_forms_pick_what_uherding_does_and_what_they_are_defined_as():
    pytest.importorskip("torch")
    import demand_coverage as bench

    for seed in range(3):
        rng = np.random.default_rng(seed)
        truth = rng.integers(3, size=90)
        x = rng.standard_normal((3, 4))[truth] + rng.standard_normal((90, 4))
        probs, labels = rng.dirichlet(np.ones(3), 90), np.full(90, -1)
        known = rng.permutation(90)[:12]
        labels[known] = truth[known]
        asked = bench.Asked(x, probs, Pool(labels), 10)
        plain = askew.query("uherding", 10, features=x, probs=probs, labels=labels)
        assert bench.picks(bench.FORMS["plain"], asked).tolist() == plain.tolist()
        for name in ("demand", "falling", "even floor", "falling floor even", "demand wide"):
            form = bench.FORMS[name]
            assert bench.picks(form, asked).tolist() == bench.slowly(form, asked).tolist()

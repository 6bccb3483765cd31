"""VAAL's score, alone and in Eq. 4.9, against every selection that there is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import askew
from askew.pool import Pool
from askew.predictions import Predictions
from askew.strategies.vaal import vaal


def test_the_least_likely_to_be_labelled_comes_first():
    u = np.array([0.9, 0.2, 0.5, 0.05], dtype=np.float32)
    scores = vaal(Predictions(labeled_likeness=u), Pool.without_labels(4))
    assert scores.dtype == np.float32
    assert scores.tolist() == (-u).tolist()
    assert askew.query("vaal", 3, labels=[-1, -1, -1, 0], labeled_likeness=u).tolist() == [1, 2, 0]


def test_who_forgets_the_field_is_told_what_gives_it():
    with pytest.raises(askew.InputError, match=r"vaal needs labeled_likeness.*askew\.labeled_likeness\(images"):
        askew.query("vaal", 1, labels=[-1, 0])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("weight", [0.05, 0.3, 2.0])
def test_with_balance_it_is_the_minimum_of_equation_4_9(seed, weight):
    rng = np.random.default_rng(seed)
    n, n_classes = 3, 3
    u, probs = rng.random(10), rng.dirichlet(np.full(n_classes, 0.4), 10)
    labels = np.full(10, -1)
    labels[:4] = [0, 0, 0, 1]
    omega = np.maximum((n + 4) / n_classes - np.array([3, 1, 0]), 0)

    def objective(chosen):
        return u[list(chosen)].sum() + weight * np.abs(omega - probs[list(chosen)].sum(axis=0)).sum()

    best = min(itertools.combinations(range(4, 10), n), key=objective)
    found = askew.query("vaal", n, labels=labels, labeled_likeness=u, probs=probs, balance=weight, details=True)
    assert found.objective == pytest.approx(objective(found.chosen))
    assert found.bound - 1e-9 <= objective(best) <= found.objective + 1e-9
    assert objective(found.chosen) <= objective(best) + max(1.0, abs(found.objective)) * found.gap + 1e-9


def test_on_a_long_tail_balance_asks_the_rare_classes_that_vaal_alone_passes_by():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], [90, 30])
    u = np.where(truth == 0, 0.2, 0.4) + 0.1 * rng.random(120)
    probs = np.where(np.arange(2) == truth[:, None], 0.9, 0.1)
    labels = np.full(120, -1)
    labels[:20] = 0
    labels[-2:] = 1
    plain, balanced = (
        askew.query("vaal", 20, labels=labels, labeled_likeness=u, probs=probs, balance=weight)
        for weight in (None, 1.0)
    )
    assert truth[plain].sum() == 0
    assert truth[balanced].sum() == 20

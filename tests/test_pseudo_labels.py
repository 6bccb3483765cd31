"""Which items get pseudo-labels: by hand, ties by draw, CEAL's threshold cycle by cycle, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from askew.errors import InputError
from askew.pseudo_labels import PseudoLabels, below, most_certain

NAN = np.nan


def test_the_most_certain_are_those_of_lowest_uncertainty_and_labelled_items_are_not_to_be_had() -> None:
    uncertainty = np.array([0.5, NAN, 0.1, 0.9, 0.2, NAN, 0.0])
    rng = np.random.default_rng(0)
    assert most_certain(uncertainty, 3, rng).tolist() == [2, 4, 6]
    assert most_certain(uncertainty, 5, rng).tolist() == [0, 2, 3, 4, 6]
    assert most_certain(uncertainty, 0, rng).tolist() == []
    with pytest.raises(InputError, match=r"6 items wanted, 5 are unlabeled: take a smaller share"):
        most_certain(uncertainty, 6, rng)


def test_ties_on_the_border_are_drawn_by_seed_and_not_by_place() -> None:
    uncertainty = np.array([0.0] * 10 + [-1.0] * 2 + [0.5] * 3)
    found = [most_certain(uncertainty, 5, np.random.default_rng(seed)) for seed in range(200)]
    assert all({10, 11} <= set(one.tolist()) and one.max() < 12 for one in found)
    assert np.array_equal(found[3], most_certain(uncertainty, 5, np.random.default_rng(3)))
    counts = np.bincount(np.concatenate(found), minlength=15)[:10]
    assert counts.min() > 30  # of 200 draws of 3 of 10: 60 expected
    assert counts.max() < 95


def test_below_a_threshold_is_strictly_below_it() -> None:
    assert below(np.array([0.3, NAN, 0.1, 0.2, 0.0]), 0.2).tolist() == [2, 4]
    assert below(np.array([0.0, NAN]), 0.0).tolist() == []


def test_ceals_threshold_falls_by_the_same_amount_from_its_first_selection_on() -> None:
    ceal = PseudoLabels("one", "entropy", threshold=0.05, decay=0.0033)
    assert [round(ceal.threshold_in(cycle), 4) for cycle in range(5)] == [0.05, 0.05, 0.0467, 0.0434, 0.0401]
    assert PseudoLabels("one", "entropy", threshold=0.05, decay=0.0033).threshold_in(17) < 0
    entropy = np.array([0.048, 0.045, NAN, 0.2])
    chosen = [ceal.chosen(entropy, cycle, np.random.default_rng(0)).tolist() for cycle in (1, 2, 3)]
    assert chosen == [[0, 1], [1], []]


@pytest.mark.parametrize(
    ("share", "n", "count"), [(0.1, 50_000, 5000), (0.25, 50_000, 12_500), (0.1, 33, 3), (0, 9, 0)]
)
def test_a_share_is_of_the_whole_pool(share: float, n: int, count: int) -> None:
    assert PseudoLabels(share=share).count(n) == count
    assert PseudoLabels("one", "entropy", threshold=0.1).count(n) is None


def test_the_share_decides_how_many_whatever_the_cycle() -> None:
    uncertainty = np.arange(20.0)
    for cycle in range(3):
        assert PseudoLabels(share=0.2).chosen(uncertainty, cycle, np.random.default_rng(0)).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"share": 0.1}, "two-dispersion-10"),
        ({"share": 0.25, "certainty": "entropy"}, "two-entropy-25"),
        ({"share": 0.125}, "two-dispersion-12.5"),
        ({"models": "one", "certainty": "entropy", "share": 0.1}, "ceal-10"),
        ({"models": "one", "certainty": "entropy", "threshold": 0.05}, "ceal"),
    ],
)
def test_names_tell_models_certainty_and_share(settings: dict[str, Any], name: str) -> None:
    found = PseudoLabels(**settings)
    assert found.name == name
    assert PseudoLabels(**json.loads(json.dumps(found.record()))) == found


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "expected a share or a threshold"),
        ({"share": 0.1, "models": "one", "certainty": "entropy", "threshold": 0.1}, "and not both"),
        ({"share": 1.0}, "from 0 to below 1, got 1.0"),
        ({"share": -0.1}, "got -0.1"),
        ({"share": True}, "got True"),
        ({"share": 0.1, "models": "three"}, "three"),
        ({"share": 0.1, "certainty": "margin"}, "margin"),
        ({"share": 0.1, "decay": 0.1}, "decay: is for a threshold"),
        ({"threshold": 0.1}, r"threshold: is for one model \(CEAL\)"),
        ({"models": "one", "share": 0.1}, "one model .* is certain by entropy"),
        ({"models": "one", "certainty": "entropy", "threshold": 0}, "above 0, in nats, got 0"),
        ({"models": "one", "certainty": "entropy", "threshold": float("inf")}, "got inf"),
        ({"models": "one", "certainty": "entropy", "threshold": 0.1, "decay": -1}, "decay: expected a number from 0"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as error:
        PseudoLabels(**settings)
    assert "\n" not in str(error.value)


def test_a_share_has_no_threshold() -> None:
    with pytest.raises(InputError, match="the share decides"):
        PseudoLabels(share=0.1).threshold_in(1)

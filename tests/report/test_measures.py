"""Measures: cases worked by hand, references written differently, and the coverage that an interval promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from askew.errors import InputError
from askew.report.measures import (
    Curves,
    Estimate,
    area,
    area_gain,
    complete,
    interval,
    mean_std_at,
    paired,
    paired_gain,
    relative_to_full,
)
from askew.report.savings import isotonic, label_savings

NAN = float("nan")


def curves(counts: list[int], *rows: list[float], seeds: list[int] | None = None) -> Curves:
    return Curves(np.array(counts), np.array(rows, dtype=float), np.array(seeds or range(len(rows))))


def test_mean_and_deviation_use_the_seeds_that_are_there() -> None:
    mean, std, n = mean_std_at(curves([10, 20, 30], [1.0, 4.0, NAN], [3.0, NAN, NAN], [2.0, 6.0, NAN]))
    np.testing.assert_allclose(mean[:2], [2.0, 5.0])
    np.testing.assert_allclose(std[:2], [1.0, 2**0.5])
    assert np.isnan(mean[2])
    assert np.isnan(std[2])
    assert n.tolist() == [3, 2, 0]


def test_interval_is_students_t() -> None:
    mean, low, high, n = interval(np.array([[1.0, 5.0], [2.0, NAN], [3.0, NAN], [6.0, NAN]]))
    # by hand: mean 3, squares 4 + 1 + 0 + 9 = 14, s = sqrt(14 / 3), t(0.975, 3) = 3.182446
    half = 3.182446 * (14 / 3) ** 0.5 / 2
    assert mean[0] == pytest.approx(3.0)
    assert (low[0], high[0]) == (pytest.approx(3 - half, abs=1e-5), pytest.approx(3 + half, abs=1e-5))
    assert n.tolist() == [4, 1]
    assert np.isnan(low[1])
    assert np.isnan(high[1])


def test_paired_gain_goes_by_seed_and_not_by_row() -> None:
    a = curves([100, 200], [0.60, 0.70], [0.50, 0.65], seeds=[3, 1])
    b = curves([50, 100, 200], [0.1, 0.45, 0.60], [0.1, 0.58, 0.69], [0.1, 0.2, 0.3], seeds=[1, 3, 9])
    gain = paired_gain(a, b)
    assert gain.n_labeled.tolist() == [100, 200]
    np.testing.assert_allclose(gain.mean, [(0.02 + 0.05) / 2, (0.01 + 0.05) / 2])
    assert gain.n_seeds.tolist() == [2, 2]
    # t(0.975, 1) = 12.7062; the differences .02 and .05 have s = .03 / sqrt 2
    assert gain.high[0] - gain.mean[0] == pytest.approx(12.7062 * 0.03 / 2, rel=1e-5)


def test_pairing_takes_out_what_the_seed_gives_to_both() -> None:
    rng = np.random.default_rng(0)
    seed_effect = rng.normal(0, 0.1, (8, 1))
    base = 0.5 + seed_effect + np.zeros((8, 3))
    gain = paired_gain(
        Curves(np.arange(1, 4), base + 0.01 + rng.normal(0, 0.001, (8, 3)), np.arange(8)),
        Curves(np.arange(1, 4), base, np.arange(8)),
    )
    assert all(gain.at(k).sign == 1 for k in range(3))


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (curves([1], [0.5], seeds=[0]), curves([1], [0.5], seeds=[1]), "no seed in common"),
        (curves([1], [0.5]), curves([2], [0.5]), "no label count in common"),
    ],
)
def test_nothing_in_common_is_an_error(a: Curves, b: Curves, message: str) -> None:
    with pytest.raises(InputError, match=message):
        paired(a, b)


def test_curves_refuse_what_does_not_fit() -> None:
    with pytest.raises(InputError, match="ascending"):
        curves([20, 10], [0.1, 0.2])
    with pytest.raises(InputError, match="one column for each of 3 label counts"):
        curves([10, 20, 30], [0.1, 0.2])


@pytest.mark.parametrize(
    ("low", "high", "sign"), [(0.1, 0.2, 1), (-0.2, -0.1, -1), (-0.1, 0.1, 0), (NAN, NAN, 0), (0, 1, 0)]
)
def test_a_gain_is_one_only_if_the_interval_leaves_out_zero(low: float, high: float, sign: int) -> None:
    assert Estimate(0.05, low, high, 3).sign == sign
    assert Estimate(0.05, low, high, 2).sign == 0


def test_area_by_hand() -> None:
    # (0.5 + 0.7) / 2 · 100 + (0.7 + 0.9) / 2 · 300 = 60 + 240, over 400
    np.testing.assert_allclose(area(curves([100, 200, 500], [0.5, 0.7, 0.9], [0.5, NAN, 0.9])), [0.75, NAN])
    np.testing.assert_allclose(area(curves([100], [0.4])), [0.4])


def test_area_gain_by_hand() -> None:
    a = curves([0, 10, 20], [0.0, 0.2, 0.4], [0.0, 0.4, 0.4])
    b = curves([0, 10, 20], [0.0, 0.1, 0.3], [0.0, 0.1, 0.3])
    gain = area_gain(a, b)  # areas: .2 - .125 = .075 and .3 - .125 = .175
    assert gain.mean == pytest.approx(0.125)
    assert gain.high - gain.mean == pytest.approx(12.7062 * 0.05, rel=1e-5)


def test_unfinished_seeds_are_left_out_once_two_have_finished() -> None:
    values = np.array([[0.5, 0.6, 0.7], [0.5, 0.6, 0.7], [0.9, NAN, NAN]])
    rows, columns = complete(values)
    assert (rows.tolist(), columns.tolist()) == ([True, True, False], [True, True, True])
    rows, columns = complete(np.array([[0.5, 0.6, 0.7], [0.5, 0.6, NAN], [NAN, NAN, NAN]]))
    assert (rows.tolist(), columns.tolist()) == ([True, True, False], [True, True, False])
    rows, columns = complete(np.full((2, 2), NAN))
    assert not columns.any()


def test_relative_to_full_pairs_by_seed_and_falls_back_on_the_mean() -> None:
    full = curves([900], [0.8], [1.0], seeds=[0, 1])
    share = relative_to_full(curves([10], [0.4], [0.5], [0.45], seeds=[0, 1, 7]), full)
    np.testing.assert_allclose(share.values, [[0.5], [0.5], [0.5]])


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_isotonic_is_the_least_squares_rising_curve(values: list[float]) -> None:
    expected = IsotonicRegression().fit_transform(np.arange(len(values)), np.array(values))
    np.testing.assert_allclose(isotonic(np.array(values)), expected, atol=1e-9)


def test_nothing_measured_is_no_gain() -> None:
    nothing, random = curves([100, 200], [NAN, NAN]), curves([100, 200], [0.5, 0.6])
    assert np.isnan(area_gain(nothing, random).mean)
    assert label_savings(nothing, random) == []
    with pytest.raises(InputError, match="no label count that seeds of both have reached"):
        paired_gain(nothing, random)


def test_gains_at_each_count_rest_on_the_same_seeds() -> None:
    # the third seed of `a` stopped early: it is left out everywhere, not only where it is missing
    a = curves([10, 20], [0.5, 0.6], [0.5, 0.7], [0.9, NAN])
    b = curves([10, 20], [0.4, 0.5], [0.4, 0.6], [0.4, 0.5])
    gain = paired_gain(a, b)
    assert gain.n_seeds.tolist() == [2, 2]
    np.testing.assert_allclose(gain.mean, [0.1, 0.1])

"""The forecast against power laws, curves drawn from its own model, a dense reference, and hostile input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from askew import forecast as module
from askew.errors import InputError
from askew.forecast import forecast, labels_to_reach

COUNTS = np.array([100, 200, 300, 400, 500, 600, 700, 800])


def power_law(n: np.ndarray, exponent: float = -0.5) -> np.ndarray:
    return 1 - 0.4 * (n / 100) ** exponent


@pytest.mark.parametrize("exponent", [-0.2, -0.5, -0.9])
def test_a_power_law_is_continued(exponent: float) -> None:
    at = np.array([900, 1600])
    truth = power_law(at, exponent)
    found = forecast(COUNTS, power_law(COUNTS, exponent), at, n_test=100_000)
    np.testing.assert_allclose(found.median, truth, atol=0.005)
    assert (found.low < truth).all()
    assert (truth < found.high).all()
    np.testing.assert_allclose(found.gain, truth - power_law(COUNTS[-1:], exponent), atol=0.005)


def drawn(rng: np.random.Generator, n: np.ndarray, n_test: int) -> np.ndarray:
    """Draws a curve from the model, by many small steps of the integrated Wiener process and not by its covariance."""
    noise = module.NOISE * math.exp(module.NOISE_STD * rng.normal())
    q = rng.choice(module.BENDS, p=(w := np.exp(-0.5 * (module.BENDS / module.BEND) ** 2)) / w.sum())
    u = np.log(n / n[0])
    grid = np.linspace(0, u[-1], 2001)
    step = grid[1]
    slope = module.SLOPE + module.SLOPE_STD * rng.normal() + q * np.cumsum(rng.normal(0, math.sqrt(step), len(grid)))
    f = math.log(0.3) + np.interp(u, grid, np.concatenate([[0.0], np.cumsum(slope[:-1]) * step]))
    error = np.minimum(np.exp(f), 0.95)
    strays = rng.normal(size=len(n)) * noise * np.sqrt((1 / error - 1) / n_test)
    return np.clip(1 - np.exp(np.log(error) + strays), 0.0, 1.0)


def test_intervals_of_curves_drawn_from_the_model_hold_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    n = np.array([100, 200, 300, 400, 800])
    held = {0.5: 0, 0.8: 0}
    for _ in range(300):
        curve = drawn(rng, n, 1000)
        for level in held:
            found = forecast(n[:4], curve[:4], n[4], n_test=1000, level=level)
            held[level] += bool(found.low[0] <= curve[4] <= found.high[0])
    assert abs(held[0.8] / 300 - 0.8) < 0.07  # three standard errors
    assert abs(held[0.5] / 300 - 0.5) < 0.087


def test_the_answer_is_that_of_a_dense_reference() -> None:
    """Conditions a joint Gaussian in the plainest way, pair by pair, and draws from it."""
    n, accuracy, at, n_test = np.array([50, 100, 150]), np.array([0.5, 0.62, 0.66]), 300, 500
    y, points = np.log(1 - accuracy), np.log(np.array([50, 100, 150, 300]) / 50)
    rng, logs, draws = np.random.default_rng(1), [], []
    for c in module.NOISES:
        for q in module.BENDS:
            least, most = np.minimum.outer(points, points), np.maximum.outer(points, points)
            cov = 4 + 0.16 * np.outer(points, points) + q * q * (least**2 * (3 * most - least) / 6)
            mean = y[0] - 0.4 * points
            k = cov[:3, :3] + np.diag(c * c * (np.exp(-y) - 1) / n_test)
            left, inverse = y - mean[:3], np.linalg.inv(k)
            prior = norm.logpdf(math.log(c), math.log(0.8), 0.5) + norm.logpdf(q, 0, 0.6)
            logs.append(prior - 0.5 * left @ inverse @ left - 0.5 * np.linalg.slogdet(k)[1])
            two = cov[2:, 2:] - cov[2:, :3] @ inverse @ cov[:3, 2:]
            at_two = mean[2:] + cov[2:, :3] @ inverse @ left
            f = rng.multivariate_normal(at_two, two + 1e-12 * np.eye(2), 2000)
            stray = c * math.sqrt((math.exp(-at_two[1]) - 1) / n_test) * rng.normal(size=2000)
            draws.append((1 - np.exp(f[:, 1] + stray), np.exp(f[:, 0]) - np.exp(f[:, 1])))
    weights = np.repeat(np.exp(np.array(logs) - max(logs)), 2000)
    found = forecast(n, accuracy, at, n_test=n_test)
    for i, ours in enumerate([(found.low, found.median, found.high), (found.gain_low, found.gain, found.gain_high)]):
        values = np.concatenate([one[i] for one in draws])
        order = np.argsort(values)
        share = np.cumsum(weights[order]) / weights.sum()
        theirs = np.interp([0.1, 0.5, 0.9], share, values[order])
        np.testing.assert_allclose(np.concatenate(ours), theirs, atol=0.004)


def test_more_data_narrow_the_interval_and_distance_widens_it() -> None:
    wide = forecast(COUNTS[:3], power_law(COUNTS[:3]), 1600, n_test=1000)
    narrow = forecast(COUNTS, power_law(COUNTS), 1600, n_test=1000)
    assert (narrow.high - narrow.low)[0] < 0.7 * (wide.high - wide.low)[0]
    far = forecast(COUNTS, power_law(COUNTS), [800, 1600, 3200, 6400], n_test=1000)
    assert (np.diff(far.gain_high - far.gain_low) > 0).all()
    assert (np.diff(far.median) > 0).all()
    half = forecast(COUNTS, power_law(COUNTS), 1600, n_test=1000, level=0.5)
    assert narrow.low[0] < half.low[0] < half.median[0] < half.high[0] < narrow.high[0]


def test_a_small_test_set_widens_what_will_be_measured() -> None:
    few, many = (forecast(COUNTS, power_law(COUNTS), 900, n_test=n_test) for n_test in (100, 10_000))
    assert (few.high - few.low)[0] > 3 * (many.high - many.low)[0]


def test_seeds_together_are_surer_than_one_and_spread_makes_unsure() -> None:
    rng = np.random.default_rng(0)
    curve = power_law(COUNTS)
    noise = rng.normal(0, 0.01, (6, len(COUNTS)))
    noise -= noise.mean(0)
    together, loud = (forecast(COUNTS, curve + times * noise, 900, n_test=1000) for times in (1, 4))
    alone = [forecast(COUNTS, row, 900, n_test=1000) for row in curve + noise]
    narrow, wide = ((f.high - f.low)[0] for f in (together, loud))
    assert narrow < 0.7 * np.mean([(f.high - f.low)[0] for f in alone])
    assert 2 * narrow < wide
    same_offsets = forecast(COUNTS, curve + np.linspace(-0.03, 0.03, 6)[:, None] * (1 - curve), 900, n_test=1000)
    assert (same_offsets.high - same_offsets.low)[0] < wide  # how a seed lies throughout is no noise


def test_an_accuracy_of_one_and_of_nothing_are_taken() -> None:
    perfect = forecast([10, 20, 40], [0.9, 1.0, 1.0], 80, n_test=50)
    assert 0.9 < perfect.median[0] <= perfect.high[0] <= 1
    hopeless = forecast([10, 20, 40], [0.0, 0.0, 0.0], 80)
    assert 0 <= hopeless.low[0] <= hopeless.median[0] < 0.2


def test_stop_where_the_interval_ends_below_the_wanted_gain() -> None:
    flat = forecast(COUNTS, [0.6, 0.7, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8], [900, 1600], n_test=10_000)
    steep = forecast(COUNTS, power_law(COUNTS), [1600], n_test=10_000)
    assert flat.enough(0.02)[0]
    assert not steep.enough(0.02)[0]
    assert (flat.enough(0.02) == (flat.gain_high < 0.02)).all()
    with pytest.raises(InputError, match="gain: expected a share"):
        flat.enough(1.0)


def test_no_more_labels_bring_nothing() -> None:
    same = forecast(COUNTS, power_law(COUNTS), 800)
    assert abs(same.gain_low[0]) < 1e-5
    assert abs(same.gain_high[0]) < 1e-5


def test_labels_to_reach_is_where_the_forecast_reaches() -> None:
    found = labels_to_reach(COUNTS, power_law(COUNTS), 0.9, n_test=10_000)
    assert 1600 * 0.95 < found.median < 1600 * 1.05  # 0.4·16^-0.5 = 0.1
    assert found.low < found.median < found.high
    at = forecast(COUNTS, power_law(COUNTS), [found.low, found.median, found.high], n_test=10_000)
    np.testing.assert_allclose([at.high[0], at.median[1], at.low[2]], 0.9, atol=0.003)
    assert labels_to_reach(COUNTS, power_law(COUNTS), 0.5).median == 800
    assert labels_to_reach(COUNTS, power_law(COUNTS), 0.999, most=1000).low == math.inf


HOSTILE = [
    (dict(n_labeled=[100]), "n_labeled: expected two or more"),
    (dict(n_labeled=[100, 100, 200]), "ascending"),
    (dict(n_labeled=[0, 1, 2]), "whole label counts from 1"),
    (dict(n_labeled=[1.5, 2, 3]), "whole label counts"),
    (dict(n_labeled=[1, 2, math.nan]), "whole label counts"),
    (dict(n_labeled=["a", "b", "c"]), "n_labeled: expected"),
    (dict(accuracy=[0.5, 0.6]), "as many as counts"),
    (dict(accuracy=[50, 60, 70]), "accuracy: 3 of 3 are no shares from 0 to 1, such as 50"),
    (dict(accuracy=[0.5, math.nan, 0.7]), "1 of 3 are no shares"),
    (dict(accuracy=[[[0.5, 0.6, 0.7]]]), "accuracy: expected"),
    (dict(accuracy=["a", "b", "c"]), "accuracy: expected numbers"),
    (dict(accuracy=np.empty((0, 3))), "accuracy: expected"),
    (dict(at=299), "at: 299 is below the 300"),
    (dict(at=[]), "at: expected"),
    (dict(at=math.inf), "at: expected whole"),
    (dict(n_test=0), "n_test"),
    (dict(n_test=2.5), "n_test"),
    (dict(level=1), "level"),
    (dict(level=math.nan), "level"),
]


@pytest.mark.parametrize(("changed", "message"), HOSTILE)
def test_what_cannot_be_is_refused(changed: dict[str, object], message: str) -> None:
    given = {"n_labeled": [100, 200, 300], "accuracy": [0.5, 0.6, 0.7], "at": 400} | changed
    with pytest.raises(InputError, match=message):
        forecast(given.pop("n_labeled"), given.pop("accuracy"), given.pop("at"), **given)  # type: ignore[arg-type]


def test_a_target_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="target"):
        labels_to_reach(COUNTS, power_law(COUNTS), 90)
    with pytest.raises(InputError, match="most"):
        labels_to_reach(COUNTS, power_law(COUNTS), 0.9, most=100)

"""The bounds in float32 that coverage keeps of items out of focus: never below the gain, and near it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from askew.kernels import coverage
from askew.kernels.coverage import Coverage
from askew.kernels.similarity import Gaussian


@pytest.mark.parametrize("width", [0.3, 1.0])
@pytest.mark.parametrize("share", [0.0, 0.1])
def test_bounds_are_never_below_the_gain_and_near_it(monkeypatch, width, share):
    for name, value in (("ROWS", 32), ("COLUMNS", 16), ("BATCH", 40)):
        monkeypatch.setattr(coverage, name, value)
    rng = np.random.default_rng(0)
    features = (rng.standard_normal((6, 24))[rng.integers(6, size=300)] + 0.4 * rng.standard_normal((300, 24))).astype(
        "f4"
    )
    labels, weights = np.where(rng.random(300) < share, 0, -1), rng.random(300)
    labeled, pool = np.flatnonzero(labels == 0), np.flatnonzero(labels < 0)
    x = features.astype(np.float64)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    kernel = np.exp(-(cdist(x, x) ** 2) / width**2)
    covered = kernel[:, labeled].max(axis=1, initial=0)
    first = kernel[:, pool] @ weights[pool]
    assert Gaussian(features, width).bounded
    found = Coverage(Gaussian(features, width), labeled, pool, weights=weights[pool])
    for step in range(12):
        gains = np.maximum(0, kernel[:, pool] - covered[pool]) @ weights[pool]
        outside = pool[found._known[pool] == coverage.NEVER]
        assert (found.upper[outside] >= gains[outside] - 1e-13).all()
        assert (found.upper[outside] <= gains[outside] + 1e-3 * first[outside] + 1e-9).all()
        assert len(outside) >= len(pool) - 2 * step
        found.focus(pool[[step, 50 + step]])
        assert found.high == pytest.approx(gains[found._focus], abs=1e-9)
        found.pick(step % 2)
        covered = np.maximum(covered, kernel[:, pool[step if step % 2 == 0 else 50 + step]])
        found.refresh(pool[2 * step :])
        found.refresh(pool)
        assert found.fresh(np.setdiff1d(pool, found._focus)).all()


def test_a_width_at_which_float32_says_little_is_done_without_it():
    features = np.random.default_rng(1).standard_normal((50, 8)).astype(np.float32)
    assert not Gaussian(features, 1e-3).bounded
    found = Coverage(Gaussian(features, 1e-3), np.arange(0), np.arange(50))
    assert found.upper == pytest.approx(np.ones(50))

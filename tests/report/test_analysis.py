"""Tables and figures of an analysis, of models made up so that the means are known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from askew.experiment.analysis import SHARES, Judged
from askew.informativeness import accuracy_of_top
from askew.report.analysis import csv_files, found, lines
from askew.report.style import looks

pytest.importorskip("matplotlib")

from askew.report.analysis_figures import Shown, by_score, drawn
from askew.report.analysis_figures import accuracy_of_top as draw_top


def made(seed: int, cycle: int, n: int = 1000) -> Judged:
    """A model that is right about an item with the probability 1 - score, in steps of a tenth."""
    rng = np.random.default_rng([seed, cycle])
    scores = rng.integers(0, 10, n) / 10
    correct = rng.random(n) >= scores
    sizes = np.rint(np.array(SHARES) * n).astype(int)
    all_scores = {"dispersion": scores, "oracle": (~correct).astype(float)}
    tops = {label: accuracy_of_top(values, correct, sizes) for label, values in all_scores.items()}
    tops["kcenter"] = np.full(len(sizes), correct.mean())
    return Judged(seed, cycle, 100 * (cycle + 1), 0.5, correct, sizes, tops, all_scores)


@pytest.fixture(scope="module")
def judged() -> list[Judged]:
    return [made(seed, cycle) for seed in range(4) for cycle in range(3)]


def test_bins_are_shared_and_their_means_are_those_of_the_seeds(judged: list[Judged]) -> None:
    cycles = found(judged, bins=10)
    assert [one.n_labeled for one in cycles] == [100, 200, 300]
    for one in cycles:
        h = one.histograms["dispersion"]
        np.testing.assert_allclose(h.edges, np.arange(11) / 10 - 0.05)
        np.testing.assert_allclose(h.accuracy.mean, 1 - np.arange(10) / 10, atol=0.1)
        several = [model for model in judged if model.cycle == one.cycle]
        by_hand = [
            np.mean([m.correct[np.rint(10 * m.scores["dispersion"]) == k].mean() for m in several]) for k in range(10)
        ]
        np.testing.assert_allclose(h.accuracy.mean, by_hand)
        assert h.items.mean.sum() == pytest.approx(1000)
        assert (h.accuracy.low < h.accuracy.mean)[1:].all()
        assert one.errors["oracle"].mean[0] == 1
    assert "AUROC of its score for wrong items 1.000" in "\n".join(lines(cycles))


def test_two_seeds_have_no_interval(judged: list[Judged]) -> None:
    cycles = found([one for one in judged if one.seed < 2])
    assert np.isnan(cycles[0].tops["oracle"].low).all()
    assert " to " not in "\n".join(lines(cycles))
    assert "nan" not in csv_files(cycles)["errors.csv"]


@pytest.mark.parametrize("label", ["dispersion", "oracle"])
@pytest.mark.parametrize("n_cycles", [1, 3])
def test_the_columns_of_a_histogram_are_beside_each_other(judged: list[Judged], label: str, n_cycles: int) -> None:
    cycles = found([one for one in judged if one.cycle < n_cycles])
    look = looks([Shown(label, label, None)])
    figure = by_score(cycles, label, look[label])
    assert len(figure.axes) == 2 * n_cycles
    boxes = [ax.get_position() for ax in figure.axes[:n_cycles]]
    assert all(a.x1 < b.x0 for a, b in pairwise(boxes))
    assert boxes[-1].x1 > 0.9


def test_curves_show_what_was_measured_and_files_are_the_same_each_time(judged: list[Judged]) -> None:
    cycles = found(judged)
    plans = {"dispersion": ("dispersion", None), "oracle": ("oracle", None), "kcenter": ("kcenter", None)}
    figure = draw_top(cycles, looks(Shown(label, *plan) for label, plan in plans.items()))
    shown = figure.axes[1].lines[0].get_ydata()
    half = [k for k, share in enumerate(SHARES) if share <= 0.5]
    np.testing.assert_allclose(shown, 100 * cycles[1].tops["dispersion"].mean[half])
    assert drawn(cycles, plans) == drawn(cycles, plans)

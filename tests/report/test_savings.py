"""The claim rule and the labels saved: against an independent computation from the ledgers, and under chance alone."""

from __future__ import annotations

import csv
import gzip
import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.isotonic import IsotonicRegression

from askew.errors import InputError
from askew.report.claims import holm, p_value
from askew.report.csv_files import csv_files
from askew.report.headline import headline
from askew.report.ledgers import read
from askew.report.measures import Curves, Estimate, area_gain
from askew.report.savings import Saving, label_savings, labels_needed
from askew.report.summary import summarize

RESULTS = Path(__file__).parents[2] / "results"

Ledgers = dict[str, dict[int, dict[int, float]]]
"""Label to seed to label count to accuracy."""


def slow_read(folder: Path) -> Ledgers:
    found: Ledgers = {}
    for path in folder.glob("runs/*/ledger.jsonl"):
        head, *events = (json.loads(line) for line in path.read_text().splitlines())
        cycles = [event["asked"] for event in events if "asked" in event]
        curve = {c["n_labeled"]: c["metrics"]["accuracy"] for c in cycles}
        found.setdefault(head["run"]["label"], {})[head["run"]["seed"]] = curve
    return found


def slow_area(curve: dict[int, float]) -> float:
    counts = sorted(curve)
    pairs = list(itertools.pairwise(counts))
    return sum((b - a) * (curve[a] + curve[b]) / 2 for a, b in pairs) / (counts[-1] - counts[0])


def slow_need(counts: list[int], curves: list[dict[int, float]], level: float) -> float:
    rising = IsotonicRegression().fit_transform(counts, [sum(c[n] for c in curves) / len(curves) for n in counts])
    if rising[0] >= level - 1e-12:
        return counts[0]
    for k in range(1, len(counts)):
        if rising[k] >= level - 1e-12:
            a, b, low, high = counts[k - 1], counts[k], rising[k - 1], rising[k]
            return a + (b - a) * (level - low) / (high - low)
    raise AssertionError("the level is above the curve")


def slow_top(counts: list[int], curves: list[dict[int, float]], n: int) -> float:
    means = [sum(c[m] for c in curves) / len(curves) for m in counts]
    return float(IsotonicRegression().fit_transform(counts, means)[counts.index(n)])


def slow_saved(mine: list[dict[int, float]], theirs: list[dict[int, float]], n: int) -> tuple[float, float, float]:
    counts = sorted(mine[0])
    level = min(slow_top(counts, mine, n), slow_top(counts, theirs, n))
    return level, slow_need(counts, theirs, level), slow_need(counts, mine, level)


def slow_report(ledgers: Ledgers) -> dict[str, dict[str, float]]:
    """Computes by the formulae of docs/reports.md what is claimed of each strategy, on finished runs alone."""
    random, rivals = ledgers["random"], {k: v for k, v in ledgers.items() if k not in ("random", "full", "oracle")}
    seeds = sorted(random)
    d = {k: [slow_area(v[s]) - slow_area(random[s]) for s in seeds] for k, v in rivals.items()}
    p = {k: float(stats.ttest_1samp(v, 0).pvalue) for k, v in d.items()}
    order, refused, confidence, shown = sorted(p, key=lambda k: p[k]), None, {}, {}
    for k, label in enumerate(order):
        alpha = 0.05 / (len(order) - k) if refused is None else refused
        confidence[label], shown[label] = 1 - alpha, refused is None and p[label] <= alpha
        refused = refused if shown[label] else alpha
    out = {}
    for label, curves in rivals.items():
        mine, theirs, last = [curves[s] for s in seeds], [random[s] for s in seeds], max(random[seeds[0]])
        level, m, n = slow_saved(mine, theirs, last)
        pseudo = []
        for i in range(len(seeds)):
            _, m_i, n_i = slow_saved(mine[:i] + mine[i + 1 :], theirs[:i] + theirs[i + 1 :], last)
            pseudo.append(len(seeds) * (m - n) - (len(seeds) - 1) * (m_i - n_i))
        t = stats.t.ppf(1 - (1 - confidence[label]) / 2, len(seeds) - 1)
        half, widest = t * np.std(pseudo, ddof=1) / math.sqrt(len(seeds)), last - min(random[seeds[0]])
        error = stats.t.ppf(0.975, len(seeds) - 1) * np.std(d[label], ddof=1) / math.sqrt(len(seeds))
        out[label] = {
            "gain": float(np.mean(d[label])),
            "gain_low": float(np.mean(d[label]) - error),
            "shown": math.copysign(1, np.mean(d[label])) if shown[label] else 0,
            "level": level,
            "random_needs": m,
            "needs": n,
            "low": max(m - n - half, -widest),
            "high": min(m - n + half, widest),
        }
    return out


def unpack(published: Path, folder: Path) -> Path:
    folder.mkdir()
    (folder / "experiment.json").write_bytes((published / "experiment.json").read_bytes())
    for line in gzip.decompress((published / "ledgers.jsonl.gz").read_bytes()).decode().splitlines(keepends=True):
        if run := json.loads(line).get("run"):
            path = folder / "runs" / f"{run['label']}-seed{run['seed']}" / "ledger.jsonl"
            path.parent.mkdir(parents=True)
        with path.open("a") as file:
            file.write(line)
    return folder


@pytest.mark.parametrize("name", sorted(path.parent.name for path in RESULTS.glob("*/ledgers.jsonl.gz")))
def test_the_report_is_what_the_formulae_say_of_the_published_ledgers(name: str, tmp_path: Path) -> None:
    folder = unpack(RESULTS / name, tmp_path / name)
    expected = slow_report(slow_read(folder))
    files = csv_files(summarize(read(folder)))
    rows = list(csv.DictReader(files["savings.csv"].splitlines()))
    last = {row["label"]: row for row in rows if row["label"] != "oracle"}
    gains = {
        row["label"]: row for row in csv.DictReader(files["average-gains.csv"].splitlines()) if row["over"] == "random"
    }
    assert last.keys() == expected.keys()
    for label, there in expected.items():
        for key in ("level", "random_needs", "needs", "low", "high"):
            assert float(last[label][key]) == pytest.approx(there[key], rel=1e-7, abs=1e-7), (label, key)
        assert float(gains[label]["mean"]) == pytest.approx(there["gain"])
        assert float(gains[label]["low"]) == pytest.approx(there["gain_low"])
        assert int(gains[label]["shown"]) == there["shown"]


def alike(rng: np.random.Generator, n: int, rise: float) -> list[Curves]:
    """Returns `n` strategies that ask alike, on five seeds: an effect of the seed on all, noise in each point."""
    counts = np.arange(20, 340, 20)
    truth = 0.9 - rise * np.exp(-counts / 100)
    effect, start = rng.normal(0, 0.02, (5, 1)), rng.normal(0, 0.01, (5, 1))
    noise = rng.normal(0, 0.01, (n, 5, len(counts) - 1))
    return [Curves(counts, truth + effect + np.hstack([start, one]), np.arange(5)) for one in noise]


@pytest.mark.parametrize("rise", [0.0, 0.02, 0.3])
def test_strategies_equal_to_random_save_nothing(rise: float) -> None:
    rng = np.random.default_rng(3)
    saved, claimed = [], 0
    for _ in range(300):
        random, *rivals = alike(rng, 4, rise)
        gains = [area_gain(rival, random) for rival in rivals]
        verdicts = holm(gains)
        ends = [label_savings(rival, random, v.confidence)[-1] for rival, v in zip(rivals, verdicts, strict=True)]
        saved.append(float(np.mean([end.saved for end in ends])))
        claimed += any(v.sign > 0 and end.sign > 0 for v, end in zip(verdicts, ends, strict=True))
    assert claimed / 300 <= 0.05
    assert abs(np.mean(saved)) < 3 * np.std(saved, ddof=1) / 300**0.5


def test_savings_turn_round_with_the_sides() -> None:
    rng = np.random.default_rng(0)
    for rise in (0.0, 0.05, 0.3):
        a, b = alike(rng, 2, rise)
        for one, other in zip(label_savings(a, b), label_savings(b, a), strict=True):
            assert (one.saved, one.low, one.high) == pytest.approx((-other.saved, -other.high, -other.low))


def test_random_needs_no_more_than_itself_on_a_flat_curve() -> None:
    # random's mean: .5 .8 .8 .8: its own need for its end is 200 of 400, so a strategy that needs 200 saves nothing
    random = Curves(np.array([100, 200, 300, 400]), np.array([[0.5, 0.8, 0.8, 0.8]] * 3), np.arange(3))
    end = label_savings(random, random)[-1]
    assert (end.random_needs, end.needs, end.saved) == (200, 200, 0)


def test_a_strategy_that_is_worse_saves_less_than_nothing() -> None:
    counts, seeds = np.array([100, 200, 300]), np.arange(3)
    random = Curves(counts, np.array([[0.5, 0.7, 0.8]] * 3), seeds)
    worse = Curves(counts, np.array([[0.5, 0.6, 0.7]] * 3), seeds)
    end = label_savings(worse, random)[-1]
    assert (end.level, end.random_needs, end.needs) == pytest.approx((0.7, 200, 300))
    assert (end.saved, end.sign) == (pytest.approx(-100), -1)


def test_the_jackknife_by_hand() -> None:
    # straight curves through (100, 0) and (200, 1), shifted by e of the seed: the strategy's level .6 + e, random's own
    counts, seeds = np.array([0, 100]), np.arange(3)
    random = Curves(counts, np.array([[0.0, 0.8], [0.0, 1.0], [0.0, 1.2]]), seeds)
    strategy = Curves(counts, np.array([[0.0, 2.0]] * 3), seeds)
    # level 1 (random's end): needs 100 · 1 / 2 = 50, saved 50; without a seed 1.1, 1, .9: needs 55, 50, 45
    # pseudo-values 3 · 50 − 2 · (45, 50, 55) = 60, 50, 40: s = 10, t(.975, 2) = 4.302653
    end = label_savings(strategy, random)[-1]
    assert (end.random_needs, end.needs) == pytest.approx((100, 50))
    half = 4.302653 * 10 / 3**0.5
    assert (end.low, end.high) == pytest.approx((50 - half, 50 + half), rel=1e-6)


def test_one_seed_has_no_interval_and_two_show_nothing() -> None:
    counts = np.array([100, 200, 300])
    for n_seeds, has in ((1, False), (2, True)):
        random = Curves(counts, np.array([[0.5, 0.6, 0.7]] * n_seeds), np.arange(n_seeds))
        strategy = Curves(counts, np.array([[0.5, 0.7, 0.8]] * n_seeds), np.arange(n_seeds))
        end = label_savings(strategy, random)[-1]
        assert end.needs == pytest.approx(200)
        assert math.isfinite(end.low) == has
        assert end.sign == 0


def test_labels_needed_by_hand() -> None:
    counts, rising = np.array([100, 200, 400]), np.array([0.5, 0.6, 0.7])
    for level, labels in ((0.3, 100), (0.5, 100), (0.55, 150), (0.6, 200), (0.65, 300), (0.7, 400)):
        assert labels_needed(counts, rising, level) == pytest.approx(labels), level
    assert labels_needed(counts, np.array([0.5, 0.7, 0.7]), 0.7) == 200
    with pytest.raises(InputError, match="above the curve's end"):
        labels_needed(counts, rising, 0.71)


def test_p_values_are_those_of_the_paired_t_test() -> None:
    rng = np.random.default_rng(1)
    for n in (3, 5, 12):
        a, b = rng.normal(size=(2, n))
        curves = [Curves(np.array([10]), values[:, None], np.arange(n)) for values in (a, b)]
        assert p_value(area_gain(*curves)) == pytest.approx(stats.ttest_rel(a, b).pvalue)
    assert p_value(Estimate(0.1, 0.1, 0.1, 3)) == 0
    assert p_value(Estimate(0.0, 0.0, 0.0, 3)) == 1
    assert p_value(Estimate(0.1, 0.1, 0.1, 2)) == 1


def test_an_interval_of_holm_leaves_out_zero_exactly_where_something_is_shown() -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        m = int(rng.integers(1, 7))
        values = rng.normal(rng.choice([0, 0, 1.5], m)[:, None], 1, (m, 5))
        gains = [Estimate(*(float(x) for x in (v.mean(), *t_ends(v, 0.95))), 5) for v in values]
        for v, verdict in zip(values, holm(gains), strict=True):
            low, high = t_ends(v, verdict.confidence)
            assert verdict.sign == int(low > 0) - int(high < 0)


def t_ends(values: np.ndarray, confidence: float) -> tuple[float, float]:
    low, high = stats.t.interval(confidence, len(values) - 1, values.mean(), stats.sem(values))
    return float(low), float(high)


def test_what_is_not_shown_saves_nothing_in_table_figure_and_headline(experiment: Callable[..., Path]) -> None:
    from askew.report.tables import tables

    folder = experiment(labels=("random", "entropy", "margin"), strength={}, noise=0.01, seeds=(0, 1, 2))
    summary = summarize(read(folder))
    assert {line.over_random.sign for line in summary.rivals if line.over_random} == {0}
    assert not headline(summary).claims
    (table,) = [table for table in tables(summary) if table.name == "savings"]
    assert table.columns[:3] == ("average gain", "random needs", "needs")
    assert {cell.text for row in table.rows for cell in row.cells[3:]} == {"none"}


def test_a_need_at_the_first_count_is_an_upper_bound() -> None:
    from askew.report.headline import needed

    one = Saving(200, 0.5, 100.0, 150.2, 100, -60.0, 10.0, 5)
    assert (needed(one.random_needs, one), needed(one.needs, one)) == ("≤100", "151")

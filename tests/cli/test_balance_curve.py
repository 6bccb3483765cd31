"""`askew pick --balance-curve`: what each λ costs in score and leaves in distance (Fig. 4.4), against brute force."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest

from askew.cli.main import main

N, C, ASKED = 9, 3, 3


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save("p.npy", np.random.default_rng(1).dirichlet([4.0, 1.0, 0.3], size=N))
    np.save("y.npy", np.array([0, 0, 1, *[-1] * (N - 3)]))
    np.save("x.npy", np.random.default_rng(2).normal(size=(N, 2)))
    return tmp_path


def pick(*more: str, strategy: str = "margin") -> int:
    return main(["pick", strategy, "-n", str(ASKED), "--probs", "p.npy", "--labels", "y.npy", *more])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_row_is_the_best_of_all_selections_at_its_weight(folder: Path) -> None:
    assert pick("--balance", "auto", "--balance-curve", "curve.csv", "--out", "picks.csv") == 0
    found, probs = rows(folder / "curve.csv"), np.load("p.npy")
    assert list(found[0]) == ["weight", "distance", "score_sum", "chosen"]
    assert float(found[0]["weight"]) == 0
    assert len(found) == 17
    ordered = np.sort(probs, axis=1)
    scores, demand = ordered[:, -2] - ordered[:, -1], np.maximum(2 - np.array([2, 1, 0]), 0)
    selections = [list(one) for one in itertools.combinations(range(3, N), ASKED)]
    distances = np.array([np.abs(demand - probs[one].sum(axis=0)).sum() for one in selections])
    sums = np.array([scores[one].sum() for one in selections])
    for row in found:
        weight, distance, total = (float(row[name]) for name in ("weight", "distance", "score_sum"))
        assert weight * distance - total == pytest.approx((weight * distances - sums).min(), abs=1e-9)
    assert len({row["distance"] for row in found}) > 1, "the case has a trade"
    (best,) = [row for row in found if row["chosen"] == "True"]
    chosen = [int(row["item"]) for row in rows(folder / "picks.csv")]
    assert np.abs(demand - probs[chosen].sum(axis=0)).sum() == pytest.approx(float(best["distance"]))


def test_a_greedy_strategy_has_a_curve_too(folder: Path) -> None:
    more = ("--features", "x.npy", "--balance", "auto", "--balance-curve", "curve.csv")
    assert pick(*more, strategy="kcenter") == 0
    assert [row["chosen"] for row in rows(folder / "curve.csv")].count("True") == 1


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ((), "--balance-curve needs --balance auto"),
        (("--balance", "0.6"), "--balance-curve needs --balance auto"),
        (("--balance", "auto", "--balance-curve", "curve.txt"), "--balance-curve: curve.txt is no .csv file"),
        (("--balance", "auto", "--out", "curve.csv"), "--balance-curve: curve.csv is what --out writes"),
        (("--balance", "auto", "--target", "curve.csv"), "--balance-curve: curve.csv is what --target reads"),
    ],
)
def test_what_is_refused_writes_nothing(
    more: tuple[str, ...], words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(folder.iterdir())
    assert pick("--balance-curve", "curve.csv", *more) == 2
    said = capsys.readouterr().err
    assert said.startswith("askew: ")
    assert words in said
    assert said.count("\n") == 1
    assert sorted(folder.iterdir()) == before

"""`askew analyse`, end to end on real digits: its files say what it measured, and what cannot be is refused first."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from askew.cli.main import main
from askew.informativeness import auroc
from askew.report.measures import interval

CONFIG = """
name = "look"
[data]
source = "digits"
pool_items = 150
test_items = 60
[learner]
backbone = "small-convnet"
preset = "digits"
training = { epochs = 2 }
[protocol]
initial = 30
budget = 10
cycles = 2
seeds = 3
[[strategies]]
strategy = "dispersion"
[[strategies]]
strategy = "margin"
[[strategies]]
strategy = "margin"
balance = 0.5
[[strategies]]
strategy = "oracle"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("analyse")
    (place / "look.toml").write_text(CONFIG)
    (place / "one.toml").write_text(CONFIG.replace("seeds = 3", "seeds = 1"))
    assert main(["analyse", str(place / "look.toml"), "--out", str(place / "out"), "--bins", "5"]) == 0
    return place


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_files_are_those_of_the_record(folder: Path) -> None:
    out = folder / "out"
    told = json.loads((out / "analysis.json").read_text())
    assert {path.name for path in out.glob("[!.]*")} == {*told["files"], "analysis.json"}
    assert {name for name in told["files"] if name.endswith(".svg")} == {
        "accuracy-of-top.svg",
        *(f"accuracy-by-score-{label}.svg" for label in ("dispersion", "margin", "oracle")),
    }
    measured = told["measured"]
    assert [(one["seed"], one["cycle"]) for one in measured] == [(s, c) for s in range(3) for c in range(2)]
    assert [one["n_labeled"] for one in measured[:2]] == [30, 40]


def test_the_tables_are_means_over_seeds_with_students_interval(folder: Path) -> None:
    measured = json.loads((folder / "out" / "analysis.json").read_text())["measured"]
    second = [one for one in measured if one["cycle"] == 1]
    table = [r for r in rows(folder / "out" / "accuracy-of-top.csv") if (r["cycle"], r["label"]) == ("1", "margin")]
    mean, low, high, _ = interval(np.array([one["accuracy_of_top"]["margin"] for one in second]))
    for name, values in (("accuracy", mean), ("low", low), ("high", high)):
        np.testing.assert_allclose([float(row[name]) for row in table], values)
    assert float(table[-1]["share"]) == 1.0
    by_score = [
        r for r in rows(folder / "out" / "accuracy-by-score.csv") if (r["cycle"], r["label"]) == ("1", "dispersion")
    ]
    items = np.mean([one["by_score"]["dispersion"]["items"] for one in second], axis=0)
    np.testing.assert_allclose([float(row["items"]) for row in by_score], items)
    assert items.sum() == 110
    areas = {r["label"]: float(r["auroc"]) for r in rows(folder / "out" / "errors.csv") if r["cycle"] == "1"}
    assert set(areas) == {"dispersion", "margin", "oracle"}
    assert areas["oracle"] == 1.0


def test_the_oracle_starts_at_nothing_and_all_end_at_the_models_accuracy(folder: Path) -> None:
    for one in json.loads((folder / "out" / "analysis.json").read_text())["measured"]:
        assert one["accuracy_of_top"]["oracle"][0] == 0
        ends = [values[-1] for values in one["accuracy_of_top"].values()]
        np.testing.assert_allclose(ends, one["accuracy_unlabeled"])
        histogram = one["by_score"]["oracle"]
        assert (histogram["items"][-1], histogram["right"][-1]) == (histogram["items"][-1], 0)
        assert sum(histogram["right"]) == round(one["accuracy_unlabeled"] * one["n_unlabeled"])


def test_one_seed_has_no_interval_and_the_terminal_says_what_is_where(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--strategies", "margin+balance,entropy", "--cycles", "1", "--out", str(folder / "one")]
    assert main(["analyse", str(folder / "one.toml"), *options]) == 0
    said = capsys.readouterr().out
    assert said.startswith("30 labels: the model predicts ")
    assert said.endswith(f"figures and tables: {folder / 'one'}\n")
    assert " to " not in said
    table = rows(folder / "one" / "accuracy-of-top.csv")
    assert {row["label"] for row in table} == {"margin+balance", "entropy"}
    assert {row["low"] for row in table} <= {"", "nan"}


def test_an_analysis_is_replaced_and_nothing_else_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = ["analyse", str(folder / "one.toml"), "--strategies", "entropy", "--cycles", "1", "--out"]
    assert main([*again, str(folder / "one")]) == 0
    assert not (folder / "one" / "accuracy-by-score-margin.svg").exists()
    (folder / "mine").mkdir()
    (folder / "mine" / "notes.txt").write_text("mine")
    assert main([*again, str(folder / "mine")]) == 2
    assert "is not empty and holds no analysis" in capsys.readouterr().err
    assert [path.name for path in (folder / "mine").iterdir()] == ["notes.txt"]


def test_foreign_classes_and_data(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (40, 8, 8), dtype=np.uint8)
    np.savez(folder / "noise.npz", images=noise, labels=np.arange(40) % 2)
    out = folder / "foreign"
    options = ["--out-classes", "3,8", "--out-data", str(folder / "noise.npz"), "--out", str(out)]
    assert main(["analyse", str(folder / "look.toml"), *options]) == 0
    said = capsys.readouterr().out
    told = json.loads((out / "analysis.json").read_text())["measured"]
    assert [(one["split"], one["seed"]) for one in told] == [
        (split, seed) for split in ("3,8", str(folder / "noise.npz")) for seed in range(3)
    ]
    table = {(row["foreign"], row["score"]): row for row in rows(out / "out-of-distribution.csv")}
    areas = [one["areas"]["energy"] for one in told if one["split"] == "3,8"]
    assert float(table["3,8", "energy"]["auroc"]) == pytest.approx(np.mean(areas))
    each = [np.mean([one["areas"]["energy"] for one in told if one["seed"] == seed]) for seed in range(3)]
    mean, low, high, _ = interval(np.array(each)[:, None])
    row = table["mean of all", "energy"]
    np.testing.assert_allclose([float(row[k]) for k in ("auroc", "low", "high")], [mean[0], low[0], high[0]])
    assert "3,8 among " in said
    assert (out / "out-of-distribution.svg").is_file()
    assert auroc([1.0, 0.0], [True, False]) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--cycles", "3"], "--cycles: 3 is more than the 2 that there are"),
        (["--cycles", "0"], "--cycles: expected at least 1, got 0"),
        (["--strategies", "entrpy"], "unknown strategy 'entrpy'"),
        (["--of", "bald"], "unknown strategy 'bald'"),
        (["--strategies", "svm_margin"], "svm_margin: svm_margin needs margins"),
        (["--out-classes", "3", "--cycles", "1"], "--cycles: is not for foreign items"),
        (["--out-classes", "3", "--of", "margin"], "--of: the model of the initial set tells foreign items"),
        (["--out-classes", "dog"], "unknown class in --out-classes 'dog'"),
        (["--out-classes", "3", "--strategies", "oracle"], "oracle: reads the truth"),
        (["--scale", "desk"], "--scale: "),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_before_training(
    folder: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyse", str(folder / "look.toml"), "--out", str(folder / "never"), *options]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (folder / "never").exists()


@pytest.mark.parametrize("name", ["figure-3.3", "figure-3.4", "figure-3.5"])
@pytest.mark.parametrize("scale", ["full", "desk"])
def test_the_figures_of_the_thesis_are_presets_at_two_scales(name: str, scale: str) -> None:
    from askew.experiment.study import read

    for config in read(name, scale).experiments.values():
        protocol, pool = config.protocol, config.data.pool_items or 50_000
        assert (protocol.initial / pool, protocol.budget / pool) == (0.1, 0.05)
        assert protocol.cycles == (1 if name == "figure-3.5" else 3)
        assert {"dispersion", "random", "oracle"} <= {entry.name for entry in config.strategies}
        assert (config.learner.backbone, config.learner.preset) == (
            ("resnet18-cifar", "thesis-ch3") if scale == "full" else ("small-convnet", "quick")
        )

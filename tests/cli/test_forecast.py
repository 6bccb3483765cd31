"""`askew forecast` on a table and on an experiment's folder: the figures of the function, and refusals in one line."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest

from askew.cli.main import main
from askew.forecast import forecast, labels_to_reach
from askew.report.ledgers import read

DIGITS = Path(__file__).parents[2] / "results" / "digits"
COUNTS, VALUES = [100, 200, 400, 800], [0.60, 0.70, 0.78, 0.84]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "curve.csv"
    rows = "".join(f"{n},{v}\n" for n, v in zip(COUNTS, VALUES, strict=True))
    path.write_text("n_labeled,accuracy\n" + rows, encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copyfile(DIGITS / "experiment.json", tmp_path / "experiment.json")
    for line in gzip.decompress((DIGITS / "ledgers.jsonl.gz").read_bytes()).splitlines(keepends=True):
        if run := json.loads(line).get("run"):
            place = tmp_path / "runs" / f"{run['label']}-seed{run['seed']}" / "ledger.jsonl"
            place.parent.mkdir(parents=True)
        with place.open("ab") as stream:
            stream.write(line)
    return tmp_path


def test_a_table_gives_the_figures_of_the_function(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forecast", str(table), "--n-test", "500", "--gain", "1", "--target", "90", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    expected = forecast(COUNTS, VALUES, [1200, 1600], n_test=500)
    assert [of["labels"] for of in one["next"]] == [400, 800]
    for name in ("median", "low", "high", "gain", "gain_low", "gain_high"):
        assert [of[name] for of in one["next"]] == getattr(expected, name).tolist()
    assert [of["stop"] for of in one["next"]] == expected.enough(0.01).tolist()
    assert one["reach"] == vars(labels_to_reach(COUNTS, VALUES, 0.9, n_test=500))


def test_sentences_say_gain_interval_and_whether_to_stop(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forecast", str(table), "--next", "100", "--gain", "9"]) == 0
    found = forecast(COUNTS, VALUES, 900)
    said = capsys.readouterr().out
    assert "curve: 84.0% with 800 labels\n" in said
    assert f"100 more are likely to bring {100 * found.gain[0]:+.1f} points" in said
    assert said.endswith(": stop\n")


def test_an_experiment_is_forecast_strategy_by_strategy(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forecast", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["label"] for one in found] == list(read(folder).labels)
    runs = [[c.metrics["accuracy"] for c in run.cycles] for run in read(folder).of("random")]
    expected = forecast([20, 40, 60, 80, 100, 120], runs, [140, 240], n_test=read(folder).n_test)
    assert [of["high"] for of in found[0]["next"]] == expected.high.tolist()
    assert main(["forecast", str(folder), "--strategy", "bald", "--metric", "mean_class_accuracy"]) == 0
    assert capsys.readouterr().out.startswith("bald: ")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--next", "0"], "--next: expected one label"),
        (["--gain", "0"], "--gain: expected"),
        (["--target", "nan"], "--target: expected"),
        (["--level", "1"], "--level: expected"),
        (["--strategy", "random"], "leave them out"),
    ],
)
def test_what_cannot_be_is_one_line(
    table: Path, more: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["forecast", str(table), *more]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("askew: ")
    assert message in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_an_unknown_strategy_or_metric_names_the_nearest(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forecast", str(folder), "--strategy", "randum"]) == 2
    assert "random" in capsys.readouterr().err
    assert main(["forecast", str(folder), "--metric", "accurracy"]) == 2
    assert "accuracy" in capsys.readouterr().err

"""`askew advise`: what it prints, from numbers and from a folder, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from askew.advice import Gain, advise
from askew.cli.main import main
from askew.experiment.ledger import Cycle, Header, open_ledger

NUMBERS = ["--classes", "10", "--items", "2000", "--labels", "30", "--budget", "30"]


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["advise", *arguments]) == 0
    return capsys.readouterr().out


def test_it_says_what_the_function_says_and_shows_the_evidence(capsys: pytest.CaptureFixture[str]) -> None:
    expected = advise(10, 2000, 30, 30)
    found = json.loads(told(capsys, *NUMBERS, "--json"))
    assert {key: found[key] for key in expected.record()} == expected.record()
    out = told(capsys, *NUMBERS)
    assert out.startswith(f"{expected.name}   ({expected.confidence})\n")
    line = next(one for one in out.splitlines() if one.split()[0:1] == ["kcenter"])
    for dataset in {cell.dataset for cell in expected.cells}:
        gains = [cell.gains["kcenter"].mean for cell in expected.cells if cell.dataset == dataset]
        assert f"{dataset} {sum(gains) / len(gains):+.1f}" in line


def test_outside_of_the_evidence_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert "(not known)" in told(capsys, *NUMBERS, "--no-features")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (NUMBERS[:-2], "askew: --budget: is missing"),
        ([*NUMBERS[:-1], "5000"], "askew: budget: 5000 labels more than the 30 there are"),
        (["nowhere"], "askew: nowhere: no such folder"),
        (["nowhere", "--labels", "3"], "askew: --labels: nowhere says it: leave it out"),
    ],
)
def test_what_is_wrong_is_one_line(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["advise", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith(message)
    assert error.count("\n") == 1


def test_a_folder_brings_its_numbers_and_its_own_gains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    about = {
        "name": "x", "dataset": "digits", "classes": ["a", "b"], "n_items": 50, "n_test": 9,
        "config": {"learner": {"features": "efficientnet-lite0"}}, "versions": {}, "machine": {}, "created": "now",
        "threads": 1, "unreadable": [],
    }  # fmt: skip
    (tmp_path / "experiment.json").write_text(json.dumps(about))
    for label, gain in (("random", 0.0), ("kcenter", 0.02)):
        for seed in (0, 1):
            header = Header(label, label, seed, 2, 4, (0, 1))
            with open_ledger(tmp_path / "runs" / f"{label}-seed{seed}", header) as ledger:
                ledger.append(Cycle(0, 2, {"accuracy": 0.5}, (1, 1), (2, 3, 4, 5), (0, 0, 1, 1)))
                ledger.append(Cycle(1, 6, {"accuracy": 0.6 + gain * (1 + seed)}, (3, 3)))
    found = json.loads(told(capsys, str(tmp_path), "--json"))
    assert [found[key] for key in ("classes", "items", "labels", "budget", "features")] == [2, 50, 6, 4, True]
    assert found["strategy"] == advise(2, 50, 6, 4).plan.strategy.name
    assert found["measured_here"] == {"kcenter": Gain.of(np.array([2.0, 4.0])).record()}
    assert "kcenter  +3.0 ± " in told(capsys, str(tmp_path), "--budget", "3")

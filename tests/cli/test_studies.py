"""`askew run` with a study of several experiments: folders, one page, missing data, going on, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from askew.cli.main import main
from askew.experiment import grid, workers
from askew.experiment.config import ExperimentConfig

STUDY = """
name = "try"
[data]
source = "digits"
pool_items = 200
test_items = 100
[learner]
estimator = "sklearn.naive_bayes.GaussianNB"
[protocol]
initial = 20
budget = 10
cycles = 3
seeds = 1
[[strategies]]
strategy = "random"
[[strategies]]
strategy = "entropy"
[[strategies]]
strategy = "entropy"
balance = 0.6
[[experiments]]
name = "if-0.1"
data.long_tail = { imbalance = 0.1 }
[experiments.paper]
source = "Table 4.1, IF 0.1"
gains = { "entropy+balance" = [0.54, 0.86] }
[[experiments]]
name = "if-1"
data.long_tail = { imbalance = 1 }
[experiments.paper]
source = "Table 4.1, IF 1"
gains = { "entropy+balance" = [0.0, 0.03] }
"""
ABSENT = """
[[experiments]]
name = "absent"
data.source = "cifar100"
"""


def in_this_process(config: ExperimentConfig, place: grid.Place, **told: Any) -> list[grid.Job]:
    """Does what `workers.run_all` does without processes of their own, which take seconds to start."""
    for job in grid.jobs_of(config):
        workers.run_job(config, place, job, told["watch"])
        told["done"](job)
    return []


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workers, "run_all", in_this_process)
    (tmp_path / "try.toml").write_text(STUDY)
    return tmp_path


def listed(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("ledger.jsonl"))}


def test_each_experiment_has_its_folder_and_all_have_one_page(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "try.toml", "--jobs", "1"]) == 0
    said = capsys.readouterr().out
    assert "if-0.1 (1 of 2)" in said
    assert "Gain over the plain method, beside the paper, Table 4.1, IF 0.1" in said
    assert "+0.86" in said
    out = there / "runs" / "try"
    assert f"report of all 2 experiments: {Path('runs') / 'try' / 'report' / 'index.html'}" in said
    assert json.loads((out / "if-1" / "experiment.json").read_text())["name"] == "try-if-1"
    page = (out / "report" / "index.html").read_text(encoding="utf-8")
    assert "if-0.1: entropy+balance" in page
    before = listed(out)
    assert len(before) == 6

    assert main(["run", "try.toml", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in found["experiments"]] == ["try-if-0.1", "try-if-1"]
    assert found["missing"] == []
    assert listed(out) == before, "what was finished is not run again"

    (out / "report" / "index.html").unlink()
    assert main(["report", str(out)]) == 0
    assert (out / "report" / "index.html").read_text(encoding="utf-8") == page
    capsys.readouterr()
    assert main(["report", str(out), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["experiments"]) == 2


def test_a_study_that_was_stopped_goes_on_with_what_is_left(there: Path) -> None:
    assert main(["run", "try.toml", "--jobs", "1"]) == 0
    out = there / "runs" / "try"
    whole = listed(out)
    ledger = out / "if-1" / "runs" / "entropy-seed0" / "ledger.jsonl"
    ledger.write_bytes(b"".join(ledger.read_bytes().splitlines(keepends=True)[:3]))
    assert main(["run", "try.toml", "--jobs", "1"]) == 0
    picks = [
        [json.loads(line)["asked"]["asked"] for line in one.splitlines() if b'"asked":{' in line]
        for one in (whole[str(ledger)], ledger.read_bytes())
    ]
    assert picks[0] == picks[1]


def test_data_that_are_not_here_are_said_and_the_rest_runs(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (there / "try.toml").write_text(STUDY + ABSENT)
    command = ["run", "try.toml", "--jobs", "1", "--data-root", str(there)]
    assert main([*command, "--dry-run"]) == 0
    said = capsys.readouterr()
    assert "askew: absent is left out: cifar100" in said.err
    assert "try: 2 experiments, about" in said.out
    assert not (there / "runs").exists()
    assert main(command) == 1
    assert "askew: absent is left out: cifar100" in capsys.readouterr().err
    page = (there / "runs" / "try" / "report" / "index.html").read_text(encoding="utf-8")
    assert "absent: not run" in page
    assert main([*command, "--json"]) == 1
    assert [one["part"] for one in json.loads(capsys.readouterr().out)["missing"]] == ["absent"]


def test_a_study_without_any_of_its_data_is_one_line(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (there / "try.toml").write_text(STUDY.split("[[experiments]]")[0] + ABSENT)
    assert main(["run", "try.toml", "--data-root", str(there)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("askew: cifar100")
    assert said.count("\n") == 1
    assert not (there / "runs").exists()


def test_everything_is_checked_before_anything_runs(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (there / "try.toml").write_text(
        STUDY + ABSENT.replace("cifar100", "digits").replace("absent", "large") + "protocol.budget = 900\n"
    )
    assert main(["run", "try.toml", "--jobs", "1"]) == 2
    assert "askew: large: protocol: 1820 labels by the last cycle" in capsys.readouterr().err
    assert not (there / "runs").exists()


@pytest.mark.parametrize("inside", ["notes.txt", "experiment.json"])
def test_a_folder_of_something_else_is_refused(there: Path, inside: str, capsys: pytest.CaptureFixture[str]) -> None:
    (there / "mine").mkdir()
    (there / "mine" / inside).write_text("{}")
    assert main(["run", "try.toml", "--out", "mine"]) == 2
    assert "mine: is not empty and holds no study: choose another --out" in capsys.readouterr().err
    assert [path.name for path in (there / "mine").iterdir()] == [inside]


def test_another_study_in_the_folder_is_refused(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (there / "mine").mkdir()
    (there / "mine" / "study.json").write_text(json.dumps({"name": "other", "scale": None, "experiments": ["a"]}))
    assert main(["run", "try.toml", "--out", "mine"]) == 2
    assert "mine: holds the study 'other', not 'try': choose another --out" in capsys.readouterr().err

"""Reading ledgers: whole ones, unfinished ones, cut ones, and what is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from askew.errors import DataNotFound, InputError
from askew.report.ledgers import Experiment, read


def ledger(folder: Path, run: str) -> Path:
    return folder / "runs" / run / "ledger.jsonl"


def test_what_was_written_is_read(experiment: Callable[..., Path]) -> None:
    folder = experiment(labels=("random", "entropy"), seeds=(0, 3), cycles=4)
    found = read(folder)
    assert (found.name, found.dataset, len(found.classes), found.n_test) == ("made-up", "fashion-mnist", 10, 10_000)
    assert found.seeds == (0, 3)
    assert [(run.label, run.seed) for run in found.of("entropy")] == [("entropy", 0), ("entropy", 3)]
    run = found.of("entropy")[1]
    written = [json.loads(line) for line in ledger(folder, "entropy-seed3").read_text().splitlines()]
    assert run.settings == written[0]["run"]
    assert (
        [cycle.n_labeled for cycle in run.cycles] == [line["n_labeled"] for line in written[1:]] == [200, 300, 400, 500]
    )
    assert [dict(cycle.metrics) for cycle in run.cycles] == [line["metrics"] for line in written[1:]]
    assert list(run.cycles[0].asked) == written[1]["asked"]
    assert run.finished
    assert not found.unfinished
    assert not found.failures


def test_strategies_come_in_order_with_the_balanced_after_the_plain(experiment: Callable[..., Path]) -> None:
    labels = ("margin", "kcenter+balance", "entropy+balance", "random", "kcenter", "entropy")
    found = read(experiment(labels=labels, seeds=(0,), cycles=2))
    assert found.labels == ("random", "entropy", "entropy+balance", "kcenter", "kcenter+balance", "margin")
    assert found.plain_of("entropy+balance") == "entropy"
    assert found.plain_of("entropy") is None


def test_plain_means_the_same_parameters(experiment: Callable[..., Path], writer: Any, head: Any) -> None:
    folder = experiment(labels=("random",), seeds=(0,), cycles=2)
    cycle = {"cycle": 0, "n_labeled": 5, "metrics": {"accuracy": 0.5}}
    for label, parameters in (("power-1", {"power": 1}), ("power-2", {"power": 2}), ("power-2+balance", {"power": 2})):
        lines = head(label, 0, 2, 5)
        lines["run"] |= {"strategy": "power", "parameters": parameters}
        writer(folder, lines, [cycle])
    assert read(folder).plain_of("power-2+balance") == "power-2"


def test_a_line_that_was_cut_short_is_left_out(experiment: Callable[..., Path]) -> None:
    folder = experiment(labels=("random",), seeds=(0,), cycles=4, full=False)
    path = ledger(folder, "random-seed0")
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for cut in (1, 10, len(lines[-1]) // 2):
        path.write_bytes(whole[:-cut] if cut > 1 else b"".join(lines[:-1]) + lines[-1][:5])
        found = read(folder)
        assert [cycle.number for cycle in found.runs[0].cycles] == [0, 1, 2]
        assert found.unfinished == found.runs


def test_a_broken_line_in_the_middle_is_an_error(experiment: Callable[..., Path]) -> None:
    folder = experiment(labels=("random",), seeds=(0,), cycles=4, full=False)
    path = ledger(folder, "random-seed0")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:2], '{"cycle": 1, "n_la\n', *lines[3:]]))
    with pytest.raises(InputError, match=r"ledger\.jsonl: line 3 is not a JSON object"):
        read(folder)


def test_a_missing_cycle_or_key_is_an_error(experiment: Callable[..., Path]) -> None:
    folder = experiment(labels=("random",), seeds=(0,), cycles=4, full=False)
    path = ledger(folder, "random-seed0")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:2], *lines[3:]]))
    with pytest.raises(InputError, match="line 3: cycle 2 where cycle 1 was expected"):
        read(folder)
    path.write_text("".join([lines[0], lines[1].replace('"n_labeled"', '"n"')]))
    with pytest.raises(InputError, match="line 2: the key 'n_labeled' is missing"):
        read(folder)
    path.write_text("".join(lines[1:]))
    with pytest.raises(InputError, match="not a ledger's header"):
        read(folder)


def test_a_run_that_failed_is_there_with_its_reason(experiment: Callable[..., Path]) -> None:
    folder = experiment(labels=("random", "bald"), seeds=(0, 1), cycles=3, full=False)
    (folder / "runs" / "bald-seed1" / "failure.txt").write_text("Traceback\nRuntimeError: out of memory\n")
    ledger(folder, "bald-seed1").unlink()
    found = read(folder)
    assert [(run.label, run.seed, run.cycles) for run in found.failures] == [("bald", 1, ())]
    assert found.failures[0].failure == "Traceback\nRuntimeError: out of memory"
    assert found.labels == ("random", "bald")


def test_a_run_that_only_has_its_header_is_not_there_yet(experiment: Callable[..., Path]) -> None:
    folder = experiment(labels=("random", "entropy"), seeds=(0,), cycles=3, full=False)
    path = ledger(folder, "entropy-seed0")
    path.write_text(path.read_text().splitlines(keepends=True)[0])
    assert read(folder).labels == ("random",)


def test_folders_that_are_no_experiment(tmp_path: Path, experiment: Callable[..., Path]) -> None:
    with pytest.raises(DataNotFound, match="no such folder"):
        read(tmp_path / "nowhere")
    with pytest.raises(DataNotFound, match=r"experiment\.json: not found"):
        read(tmp_path)
    (tmp_path / "experiment.json").write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        read(tmp_path)
    (tmp_path / "experiment.json").write_text("[]")
    with pytest.raises(InputError, match="expected a JSON object, got list"):
        read(tmp_path)
    (tmp_path / "experiment.json").write_text('{"name": "a"}')
    with pytest.raises(DataNotFound, match="no ledger with a finished cycle"):
        read(tmp_path)
    folder = experiment(labels=("random",), seeds=(0,), cycles=2)
    (folder / "experiment.json").write_text('{"name": "a"}')
    with pytest.raises(InputError, match="the key 'dataset' is missing"):
        read(folder)


def test_labels_with_hyphens_and_seeds(experiment: Callable[..., Path]) -> None:
    found: Experiment = read(experiment(labels=("random", "entropy+pseudo-label"), seeds=(12,), cycles=2))
    assert found.labels == ("random", "entropy+pseudo-label")
    assert found.seeds == (12,)

"""Reading ledgers: whole ones, unfinished ones, cut ones, and what is none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from askew.errors import DataNotFound, InputError
from askew.experiment.ledger import Cycle, read_ledger
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
    assert (run.header, run.cycles) == read_ledger(ledger(folder, "entropy-seed3"))
    assert [cycle.n_labeled for cycle in run.cycles] == [200, 300, 400, 500]
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
    cycle = Cycle(0, 5, {"accuracy": 0.5}, (1,) * 10)
    for label, parameters in (("power-1", {"power": 1}), ("power-2", {"power": 2}), ("power-2+balance", {"power": 2})):
        writer(folder, head(label, 0, 2, 5, strategy="power", parameters=parameters), [cycle])
    assert read(folder).plain_of("power-2+balance") == "power-2"


def test_a_line_that_was_cut_short_is_left_out(experiment: Callable[..., Path]) -> None:
    folder = experiment(labels=("random",), seeds=(0,), cycles=4, full=False)
    path = ledger(folder, "random-seed0")
    whole = path.read_bytes()
    for cut in (1, 10, len(whole.splitlines()[-1]) // 2):
        path.write_bytes(whole[:-cut])
        found = read(folder)
        assert [cycle.number for cycle in found.runs[0].cycles] == [0, 1, 2]
        assert found.unfinished == found.runs


def test_a_damaged_ledger_is_told_with_its_line(experiment: Callable[..., Path]) -> None:
    folder = experiment(labels=("random",), seeds=(0,), cycles=4, full=False)
    path = ledger(folder, "random-seed0")
    lines = path.read_bytes().splitlines(keepends=True)
    wrong = (
        lines[1].replace(b'"accuracy":0', b'"accuracy":null,"a":0'),
        lines[1].replace(b'"accuracy":0', b'"accuracy":"high","a":0'),
        lines[1].replace(b'"asked":[', b'"asked":[-1,'),
        b"[" * 100_000 + b"\n",
        b'{"cycle": 1, "n_la\n',
        b"",
    )
    for line in wrong:
        path.write_bytes(b"".join([lines[0], line, *lines[2:]]))
        with pytest.raises(InputError, match=r"ledger\.jsonl: line [23]: ") as error:
            read(folder)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [None, "high", True, [0.5], {"a": 1}, float("nan")])
def test_a_metric_that_is_no_number_is_one_line(experiment: Callable[..., Path], value: object) -> None:
    # a ledger whose checks fit, as another program may have written it
    folder = experiment(labels=("random",), seeds=(0,), cycles=2, full=False)
    path = ledger(folder, "random-seed0")
    before, out = "", []
    for line in path.read_bytes().splitlines():
        event = json.loads(line)
        del event["check"]
        if "asked" in event:
            event["asked"]["metrics"]["accuracy"] = value
        body = json.dumps(event, separators=(",", ":"))
        before = hashlib.sha256(before.encode() + body.encode()).hexdigest()[:32]
        out.append(f'{body[:-1]},"check":"{before}"}}\n')
    path.write_text("".join(out))
    with pytest.raises(InputError, match=r"line 2: metrics\.accuracy: expected a finite number"):
        read(folder)


def test_a_ledger_in_the_folder_of_another_run_is_an_error(experiment: Callable[..., Path]) -> None:
    folder = experiment(labels=("random", "entropy"), seeds=(0, 1), cycles=2)
    ledger(folder, "random-seed1").write_bytes(ledger(folder, "random-seed0").read_bytes())
    with pytest.raises(InputError, match="is the ledger of random, seed 0"):
        read(folder)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("name", 3, "name: expected a text, got 3"),
        ("dataset", None, "dataset: expected a text"),
        ("classes", "abc", "classes: expected a list of texts"),
        ("classes", [1, 2], "classes: expected a text, got 1"),
        ("classes", ["a", "b"], "10 classes in the ledger, 2 in experiment"),
        ("n_items", "many", "n_items: expected a whole number"),
        ("n_test", 1.5, "n_test: expected a whole number"),
        ("config", [1], "config: expected an object"),
        ("versions", "1.0", "versions: expected an object"),
        ("machine", None, "machine: expected an object"),
        ("created", {}, "created: expected a text"),
    ],
)
def test_wrong_types_in_experiment_json(experiment: Callable[..., Path], key: str, value: object, message: str) -> None:
    folder = experiment(labels=("random",), seeds=(0,), cycles=2)
    path = folder / "experiment.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(InputError, match=message):
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
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert read(folder).labels == ("random",)


def test_folders_that_are_no_experiment(tmp_path: Path, experiment: Callable[..., Path]) -> None:
    with pytest.raises(DataNotFound, match="no such folder"):
        read(tmp_path / "nowhere")
    with pytest.raises(DataNotFound, match=r"experiment\.json: not found"):
        read(tmp_path)
    (tmp_path / "experiment.json").write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        read(tmp_path)
    (tmp_path / "experiment.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="not JSON"):
        read(tmp_path)
    (tmp_path / "experiment.json").write_text("[]")
    with pytest.raises(InputError, match="expected a JSON object, got list"):
        read(tmp_path)
    (tmp_path / "experiment.json").write_text('{"name": "a"}')
    with pytest.raises(DataNotFound, match="no ledger with a finished cycle"):
        read(tmp_path)
    folder = experiment(labels=("random",), seeds=(0,), cycles=2)
    (folder / "experiment.json").write_text('{"name": "a", "classes": ["b"]}')
    with pytest.raises(InputError, match="the key 'dataset' is missing"):
        read(folder)


def test_labels_with_hyphens_and_seeds(experiment: Callable[..., Path]) -> None:
    found: Experiment = read(experiment(labels=("random", "entropy+pseudo-label"), seeds=(12,), cycles=2))
    assert found.labels == ("random", "entropy+pseudo-label")
    assert found.seeds == (12,)

"""The grid: what cannot run is refused before a folder is made; a folder is of one experiment and one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from askew.data.dataset import Dataset
from askew.data.load import load
from askew.errors import InputError
from askew.experiment import grid
from askew.experiment.about import read_about
from askew.experiment.config import ExperimentConfig, parse
from askew.experiment.grid import Job, Line, jobs_of, prepared, summary
from askew.experiment.ledger import Cycle, Header, open_ledger
from askew.experiment.tasks import build_learner, pool_and_initial
from askew.experiment.workers import run_of
from askew.learn.classifier import Classifier


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


def config_of(strategies: Any = ("random", "entropy"), learner: Any = None, **protocol: Any) -> ExperimentConfig:
    values = {
        "name": "try",
        "data": {"source": "digits", "pool_items": 100},
        "learner": {"preset": "digits", **(learner or {})},
        "protocol": {"initial": 20, "budget": 10, "cycles": 3, "seeds": 2, **protocol},
        "strategies": list(strategies),
    }
    return parse(values, "my.toml")


def test_jobs_go_seed_by_seed_with_the_whole_pool_at_the_end() -> None:
    found = jobs_of(config_of(full=True))
    assert [(job.label, job.seed) for job in found] == [
        (label, seed) for seed in (0, 1) for label in ("random", "entropy", "full")
    ]
    assert found[4].folder == "runs/entropy-seed1"


def scorer(name: str, **balance: Any) -> dict[str, Any]:
    return {"strategy": name, **balance}


@pytest.mark.skipif(sys.platform == "win32", reason="no locks that a killed process loses")
def test_what_killed_runs_left_half_written_is_swept_when_the_folder_is_opened(digits: Dataset, tmp_path: Path) -> None:
    config, run = config_of(), tmp_path / "runs" / "random-seed0"
    with prepared(config, digits, tmp_path), open_ledger(run, HEADER) as ledger:
        ledger.ask(Cycle(number=0, n_labeled=20, metrics={"accuracy": 0.5}, labeled_counts=(2,) * 10, asked=(99,)))
    kept = sorted(path.name for path in run.iterdir())
    for left in (tmp_path / f".askew-{'0' * 16}.part", run / f".askew-{'1' * 16}.part"):
        left.write_text("half a file")
        os.utime(left, (time.time() - 60,) * 2)
    (tmp_path / f".askew-{'2' * 16}.part" / "new").mkdir(parents=True)
    os.utime(tmp_path / f".askew-{'2' * 16}.part", (time.time() - 60,) * 2)
    with prepared(config, digits, tmp_path):
        assert not list(tmp_path.rglob(".askew-*.part"))
    assert sorted(path.name for path in run.iterdir()) == kept


HEADER = Header(label="random", strategy="random", seed=0, cycles=3, budget=10, initial=tuple(range(20)))

LOGISTIC = {"estimator": "sklearn.linear_model.LogisticRegression"}
IMPOSSIBLE = {
    "too many labels": ((), {}, {"cycles": 10}, "110 labels by the last cycle, but the pool of seed 0 has 100"),
    "no draws without dropout": (["bald"], {"dropout": 0.0}, {}, "bald: bald needs draws"),
    "no dispersion in one epoch": (["dispersion"], {"training": {"epochs": 1}}, {}, "learner's epochs are 1: train a"),
    "no dispersion of an estimator": (
        ["dispersion"],
        LOGISTIC,
        {},
        "dispersion reads dispersion, which is recorded over 2 .*no epochs: train a",
    ),
    "a target of two classes": ([scorer("entropy", balance=1.0, target=[0.5, 0.5])], {}, {}, "2 classes"),
    "no dispersion for pseudo-labels": (
        [scorer("entropy", pseudo_labels={"share": 0.1})],
        {"training": {"epochs": 1}},
        {},
        r"entropy.two-dispersion-10: pseudo_labels reads dispersion, .*epochs are 1: train a .* or leave it out",
    ),
    "too many pseudo-labels": (
        [scorer("entropy", pseudo_labels={"share": 0.7, "models": "one"})],
        {},
        {},
        r"entropy.ceal-70: 40 labels by the last cycle and 70 pseudo-labels are more than the 100 items of the pool",
    ),
    "a device": (["random"], {}, {}, "device"),
    "weights": (["random"], {"pretrained": "no-such-file.safetensors"}, {}, "no-such-file"),
    "estimator's parameter": (["random"], {**LOGISTIC, "parameters": {"Z": 1}}, {}, "learner.parameters"),
    "estimator's value": (["random"], {**LOGISTIC, "parameters": {"C": -1.0}}, {}, "LogisticRegression fails on"),
    "no classifier": (["random"], {"estimator": "sklearn.linear_model.LinearRegression"}, {}, "no predict_proba"),
    "a function": (["random"], {"estimator": "sklearn.datasets.load_digits"}, {}, "is no class of estimators"),
    "a module": (["random"], {"estimator": "sklearn.utils"}, {}, "is no class of estimators"),
    "a stranger": (["random"], {"estimator": "os.system", "parameters": {"command": "touch x"}}, {}, "--trust-est"),
    "no dots": (["random"], {"estimator": "LogisticRegression"}, {}, "expected the whole path, such as sklearn.linear"),
    "a training value": (["random"], {"training": {"epochs": "3"}}, {}, "epochs"),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_what_could_not_be_run_to_its_end_is_refused_before_anything_is_written(digits: Dataset, case: str) -> None:
    strategies, learner, protocol, words = IMPOSSIBLE[case]
    config = config_of(strategies or ("random",), learner, **protocol)
    with pytest.raises(InputError, match=words) as caught:
        grid.check(config, digits, "cuda:77" if case == "a device" else "cpu")
    assert "\n" not in str(caught.value)


def test_what_can_be_run_passes(digits: Dataset) -> None:
    grid.check(config_of(["bald", "dispersion", scorer("kcenter", balance=0.5)]), digits, "cpu")
    grid.check(config_of([scorer("kcenter", pseudo_labels={"share": 0.6})]), digits, "cpu")
    grid.check(config_of(["margin", "vaal"], {**LOGISTIC, "parameters": {"max_iter": 500}}), digits, "cpu")


def test_a_strangers_estimator_runs_if_it_is_trusted(digits: Dataset, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "stranger.py").write_text(
        "from sklearn.dummy import DummyClassifier\ndef make(strategy): return DummyClassifier(strategy=strategy)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    config = config_of(["margin"], {"estimator": "stranger.make", "parameters": {"strategy": "prior"}})
    with pytest.raises(InputError, match="trust"):
        grid.check(config, digits)
    grid.check(config, digits, trust=True)


def test_every_key_of_the_learner_arrives() -> None:
    config = config_of(learner={"dropout": 0.4, "mc_passes": 7, "training": {"epochs": 2, "lr": 0.5}}).learner
    learner = build_learner(config, 10, device="cpu")
    assert isinstance(learner, Classifier)
    found = (learner.dropout, learner.mc_passes, learner.training.epochs, learner.training.lr, learner.backbone)
    assert found == (0.4, 7, 2, 0.5, "small-convnet")
    assert (learner.n_classes, learner.device.type, learner.training.batch) == (10, "cpu", 32)
    estimator = build_learner(config_of(learner={**LOGISTIC, "parameters": {"C": 3.0}}).learner, 10)
    assert estimator.estimator.C == 3.0  # type: ignore[attr-defined]


def test_pools_and_initial_sets_are_of_their_seed_alone(digits: Dataset) -> None:
    config = config_of()
    first, other = (pool_and_initial(config, digits, seed) for seed in (0, 1))
    again = pool_and_initial(config_of(["margin"], cycles=2), digits, 0)
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])
    assert (len(first[0]), len(first[1])) == (100, 20)
    assert len(np.unique(first[0])) == 100
    assert first[1].max() < 100
    uniform = pool_and_initial(config_of(initial_set="uniform"), digits, 0)
    assert np.bincount(digits.train.labels[uniform[0][uniform[1]]]).tolist() == [2] * 10


def test_a_folder_says_what_it_is_and_goes_on(digits: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out"
    config = config_of()
    with prepared(config, digits, out, threads=2) as threads:
        assert threads == 2
    found = read_about(out)
    assert (found.name, found.dataset, found.n_items, found.n_test, found.threads) == ("try", "digits", 100, 359, 2)
    assert found.classes == digits.classes
    assert ExperimentConfig.model_validate(found.config) == config
    finish(out, Job("random", 0))
    with prepared(config_of(["random", "margin"], seeds=3), digits, out) as threads:
        assert threads == 2
    assert [s["strategy"] for s in read_about(out).config["strategies"]] == ["random", "margin"]


def finish(out: Path, job: Job, *accuracies: float, waiting: bool = False) -> None:
    header = Header(job.label, "random", job.seed, 3, 2, (1, 2))
    with open_ledger(out / job.folder, header) as ledger:
        for number, accuracy in enumerate(accuracies or (0.5, 0.6, 0.7)):
            asked = () if number == 2 else (5 + 2 * number, 6 + 2 * number)
            labels = () if waiting else tuple(0 for _ in asked)
            ledger.append(Cycle(number, 2 + 2 * number, {"accuracy": accuracy}, (2 + 2 * number, 0), asked, labels))


@pytest.mark.parametrize(
    ("protocol", "threads", "words"),
    [({"budget": 11}, None, "with other settings"), ({}, 3, "compute with 1 thread, not 3")],
)
def test_results_are_not_mixed(digits: Dataset, tmp_path: Path, protocol: Any, threads: Any, words: str) -> None:
    with prepared(config_of(), digits, tmp_path):
        finish(tmp_path, Job("random", 0))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=words), prepared(config_of(**protocol), digits, tmp_path, threads=threads):
        pass
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def finish_as_planned(config: ExperimentConfig, digits: Dataset, out: Path) -> None:
    """Leaves a folder in which every run of the configuration has finished a cycle."""
    with prepared(config, digits, out):
        for job in jobs_of(config):
            header = run_of(config, job, np.array([1, 2]), 100).header()
            with open_ledger(out / job.folder, header) as ledger:
                ledger.append(Cycle(0, 2, {"accuracy": 0.5}, (2, 0), (5, 6), (0, 0)))


def test_pseudo_labels_of_a_run_are_its_own(digits: Dataset, tmp_path: Path) -> None:
    def of(share: float) -> ExperimentConfig:
        return config_of([{"strategy": "entropy", "label": "mine", "pseudo_labels": {"share": share}}], seeds=1)

    finish_as_planned(of(0.1), digits, tmp_path)
    grid.check_folder(of(0.1), tmp_path)
    with pytest.raises(InputError, match=r"ran 'mine' with other settings: pseudo_labels.share is 0.1 there and 0.2"):
        grid.check_folder(of(0.2), tmp_path)
    with pytest.raises(InputError, match=r"pseudo_labels is .* there and left out here"):
        grid.check_folder(config_of([{"strategy": "entropy", "label": "mine"}], seeds=1), tmp_path)


BALANCED = {"strategy": "entropy", "balance": 0.3}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({**BALANCED, "balance": 5}, "'entropy.balance' with other settings: balance.weight is 0.3 there and 5.0 here"),
        ({**BALANCED, "balance": "auto"}, 'balance.weight is 0.3 there and "auto" here'),
        ({**BALANCED, "target": [0.1] * 10}, "balance.target is left out there and"),
        ({**BALANCED, "balance_distance": "l2", "label": "entropy+balance"}, 'distance is "l1" there and "l2" here'),
        ({**BALANCED, "strategy": "margin", "label": "entropy+balance"}, 'strategy is "entropy" there and "margin"'),
        ({"strategy": "entropy", "label": "entropy+balance"}, "balance is .* there and left out here"),
    ],
)
def test_another_strategy_under_a_runs_label_is_refused(
    digits: Dataset, tmp_path: Path, entry: dict[str, Any], words: str
) -> None:
    finish_as_planned(config_of(["random", BALANCED], seeds=1), digits, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    changed = config_of(["random", entry], seeds=1)
    with pytest.raises(InputError, match=words):
        grid.check_folder(changed, tmp_path)
    with pytest.raises(InputError, match=words), prepared(changed, digits, tmp_path):
        pass
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_parameters_of_a_run_are_its_own(digits: Dataset, tmp_path: Path) -> None:
    finish_as_planned(config_of([{"strategy": "probcover", "parameters": {"radius": 0.5}}], seeds=1), digits, tmp_path)
    with pytest.raises(InputError, match=r"parameters.radius is 0.5 there and 0.7 here"):
        grid.check_folder(config_of([{"strategy": "probcover", "parameters": {"radius": 0.7}}], seeds=1), tmp_path)


@pytest.mark.parametrize(
    ("strategies", "seeds", "words"),
    [
        (["random"], 2, "leaves out: entropy-seed0, entropy-seed1: put"),
        (["random", "entropy"], 1, "leaves out: entropy-seed1, random-seed1: put"),
        (["margin"], [7], "leaves out: entropy-seed0, entropy-seed1, random-seed0 and 1 more: put"),
    ],
)
def test_a_smaller_experiment_over_a_larger_one_is_refused(
    digits: Dataset, tmp_path: Path, strategies: list[str], seeds: Any, words: str
) -> None:
    finish_as_planned(config_of(), digits, tmp_path)
    with pytest.raises(InputError, match=words):
        grid.check_folder(config_of(strategies, seeds=seeds), tmp_path)
    with prepared(config_of(["random", "entropy", "margin"], seeds=3, full=True), digits, tmp_path):
        finish(tmp_path, Job("full", 0))
    with pytest.raises(InputError, match="leaves out: full-seed0: put"):
        grid.check_folder(config_of(["random", "entropy"]), tmp_path)


def test_when_an_experiment_began_and_with_what_is_kept(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with prepared(config_of(["random"], seeds=1), digits, tmp_path):
        finish(tmp_path, Job("random", 0))
    old = replace(read_about(tmp_path), created="2020-01-01T00:00:00+00:00", versions={"askew": "0"})
    old.write(tmp_path)
    with prepared(config_of(["random"], seeds=1), digits, tmp_path):
        pass
    assert read_about(tmp_path) == old
    with prepared(config_of(["random"], seeds=2), digits, tmp_path):
        pass
    found = read_about(tmp_path)
    assert found.created == old.created
    assert found.versions != old.versions
    first, second = found.history
    assert first == {"since": old.created, "versions": {"askew": "0"}, "machine": old.machine}
    assert (second["versions"], second["machine"]) == (found.versions, found.machine)
    assert second["since"] > first["since"]
    with prepared(config_of(["random"], seeds=3), digits, tmp_path):
        pass
    assert read_about(tmp_path).history == found.history


def test_a_mended_configuration_runs_in_the_folder_that_holds_no_result_yet(digits: Dataset, tmp_path: Path) -> None:
    with prepared(config_of(), digits, tmp_path, threads=2):
        job = Job("random", 0)
        with open_ledger(tmp_path / job.folder, Header("random", "random", 0, 3, 10, (1, 2))):
            pass
        (tmp_path / job.folder / "failure.txt").write_text("broken")
    with prepared(config_of(budget=11), digits, tmp_path) as threads:
        assert threads == 1
    assert read_about(tmp_path).config["protocol"]["budget"] == 11
    assert not (tmp_path / job.folder).exists()


def test_a_folder_of_something_else_is_left_alone(digits: Dataset, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="holds no experiment"), prepared(config_of(), digits, tmp_path):
        pass
    with pytest.raises(InputError, match="is a file"), prepared(config_of(), digits, tmp_path / "thesis.tex"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


DAMAGED = ["", "[]", "{", "[" * 100_000, '{"name": "try"}', "null"]
WRONG = [("name", 3), ("classes", "ab"), ("n_items", "100"), ("threads", 0), ("config", []), ("unheard", 1)]


@pytest.mark.parametrize("damage", [*DAMAGED, *WRONG])
def test_an_experiment_json_that_is_none_is_one_line(digits: Dataset, tmp_path: Path, damage: Any) -> None:
    with prepared(config_of(), digits, tmp_path):
        pass
    path = tmp_path / "experiment.json"
    if isinstance(damage, tuple):
        damage = json.dumps({**json.loads(path.read_text()), damage[0]: damage[1]})
    path.write_text(damage)
    with pytest.raises(InputError, match=r"experiment\.json: ") as caught, prepared(config_of(), digits, tmp_path):
        pass
    assert "\n" not in str(caught.value)
    assert path.read_text() == damage


def test_nothing_of_the_configuration_but_text_is_identity(digits: Dataset, tmp_path: Path) -> None:
    with prepared(config_of(), digits, tmp_path):
        finish(tmp_path, Job("random", 0))
    path = tmp_path / "experiment.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "config": {"protocol": "none"}}))
    with pytest.raises(InputError, match="other settings"), prepared(config_of(), digits, tmp_path):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="no file locks there")
def test_two_commands_on_one_folder_are_one_too_many(digits: Dataset, tmp_path: Path) -> None:
    code = (
        "import fcntl, sys, time\n"
        f"file = open({str(tmp_path / 'lock')!r}, 'w'); fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print('locked', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(InputError, match="another askew run works in this folder"):
            prepared(config_of(), digits, tmp_path).__enter__()
        other.stdin.close()
        other.wait()
    with prepared(config_of(), digits, tmp_path):
        pass


def test_the_end_compares_equal_label_counts(tmp_path: Path) -> None:
    config = config_of(["random", "entropy", "margin"])
    finish(tmp_path, Job("random", 0), 0.5, 0.6, 0.7)
    finish(tmp_path, Job("random", 1), 0.3, 0.5)
    finish(tmp_path, Job("entropy", 1), 0.1, 0.2, 0.4)
    assert summary(config, tmp_path) == [Line("random", 4, pytest.approx(0.55), 2), Line("entropy", 6, 0.4, 1)]


def test_a_run_is_finished_when_its_last_cycle_is_there(tmp_path: Path) -> None:
    config = config_of()
    finish(tmp_path, Job("random", 0))
    finish(tmp_path, Job("random", 1), 0.5, 0.6)
    finish(tmp_path, Job("entropy", 0), 0.5, waiting=True)
    (tmp_path / "runs" / "entropy-seed1").mkdir()
    (tmp_path / "runs" / "entropy-seed1" / "ledger.jsonl").write_text("")
    assert [grid.is_finished(config, tmp_path, job) for job in jobs_of(config)] == [True, False, False, False]


def test_thumbnails_are_of_what_was_asked_first(digits: Dataset, tmp_path: Path) -> None:
    config = config_of(["random"], seeds=[0])
    finish(tmp_path, Job("random", 0))
    grid.save_thumbnails(config, digits, tmp_path)
    with np.load(tmp_path / "thumbnails.npz") as found:
        assert found["items"].tolist() == [5, 6]
        items, _ = pool_and_initial(config, digits, 0)
        assert np.array_equal(found["pixels"][0], digits.train.thumbnail(int(items[5])))
        assert found["names"].tolist() == ["", ""]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs", "thumbnails.npz"]
    called = tuple(f"digit/{i}.png" for i in range(len(digits.train)))
    grid.save_thumbnails(config, replace(digits, train=replace(digits.train, names=called)), tmp_path)
    with np.load(tmp_path / "thumbnails.npz") as found:
        assert found["names"].tolist() == [f"digit/{items[5]}.png", f"digit/{items[6]}.png"]


def test_a_ledger_older_than_a_setting_of_the_balance_has_its_default(digits: Dataset, tmp_path: Path) -> None:
    config, job = config_of([BALANCED]), Job("entropy+balance", 0)
    plan = config.strategies[0].plan().record()
    new = Header(job.label, "entropy", 0, 3, 10, (1, 2), plan["parameters"], plan["balance"])
    old = replace(new, balance={key: plan["balance"][key] for key in ("weight", "by", "distance", "target")})
    with prepared(config, digits, tmp_path), open_ledger(tmp_path / job.folder, old) as ledger:
        ledger.append(Cycle(0, 2, {"accuracy": 0.5}, (2, 0), (5, 6), (0, 0)))
    with prepared(config, digits, tmp_path), open_ledger(tmp_path / job.folder, new) as ledger:
        assert ledger.header == old
    tuned_once = {**BALANCED, "balance": "auto", "balance_tune": "first-cycle"}
    words = r'balance\.tune is "every-cycle" there and "first-cycle" here'
    with pytest.raises(InputError, match=words), prepared(config_of([tuned_once]), digits, tmp_path):
        pass

"""Experiments on frozen features: from a file, from a network once for all runs, and what is refused before that."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("timm")

import timm
from safetensors.torch import save_file

from askew.cli.main import main
from askew.data.load import load
from askew.errors import InputError
from askew.experiment import grid
from askew.experiment.config import ExperimentConfig, parse
from askew.experiment.estimate import remaining_seconds
from askew.experiment.ledger import Cycle, read_ledger
from askew.experiment.loop import Progress
from askew.experiment.tasks import build_learner, build_task, load_dataset, pool_and_initial, prepare_features
from askew.experiment.workers import run_job
from askew.learn.classifier import Classifier
from askew.learn.extractor import Extractor
from askew.learn.features import missing
from askew.learn.probe import LinearProbe
from askew.learn.sources import Source
from askew.learn.training import Training

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CONFIG = """
name = "frozen"
[data]
source = "digits"
[learner]
features = "{features}"
head = "{head}"
{more}
[protocol]
initial = 20
budget = 10
cycles = 3
seeds = 2
full = true
[[strategies]]
strategy = "random"
[[strategies]]
strategy = "{strategy}"
balance = 0.6
"""


def values(features: str, **learner: Any) -> dict[str, Any]:
    return {
        "name": "frozen",
        "data": {"source": "digits"},
        "learner": {"features": features, **learner},
        "protocol": {"initial": 20, "budget": 10, "cycles": 2, "seeds": 2},
        "strategies": [{"strategy": "random"}],
    }


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    """A file with the pixels of the digits as features, training pictures first."""
    digits = load("digits")
    both = [digits.train.pixels, digits.test.pixels]
    np.save(tmp_path / "x.npy", np.concatenate([one.reshape(len(one), -1) for one in both]).astype(np.float32))
    return tmp_path / "x.npy"


def run(folder: Path, text: str, *more: str) -> int:
    (folder / "frozen.toml").write_text(text)
    return main(["run", str(folder / "frozen.toml"), "--out", str(folder / "out"), "--jobs", "1", *more])


def cycles(folder: Path, label: str, seed: int = 0) -> tuple[Cycle, ...]:
    return read_ledger(folder / "out" / "runs" / f"{label}-seed{seed}" / "ledger.jsonl")[1]


@pytest.mark.parametrize(
    ("head", "strategy", "more"),
    [("logistic", "entropy", "warm_start = true"), ("linear", "dispersion", ""), ("svm", "svm_margin", "")],
)
def test_a_run_on_features_of_a_file(numbers: Path, head: str, strategy: str, more: str) -> None:
    folder = numbers.parent
    text = CONFIG.format(features=f"file:{numbers}", head=head, strategy=strategy, more=more)
    config = parse(tomllib.loads(text), "x")
    grid.check(config, load_dataset(config.data))
    for job in grid.jobs_of(config):
        if job.seed == 0:
            run_job(config, grid.Place(folder / "out"), job, lambda _: None)
    for label in ("random", f"{strategy}+balance"):
        assert [c.n_labeled for c in cycles(folder, label)] == [20, 30, 40]
        assert cycles(folder, label)[-1].metrics["accuracy"] > 0.6
    assert cycles(folder, "full")[0].metrics["accuracy"] > 0.93
    assert cycles(folder, "random")[0].metrics == cycles(folder, f"{strategy}+balance")[0].metrics


def test_a_run_that_fine_tunes_and_starts_warm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_file(timm.create_model("test_efficientnet", num_classes=0).state_dict(), tmp_path / "w.safetensors")
    word = f"timm:test_efficientnet:{tmp_path / 'w.safetensors'}"
    more = "finetune = true\nfeature_side_px = 32\nwarm_start = true\ntraining = { steps = 4, passes = 0, epochs = 2 }"
    text = CONFIG.format(features=word, head="logistic", strategy="bald", more=more).replace('head = "logistic"', "")
    text = text.replace('source = "digits"', 'source = "digits"\npool_items = 60\ntest_items = 100')
    config = parse(tomllib.loads(text), "x")
    learner = build_learner(config.learner, 10, device="cpu")
    assert isinstance(learner, Classifier)
    expected = Training.preset("finetune")
    assert learner.training == replace(expected, steps=4, passes=0, epochs=2)
    assert (learner.side_px, learner.source) == (32, Source.of(word))
    assert run(tmp_path, text, "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["training_steps"] == [4, 4, 4, 4]
    grid.check(config, load_dataset(config.data))
    for job in grid.jobs_of(config):
        if job.seed == 0:
            run_job(config, grid.Place(tmp_path / "out"), job, lambda _: None)
    assert [c.n_labeled for c in cycles(tmp_path, "bald+balance")] == [20, 30, 40]


def test_rows_of_a_file_are_the_pools_and_the_test_parts(numbers: Path) -> None:
    config = parse({**values(f"file:{numbers}"), "data": {"source": "digits", "pool_items": 50}}, "x")
    dataset = load_dataset(config.data)
    items, _ = pool_and_initial(config, dataset, 1)
    task = build_task(config, dataset, items)
    assert task._pool_feed.array()[7].tolist() == dataset.train.pixels[items[7]].ravel().tolist()
    assert task._test_feed.array()[3].tolist() == dataset.test.pixels[3].ravel().tolist()


def test_a_run_that_was_cut_off_goes_on_to_the_same_picks(numbers: Path) -> None:
    more = "warm_start = true\nparameters = { epochs = 3, lr = 2.0 }"
    config = parse(
        tomllib.loads(CONFIG.format(features=f"file:{numbers}", head="linear", strategy="entropy", more=more)), "x"
    )
    job = grid.Job("entropy+balance", 1)
    whole, cut = grid.Place(numbers.parent / "whole"), grid.Place(numbers.parent / "cut")
    run_job(config, whole, job, lambda _: None)

    def stop(progress: Progress) -> None:
        if (progress.cycle, progress.phase) == (2, "fit"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job(config, cut, job, stop)
    run_job(config, cut, job, lambda _: None)
    one, other = (read_ledger(job.ledger(place.out))[1] for place in (whole, cut))
    assert [(c.asked, c.metrics, c.model) for c in one] == [(c.asked, c.metrics, c.model) for c in other]
    assert one[1].model is not None


@pytest.fixture
def word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ASKEW_CACHE", str(tmp_path / "cache"))
    save_file(timm.create_model("test_efficientnet", num_classes=0).state_dict(), tmp_path / "w.safetensors")
    return f"timm:test_efficientnet:{tmp_path / 'w.safetensors'}"


def in_this_process(config: ExperimentConfig, place: grid.Place, **told: Any) -> list[grid.Job]:
    """Runs all jobs without workers, whose calls of the network nobody could count."""
    for job in grid.jobs_of(config):
        run_job(config, place, job, told["watch"])
    return []


def test_pictures_go_through_the_network_once_for_all_runs(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[int] = []
    plain = Extractor.__call__
    monkeypatch.setattr(Extractor, "__call__", lambda self, x: seen.append(len(x)) or plain(self, x))
    config = parse(
        {**values(word, feature_side_px=32), "data": {"source": "digits", "pool_items": 60, "test_items": 100}}, "x"
    )
    dataset = load_dataset(config.data)
    place = grid.Place(tmp_path / "out")
    few = remaining_seconds(config, dataset, place, jobs=1)
    assert sum(seen) > 0  # some are timed, and not all are computed for it
    assert few > 0
    assert missing(dataset.test, build_learner(config.learner, 10).extractor)
    told: list[tuple[int, int]] = []
    prepare_features(config, dataset, progress=lambda *done: told.append(done))
    assert told[-1] == (68, 68)
    seen.clear()
    prepare_features(config, dataset, progress=lambda *done: told.append(done))
    text = CONFIG.format(features=word, head="logistic", strategy="entropy", more="feature_side_px = 32")
    text = text.replace('source = "digits"', 'source = "digits"\npool_items = 60\ntest_items = 100')
    text = text.replace("seeds = 2", "seeds = 1")
    monkeypatch.setattr("askew.experiment.workers.run_all", in_this_process)
    assert run(tmp_path, text, "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["training_steps"] is None
    assert run(tmp_path, text) == 0
    assert seen == []


@pytest.mark.parametrize(
    ("learner", "message"),
    [
        ({"features": "efficientnet"}, "learner: unknown source of features 'efficientnet': did you mean"),
        ({"features": "file:x.npy", "head": "svn"}, 'learner.head: expected "logistic", "linear" or "svm", got "svn"'),
        ({"features": "file:x.npy", "parameters": {"c": 1, "epoch": 3}}, "unknown parameter of head logistic"),
        ({"features": "file:x.npy", "head": "svm", "parameters": {"C": -1}}, "head svm: C: expected a number above 0"),
        ({"features": "file:x.npy", "backbone": "resnet18-cifar"}, "learner.backbone: is not for frozen features"),
        ({"features": "file:x.npy", "estimator": "sklearn.svm.SVC"}, "learner.estimator: is not for frozen features"),
        ({"features": "file:x.npy", "training": {"lr": 1.0}}, "learner.training: is not for frozen features"),
        ({"features": "file:x.npy", "feature_side_px": 64}, "feature_side_px: a file has its features already"),
        ({"features": "file:x.npy", "head": "svm", "warm_start": True}, "learner.warm_start: head svm is trained anew"),
        ({"head": "svm"}, "learner.head: is for frozen features"),
        ({"feature_side_px": 64}, "learner.feature_side_px: is for frozen features"),
        ({"finetune": True}, "learner.finetune: is for frozen features: say features = ..."),
        ({"features": "file:x.npy", "finetune": True}, "learner.finetune: file:x.npy has no network that could be"),
        ({"features": "timm:resnet18", "finetune": True, "head": "svm"}, "learner.head: is not for fine-tuning"),
        ({"features": "timm:resnet18", "finetune": True, "preset": "quick"}, "learner.preset: is not for fine-tuning"),
        ({"features": "timm:resnet18", "finetune": 1}, "learner.finetune: expected true or false"),
    ],
)
def test_what_a_configuration_refuses(learner: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse({**values("file:x.npy"), "learner": learner}, "x")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_configuration_survives_being_written_down(numbers: Path) -> None:
    config = parse(values(f"file:{numbers}", head="linear", parameters={"lr": 3}), "x")
    assert parse(config.model_dump(mode="json"), "x") == config


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"strategy": "bald"},
            "bald needs draws, which this learner does not give; it gives energy, features, labeled_likeness, probs, "
            "truth",
        ),
        (
            {"strategy": "dispersion"},
            "which is recorded over 2 epochs or more, and this learner's training has no epochs",
        ),
        ({"strategy": "svm_margin"}, "svm_margin needs margins, which this learner does not give"),
        ({"file": "short"}, "has 1796 rows; expected 1797: the 1438 training pictures of digits, then its 359 test"),
        ({"file": "none"}, "no such file"),
        ({"test_items": 5}, "has a row for every test picture: leave test_items out"),
        ({"features": "timm:no_such_net"}, "unknown network of timm 'no_such_net'"),
    ],
)
def test_what_a_run_refuses_before_it_writes(
    numbers: Path, change: dict[str, Any], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(numbers.parent / "short.npy", np.load(numbers)[1:])
    features = change.get("features", f"file:{numbers.parent / (change.get('file', 'x') + '.npy')}")
    strategy = change.get("strategy", "entropy")
    text = CONFIG.format(features=features, head="logistic", strategy=strategy, more="")
    if "test_items" in change:
        text = text.replace('source = "digits"', f'source = "digits"\ntest_items = {change["test_items"]}')
    assert run(numbers.parent, text) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not (numbers.parent / "out").exists()


def test_a_learner_of_a_configuration_is_a_probe(numbers: Path) -> None:
    learner = parse(values(f"file:{numbers}", head="svm", parameters={"C": 2, "class_weights": True}), "x").learner
    probe = build_learner(learner, 10)
    assert isinstance(probe, LinearProbe)
    assert vars(probe.head) == {"C": 2.0, "class_weights": True}

"""Experiments with vaal: every kind of learner, resumed runs, and a folder whose settings change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from askew.data.load import load
from askew.errors import InputError
from askew.experiment.config import ExperimentConfig, parse
from askew.experiment.grid import Job, Place, check, prepared
from askew.experiment.ledger import Cycle, Header, open_ledger, read_ledger
from askew.experiment.tasks import pool_and_initial
from askew.experiment.workers import run_job
from askew.learn.vaal import labeled_likeness
from askew.learn.vaal_settings import VaalSettings
from askew.seeding import number

SHORT: dict[str, Any] = {"iterations": 3, "batch": 8, "width": 4, "hidden": 8, "latent": 4}
LEARNERS: dict[str, dict[str, Any]] = {
    "a network": {"preset": "digits", "backbone": "small-convnet", "training": {"epochs": 1}},
    "an estimator": {"estimator": "sklearn.linear_model.LogisticRegression", "parameters": {"max_iter": 500}},
    "a head on features of a file": {"features": "file:FEATURES", "head": "svm"},
}


def config_of(learner: dict[str, Any], strategies: Any = ("vaal",), **sections: Any) -> ExperimentConfig:
    values = {
        "name": "try",
        "data": {"source": "digits", "pool_items": 80},
        "learner": learner,
        "protocol": {"initial": 20, "budget": 10, "cycles": 3, "seeds": 1},
        "strategies": list(strategies),
        **sections,
    }
    return parse(values, "my.toml")


def told(path: Path) -> list[tuple[object, ...]]:
    return [(c.asked, c.asked_labels, dict(c.metrics)) for c in read_ledger(path)[1]]


@pytest.mark.parametrize("kind", LEARNERS)
def test_whatever_learns_a_run_ends_and_a_stopped_one_ends_with_the_same_picks(kind: str, tmp_path: Path) -> None:
    learner = dict(LEARNERS[kind])
    if "features" in learner:
        digits = load("digits")
        rows = [one.pixels.reshape(len(one), -1) for one in (digits.train, digits.test) if one.pixels is not None]
        np.save(tmp_path / "rows.npy", np.concatenate(rows).astype(np.float32) / 16)
        learner["features"] = f"file:{tmp_path / 'rows.npy'}"
    config = config_of(learner, vaal=SHORT)
    job, place = Job("vaal", 0), Place(tmp_path / "out", device="cpu")
    check(config, load("digits"), "cpu")
    run_job(config, place, job, lambda _: None)
    whole, path = told(job.ledger(place.out)), job.ledger(place.out)
    assert [len(cycle.asked) for cycle in read_ledger(path)[1]] == [10, 10, 0]
    for lines in (1, 2, 3, 4):
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:lines]))
        run_job(config, place, job, lambda _: None)
        assert told(path) == whole


def test_what_is_asked_is_least_likely_to_be_labelled_by_the_settings_of_the_file(tmp_path: Path) -> None:
    config = config_of(LEARNERS["an estimator"], vaal=SHORT)
    job, place, digits = Job("vaal", 0), Place(tmp_path, device="cpu"), load("digits")
    run_job(config, place, job, lambda _: None)
    items, initial = pool_and_initial(config, digits, 0)
    labels = np.full(80, -1)
    labels[initial] = 0
    seed = number(number(0, 0, "predict"), "labeled_likeness")
    u = labeled_likeness(digits.train.take(items), labels, settings=VaalSettings(**SHORT), seed=seed, device="cpu")
    u[initial] = np.inf
    assert sorted(read_ledger(job.ledger(tmp_path))[1][0].asked) == sorted(np.argsort(u)[:10].tolist())


def test_settings_of_vaal_belong_to_a_folder_only_where_a_strategy_depends_on_them(tmp_path: Path) -> None:
    digits, learner = load("digits"), LEARNERS["an estimator"]
    header = Header(label="random", strategy="random", seed=0, cycles=3, budget=10, initial=tuple(range(20)))

    def prepare(strategies: list[str], **sections: Any) -> None:
        with prepared(config_of(learner, strategies, **sections), digits, tmp_path):
            pass

    prepare(["random"])
    with open_ledger(tmp_path / "runs" / "random-seed0", header) as ledger:
        ledger.ask(Cycle(number=0, n_labeled=20, metrics={"accuracy": 0.5}, labeled_counts=(2,) * 10, asked=(99,)))
    prepare(["random", "vaal"], vaal={"iterations": 5})
    prepare(["random", "vaal"], vaal={"preset": "desk", "iterations": 5})
    with pytest.raises(InputError, match=r"vaal\.iterations is 5 there and 6 here"):
        prepare(["random", "vaal"], vaal={"iterations": 6})
    with pytest.raises(InputError, match=r"vaal\.iterations is 5 there and left out here"):
        prepare(["random", "vaal"])
